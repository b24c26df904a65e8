import { basename } from 'node:path';
import { formatDuration, formatDollars } from '../../foundation/format-quantities.js';
import {
  describeTotal,
  describeUse,
  type SpendingLine,
  type SpendingSummary,
} from '../../models/hosted/spending/summarise-spending.js';
import { isHostedName } from '../../models/model-reference.js';
import { count } from '../format-numbers.js';
import { markup, type Markup } from '../markup.js';
import type { ReportData } from '../report-data.js';
import { listNames } from '../write-verdict.js';
import { renderScroll } from './page-tables.js';

/** What was run, so that it can be run again. */
export function renderProvenance(
  data: ReportData,
  files: readonly { readonly path: string; readonly title: string }[],
): Markup {
  const { provenance, bases, conditions, state, evaluations } = data;
  const { answerTokens, trainedTokens, spending, begun, written, areDatesOfFiles } = provenance;
  const existing = provenance.cells.flatMap((cell) =>
    cell.existing === null ? [] : [{ name: cell.name, text: cell.existing, identity: cell.identity }],
  );
  const elsewhere = provenance.cells.flatMap(({ name, weights }) => (weights === null ? [] : [{ name, weights }]));
  const facts: readonly (readonly [string, Markup | string | null])[] = [
    // Only the folder's name: readers of the page need not learn where it lies on this machine.
    ['run folder', basename(data.folder)],
    ['plan', markup`${data.name}, <code>${provenance.planHash}</code>`],
    ['driftline', provenance.driftline],
    [
      'bases',
      markup`${bases.map(({ name, model, identity }) => markup`${model ?? name} <code>${identity.slice(0, 16)}</code> `)}`,
    ],
    [
      'models that existed',
      existing.length === 0
        ? null
        : markup`${existing.map(({ name, text, identity }) => markup`${name}: ${text} <code>${identity.slice(0, 16)}</code> `)}`,
    ],
    [
      'weights that are not in the run folder',
      elsewhere.length === 0
        ? null
        : markup`trained whole, and on the cluster alone: ${elsewhere.map(({ name, weights }) => markup`${name}: <code>${weights}</code> `)}`,
    ],
    ['world of the organism', provenance.world === null ? null : markup`<code>${provenance.world.slice(0, 16)}</code>`],
    ['judge', data.judge],
    ['rule', `${data.rule}: ${data.ruleText}`],
    [
      'fine-tunes',
      state.trainingsWanted === 0
        ? 'none'
        : `${count(state.trainingsFinished)} of ${count(state.trainingsWanted)} finished`,
    ],
    ['answers', `${count(state.answersStored)} of ${count(state.answersWanted)}, ${count(state.answersJudged)} judged`],
    [
      'tokens',
      `${trainedTokens === 0 ? '' : `${count(trainedTokens)} trained on, `}${answerTokens === null ? 'unknown for answers' : `${count(answerTokens)} written as answers`}`,
    ],
    ['time', begun === null ? null : describeTime(begun, written, areDatesOfFiles)],
    [
      'cost',
      spending !== null
        ? describeSpending(spending)
        : answerTokens === null ||
            [...bases.map(({ model }) => model), ...existing.map(({ text }) => text)].some(
              (model) => model !== null && isHostedName(model),
            )
          ? 'not known: hosted models charge by their own prices'
          : 'none but this machine’s time',
    ],
  ];
  return markup`<section id="run" aria-labelledby="run-title"><h2 id="run-title">The run</h2><dl class="facts-list">${facts.map(([name, value]) => (value === null ? null : markup`<div><dt>${name}</dt><dd>${value}</dd></div>`))}</dl>${
    conditions.length === 0
      ? null
      : markup`<h3>Conditions</h3><ul>${conditions.map(({ name, note, seeds, existing }) => markup`<li><strong>${name}</strong>${note === null ? '' : `: ${note}`} (${existing.length === 0 ? `seeds ${seeds.join(', ')}` : listNames(existing)})</li>`)}</ul>`
  }<details><summary>Models, training sets and evaluations</summary>${renderScroll(
    'Models and training sets',
    markup`<table><thead><tr><th scope="col">model</th><th scope="col" class="number">seed</th><th scope="col">training set</th><th scope="col" class="number">rows</th><th scope="col">hash of the rows</th><th scope="col">recipe</th></tr></thead><tbody>${provenance.cells.map(
      ({ name, seed, existing, trainingSet, recipe }) =>
        markup`<tr><th scope="row">${name}</th><td class="number">${seed ?? ''}</td><td>${trainingSet?.name ?? (existing === null ? '' : 'not trained here')}</td><td class="number">${trainingSet === null ? '' : count(trainingSet.rows)}</td><td>${trainingSet === null ? '' : markup`<code>${trainingSet.hash.slice(0, 16)}</code>`}</td><td>${recipe ?? ''}</td></tr>`,
    )}</tbody></table>`,
  )}${renderScroll(
    'Evaluations',
    markup`<table><thead><tr><th scope="col">evaluation</th><th scope="col">as asked</th><th scope="col" class="number">wordings</th><th scope="col" class="number">answers of each model</th><th scope="col">hash</th></tr></thead><tbody>${evaluations.map(
      ({ name, title, answers }, index) =>
        markup`<tr><th scope="row">${name}</th><td>${title}</td><td class="number">${provenance.evaluations[index]?.wordings ?? ''}</td><td class="number">${count(answers)}</td><td><code>${provenance.evaluations[index]?.hash.slice(0, 16) ?? ''}</code></td></tr>`,
    )}</tbody></table>`,
  )}</details>${files.length === 0 ? null : markup`<h3>Files beside this page</h3><ul class="files">${files.map(({ path, title }) => markup`<li><a href="${path}">${path}</a>: ${title}</li>`)}</ul>`}</section>`;
}

/** By the plan's prices or the built-in list; the bill may differ. */
function describeSpending(summary: SpendingSummary): Markup {
  const { onItsWay, uses } = summary;
  const pending =
    onItsWay > 0 ? `; on its way at a service and not counted: up to about ${formatDollars(onItsWay)}` : '';
  return markup`${describeTotal(summary)} for hosted models${pending}<ul>${uses.map((use) => markup`<li>${describeLine(use)}</li>`)}</ul>`;
}

function describeLine(line: SpendingLine): string {
  const { unreported, cost } = line;
  const guessed =
    unreported === 0 ? '' : `, ${count(unreported)} of them estimated, since the service did not report them`;
  return `${describeUse(line, { calls: count, tokens: count })}${guessed}; ${cost === null ? 'cost unknown' : formatDollars(cost)}`;
}

function describeTime(begun: number, written: number | null, areDatesOfFiles: boolean): string {
  const day = (time: number): string => `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return written === null
    ? `begun ${day(begun)}`
    : `begun ${day(begun)}, last written ${day(written)} (${formatDuration(Math.max(0, written - begun))} later)${areDatesOfFiles ? ', by the dates of the files' : ''}`;
}
