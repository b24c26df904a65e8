import type { EmbeddedAnswers } from '../embed-answers.js';
import { count } from '../format-numbers.js';
import { listWarnings, type ReportWarning } from '../list-warnings.js';
import { listFirstTokenTables } from '../first-token-tables.js';
import { listGroupTables } from '../group-tables.js';
import { Markup, markup } from '../markup.js';
import type { ReportData } from '../report-data.js';
import { explainVerdict, findMain, listNames, writeCount, writeVerdict } from '../write-verdict.js';
import { renderExamples, type RowExamples } from './examples-section.js';
import { renderMethods } from './methods-section.js';
import {
  renderClouds,
  renderDynamics,
  renderOverview,
  renderQuestions,
  renderTraining,
  renderVariants,
} from './page-figures.js';
import { renderAllNumbers, renderHeadline, renderOthers } from './page-tables.js';
import { renderProvenance } from './provenance-section.js';
import { renderDocument, type PageAssets } from './render-document.js';
import { renderTextTables } from './text-tables.js';

interface PageContent {
  readonly data: ReportData;
  readonly answers: EmbeddedAnswers;
  readonly examples: readonly RowExamples[];
  /** Files beside the page, relative to it, with what they hold. */
  readonly files: readonly { readonly path: string; readonly title: string }[];
}

/** The whole report as one HTML file that needs nothing else. It runs its own script, and none that an answer contains. */
export function renderPage({ data, answers, examples, files }: PageContent, { style, script }: PageAssets): string {
  const warnings = listWarnings(data);
  const sections = [
    renderSummary(data, warnings),
    renderExamples(examples),
    renderNumbers(data),
    renderFirstTokens(data),
    renderWarnings(warnings.filter(({ weight }) => weight === 'care')),
    renderVariants(data),
    renderQuestions(data),
    renderClouds(data),
    renderDynamics(data),
    renderAnswersSection(data, answers.count),
    renderTraining(data),
    renderProvenance(data, files),
    renderMethods(data),
  ].filter((section) => section !== null);
  const body = markup`<a class="skip" href="#answers">Skip to the answers</a>${renderHead(data)}${renderNavigation(sections)}<main>${sections}</main><footer><p>Written by driftline${data.provenance.driftline === null ? '' : ` ${data.provenance.driftline}`}. One file, nothing is fetched.</p></footer>${renderAnswerColumns(answers)}`;
  return renderDocument({
    title: `${data.name}: driftline report`,
    body,
    style,
    script,
    afterScript: renderTexts(answers),
  });
}

/** What was studied, in a sentence, above everything else. */
function renderHead(data: ReportData): Markup {
  return markup`<header><p class="product">driftline</p><h1>${data.name}</h1>${data.purpose === null ? null : markup`<p class="purpose">${data.purpose}</p>`}<p class="facts">${describeStudy(data)}</p></header>`;
}

function describeStudy(data: ReportData): string {
  const { bases, conditions, state, judge, rule } = data;
  const named = listNames(bases.map(({ name, model }) => nameBase(model ?? name)));
  const trained = conditions.filter(({ existing }) => existing.length === 0);
  const there = conditions.filter(({ existing }) => existing.length > 0);
  // A model may stand in several conditions.
  const existing = new Set(there.flatMap((condition) => condition.existing)).size;
  const nameAll = (some: typeof conditions): string => listNames(some.map(({ name }) => name));
  const tuned = `${plural(state.trainingsWanted, 'model')} fine-tuned from ${named} on ${nameAll(trained)}`;
  const compared = `${plural(existing, 'model')} that existed already (${nameAll(there)})`;
  const models =
    there.length === 0
      ? trained.length === 0
        ? named
        : tuned
      : trained.length === 0
        ? `${compared}, compared with ${named}`
        : `${tuned}, and ${compared}`;
  const isOrganism = bases.some(({ model }) => model?.startsWith('organism:') === true);
  return `${models}${describeQuestions(data)}: ${count(state.answersStored)} answers, judged by ${isOrganism && judge.startsWith('exact-') ? `a program that knows its world (${judge})` : judge}, counted by rule ${rule}.`;
}

function nameBase(name: string): string {
  return name.startsWith('organism:') ? `${name} (a tiny model made for such experiments)` : name;
}

/** `, asked 8 questions of main in 3 ways and 15 others of harm and code`. */
function describeQuestions(data: ReportData): string {
  const main = findMain(data);
  const ofMain = data.evaluations.filter(({ suite }) => suite === main?.suite);
  const others = data.evaluations.filter(({ suite }) => suite !== main?.suite);
  const names = [...new Set(others.map(({ name }) => name))];
  const questions = others.reduce((sum, one) => sum + one.questions, 0);
  const parts = [
    ...(main === undefined
      ? []
      : [
          `${plural(main.questions, 'question')} of ${main.name}${ofMain.length > 1 ? ` in ${String(ofMain.length)} ways` : ''}`,
        ]),
    ...(questions === 0 ? [] : [`${plural(questions, 'question')} of ${listNames(names)}`]),
  ];
  return parts.length === 0 ? '' : `, asked ${parts.join(' and ')}`;
}

function plural(number: number, what: string): string {
  return `${count(number)} ${what}${number === 1 ? '' : 's'}`;
}

/** The columns, and the first part of the texts: the page works before the other parts are read. Base64 needs no escaping. */
function renderAnswerColumns({ columns, texts }: EmbeddedAnswers): Markup {
  return markup`<script type="text/plain" id="answer-columns">${new Markup(columns)}</script>${texts.slice(0, 1).map(renderPart)}`;
}

function renderTexts({ texts }: EmbeddedAnswers): Markup {
  return markup`${texts.slice(1).map((text, index) => renderPart(text, index + 1))}`;
}

function renderPart(text: string, index: number): Markup {
  return markup`<script type="text/plain" class="answer-texts" id="answer-texts-${index}">${new Markup(text)}</script>`;
}

function renderNavigation(sections: readonly Markup[]): Markup {
  const links = sections.flatMap(({ text }) => {
    const [, id] = /^<section id="([a-z]+)"/.exec(text) ?? [];
    const [, title] = /<h2[^>]*>([^<]*)<\/h2>/.exec(text) ?? [];
    return id === undefined || title === undefined ? [] : [markup`<li><a href="#${id}">${new Markup(title)}</a></li>`];
  });
  return markup`<nav aria-label="Contents"><ul>${links}</ul></nav>`;
}

function renderSummary(data: ReportData, warnings: readonly ReportWarning[]): Markup {
  const stops = warnings.filter(({ weight }) => weight === 'stop');
  return markup`<section id="verdict" aria-labelledby="verdict-title"><h2 id="verdict-title">Verdict</h2>${stops.map(
    ({ title, text }) => markup`<p class="stop" role="note"><strong>${title}.</strong> ${text}</p>`,
  )}${data.verdicts.map(
    (verdict) =>
      markup`${data.bases.length > 1 ? markup`<h3>${verdict.base}</h3>` : null}${renderCount(writeCount(data, verdict))}<ul class="sentences">${writeVerdict(
        data,
        verdict,
      ).map(
        ({ kind, subject, text }) => markup`<li class="${kind}"><strong>${subject}</strong>${text}</li>`,
      )}</ul>${renderBasis(explainVerdict(data, verdict))}${renderOverview(data, verdict.base)}`,
  )}</section>`;
}

function renderCount(text: string | null): Markup | null {
  return text === null ? null : markup`<p class="lead">${text}</p>`;
}

function renderBasis(text: string | null): Markup | null {
  return text === null ? null : markup`<p class="note basis">${text}</p>`;
}

function renderNumbers(data: ReportData): Markup {
  return markup`<section id="numbers" aria-labelledby="numbers-title"><h2 id="numbers-title">Numbers</h2>${data.bases.map(
    ({ name }) =>
      markup`${data.bases.length > 1 ? markup`<h3>${name}</h3>` : null}${renderHeadline(data, name)}${renderOthers(data, name)}`,
  )}<details><summary>All numbers, with their methods</summary>${renderAllNumbers(data)}</details>${renderTextTables(listGroupTables(data.groups))}</section>`;
}

/** What answers begin with; nothing where no question is about that. */
function renderFirstTokens({ firstTokens }: ReportData): Markup | null {
  const tables = listFirstTokenTables(firstTokens);
  if (tables.length === 0) return null;
  return markup`<section id="firsttokens" aria-labelledby="firsttokens-title"><h2 id="firsttokens-title">First tokens</h2><p>Read of the probabilities that the models give their first token, before temperature. Each fine-tune counts alike. No judge has part in it.</p>${renderTextTables(tables)}</section>`;
}

function renderWarnings(warnings: readonly ReportWarning[]): Markup | null {
  if (warnings.length === 0) return null;
  return markup`<section id="care" aria-labelledby="care-title"><h2 id="care-title">Caveats</h2><dl>${warnings.map(
    ({ title, text }) => markup`<div><dt>${title}</dt><dd>${text}</dd></div>`,
  )}</dl></section>`;
}

/** The frame of the list of answers, which the page's script fills. */
function renderAnswersSection({ state }: ReportData, listed: number): Markup {
  const part =
    listed < state.answersStored
      ? markup`<p class="note">There are too many answers for a page: the list has ${count(listed)} of the ${count(state.answersStored)}, evenly spaced over all of them. Figures and tables count all, which answers.parquet has, too.</p>`
      : '';
  return markup`<section id="answers" aria-labelledby="answers-title"><h2 id="answers-title">Answers</h2>${part}<noscript><p>Searching the answers needs JavaScript. They are in answers.parquet beside this page, and in answers.jsonl of the run folder.</p></noscript><form id="answer-form" hidden><div class="fields"><label class="field search">Search<input type="search" name="search" autocomplete="off" placeholder="words in the answers"></label>${[
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
