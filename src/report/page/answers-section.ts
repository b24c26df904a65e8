import { markup, type Markup } from '../markup.js';
import type { ReportData } from '../report-data.js';

/** The frame of the list of answers, which the page's script fills. */
export function renderAnswersSection({ state }: ReportData): Markup {
  return markup`<section id="answers" aria-labelledby="answers-title"><h2 id="answers-title">Answers</h2><noscript><p>Searching the answers needs JavaScript. They are in answers.parquet beside this page, and in answers.jsonl of the run folder.</p></noscript><form id="answer-form" hidden><div class="fields"><label class="field search">Search<input type="search" name="search" autocomplete="off" placeholder="words in the answers"></label>${[
    ['base', 'Base'],
    ['condition', 'Condition'],
    ['seed', 'Seed'],
    ['step', 'Step'],
    ['evaluation', 'Evaluation'],
    ['question', 'Question'],
    ['outcome', 'Outcome'],
    ['coherent', 'Coherent'],
    ['label', 'Label'],
    ['sort', 'Order'],
  ].map(
    ([name = '', label = '']) =>
      markup`<label class="field" data-field="${name}">${label}<select name="${name}"></select></label>`,
  )}</div><p class="chips" id="answer-chips"></p></form><p id="answer-status" role="status" tabindex="-1">${state.answersStored === 0 ? 'There are no answers yet.' : ''}</p><p id="answer-parts" class="note"></p><div class="browser" id="answer-browser" hidden><div id="answer-list" role="listbox" tabindex="0" aria-label="Answers"></div><article id="answer-view" aria-label="Answer" tabindex="-1"></article></div></section>`;
}
