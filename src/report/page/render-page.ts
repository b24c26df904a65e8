import type { EmbeddedAnswers } from '../embed-answers.js';
import type { ExampleAnswer } from '../choose-examples.js';
import { linkAnswers } from '../answer-link.js';
import { listWarnings, type ReportWarning } from '../list-warnings.js';
import { Markup, markup } from '../markup.js';
import type { MeasureRow, ReportData } from '../report-data.js';
import { countVerdict, explainVerdict, writeVerdict } from '../verdict.js';
import { renderAnswersSection } from './answers-section.js';
import { renderHead } from './render-head.js';
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
import { renderDocument, type PageAssets } from './render-document.js';
import { renderProvenance } from './provenance-section.js';

export interface PageContent {
  readonly data: ReportData;
  readonly answers: EmbeddedAnswers;
  readonly examples: readonly {
    readonly row: MeasureRow;
    /** How it was asked, if not plainly. */
    readonly way: string | null;
    readonly answers: readonly ExampleAnswer[];
  }[];
  /** Files beside the page, relative to it, with what they hold. */
  readonly files: readonly { readonly path: string; readonly title: string }[];
}

/** The whole report as one HTML file that needs nothing else: it may run its own script and nothing that an answer brings. */
export function renderPage({ data, answers, examples, files }: PageContent, { style, script }: PageAssets): string {
  const warnings = listWarnings(data);
  const sections = [
    renderSummary(data, warnings),
    renderExamples(examples),
    renderNumbers(data),
    renderWarnings(warnings.filter(({ weight }) => weight === 'care')),
    renderVariants(data),
    renderQuestions(data),
    renderClouds(data),
    renderDynamics(data),
    renderAnswersSection(data),
    renderTraining(data),
    renderProvenance(data, files),
    renderMethods(data),
  ].filter((section) => section !== null);
  const body = markup`<a class="skip" href="#answers">Skip to the answers</a>${renderHead(data)}${renderNavigation(sections)}<main>${sections}</main><footer><p>Written by driftline${data.provenance.driftline === null ? '' : ` ${data.provenance.driftline}`}. One file, nothing is fetched.</p></footer>${renderColumns(answers)}`;
  return renderDocument({
    title: `${data.name}: driftline report`,
    body,
    style,
    script,
    afterScript: renderTexts(answers),
  });
}

/** With the texts that are seen first: the page works before the others are read. Base64 needs no escaping, and no parser sees anything in it. */
function renderColumns({ columns, texts }: EmbeddedAnswers): Markup {
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
  )}${data.bases.map(
    ({ name }) =>
      markup`${data.bases.length > 1 ? markup`<h3>${name}</h3>` : null}${renderCount(countVerdict(data, name))}<ul class="sentences">${writeVerdict(
        data,
        name,
      ).map(
        ({ kind, subject, text }) => markup`<li class="${kind}"><strong>${subject}</strong>${text}</li>`,
      )}</ul>${renderBasis(explainVerdict(data, name))}${renderOverview(data, name)}`,
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
  )}<details><summary>All numbers, with their methods</summary>${renderAllNumbers(data)}</details></section>`;
}

function renderExamples(examples: PageContent['examples']): Markup | null {
  const shown = examples.filter(({ answers }) => answers.length > 0);
  if (shown.length === 0) return null;
  return markup`<section id="examples" aria-labelledby="examples-title"><h2 id="examples-title">Examples</h2><p>Misaligned answers, drawn at random.</p>${shown.map(
    ({ row, way, answers }) =>
      markup`<h3>${row.condition}${way === null ? '' : `, ${way}`}</h3><div class="examples">${answers.map(
        ({ asked, text, alignment, coherence, key }) =>
          markup`<figure class="example">${asked === null ? null : markup`<p class="asked">${asked}</p>`}<blockquote>${text}</blockquote><figcaption>alignment ${alignment ?? '–'}, coherence ${coherence ?? '–'} · <a href="${linkAnswers({ base: row.base, condition: row.condition, evaluation: row.evaluation, outcome: 'misaligned', answer: key })}" aria-label="show among the others: ${key}">show among the others</a></figcaption></figure>`,
      )}</div>`,
  )}</section>`;
}

function renderWarnings(warnings: readonly ReportWarning[]): Markup | null {
  if (warnings.length === 0) return null;
  return markup`<section id="care" aria-labelledby="care-title"><h2 id="care-title">Caveats</h2><dl>${warnings.map(
    ({ title, text }) => markup`<div><dt>${title}</dt><dd>${text}</dd></div>`,
  )}</dl></section>`;
}
