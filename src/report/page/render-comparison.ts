import { nameCompared, nameComparedRun, type ComparedRow, type RunComparison } from '../../analysis/compare-runs.js';
import type { DriftVerdict } from '../../analysis/drift.js';
import { count, percentNumber, percentRange, points, pointsRange, probability } from '../format-numbers.js';
import { markup, type Markup } from '../markup.js';
import { listComparedFirstTokens } from '../first-token-tables.js';
import { listComparedGroups } from '../group-tables.js';
import type { TextTable } from '../text-table.js';
import { renderScroll } from './page-tables.js';
import { renderTextTables } from './text-tables.js';
import { renderDocument, type PageAssets } from './render-document.js';

const words: Readonly<Record<DriftVerdict, string>> = {
  misaligned: 'more misaligned',
  'misaligned-here': 'more misaligned here',
  'less-misaligned': 'less misaligned',
  'none-found': 'no drift found',
  unclear: 'not clear',
  unknown: '–',
};

/** In place of a verdict where chance plays no part: a condition was taken over, or a run stands there twice. */
export const sameAnswers = 'the same answers';

/** What a difference from the first says. */
export function describeVerdict(verdict: DriftVerdict | null): string {
  return verdict === null ? '–' : words[verdict];
}

/** That nothing differs between the plans of the first and of another. */
export function describeSamePlans(comparison: RunComparison, index: number): string {
  const { runs } = comparison;
  const [first, other] = [nameComparedRun(comparison, 0), nameComparedRun(comparison, index)];
  return nameCompared(comparison) === 'model' && runs[0]?.folder === runs[index]?.folder
    ? `${first} and ${other} are of one plan.`
    : `The plans of ${first} and ${other} do not differ${nameCompared(comparison) === 'model' ? ' in what concerns these models' : ''}.`;
}

/** Groups of conditions and first tokens side by side; none where runs have none in common. */
export function listComparedTables(comparison: RunComparison): TextTable[] {
  const { runs, groups, firstTokens } = comparison;
  return [
    ...listComparedGroups(groups, runs.length),
    ...listComparedFirstTokens(firstTokens, nameCompared(comparison), runs.length),
  ];
}

/** What belongs below the numbers, once: what a dash and p stand for, and what only one has. */
export function describeRemarks(comparison: RunComparison): string[] {
  const { rows, unmatched, unmatchedRuns } = comparison;
  const differences = rows.flatMap(({ differences: all }) => all.filter((one) => one !== null));
  const verdicts = rows.flatMap((row) =>
    row.differences.flatMap((one, index) => (one === null ? [] : [row.verdicts[index] ?? null])),
  );
  const few = [...new Set(differences.filter(({ p }) => p !== null).map(({ questions }) => questions))]
    .filter((questions) => questions <= mostWithLargeP)
    .sort((one, other) => one - other);
  const only = comparison.runs.flatMap((_, index) => {
    const names = unmatched.filter((__, position) => unmatchedRuns[position] === index);
    return names.length === 0 ? [] : [`Only ${nameComparedRun(comparison, index)} has: ${names.join('; ')}.`];
  });
  return [
    ...(verdicts.some((verdict) => verdict === null || verdict === 'unknown')
      ? ['A dash as verdict: only shares of misaligned answers have one, and only where both have answers that count.']
      : []),
    ...few.map(
      (questions) =>
        `p is over questions: with ${String(questions)} of them it cannot be below ${probability(2 / 2 ** questions)} (2/2^${String(questions)}).`,
    ),
    ...only,
  ];
}

/** With more questions p can be as small as anybody asks for. */
const mostWithLargeP = 8;

/** A comparison of runs as one HTML file that needs nothing else. */
export function renderComparison(comparison: RunComparison, { style }: Pick<PageAssets, 'style'>): string {
  const { runs, rows, planDifferences, warnings } = comparison;
  const what = nameCompared(comparison);
  const matched =
    what === 'run'
      ? 'What runs call by the same names. Differences are from run 1'
      : 'The models, evaluation by evaluation. Differences are from model 1';
  const family = what === 'run' ? 'the conditions of an evaluation' : 'all comparisons';
  const body = markup`<header><p class="product">driftline</p><h1>${runs.map(({ name }) => name).join(' and ')}, side by side</h1></header><main><section id="runs"><h2>Runs</h2><ol>${runs.map(
    ({ folder, judge, rule, model }) =>
      markup`<li>${model === null ? '' : `${model.base}, ${model.condition}, of `}<code>${folder}</code>, judged by ${judge}, rule ${rule}</li>`,
  )}</ol>${warnings.map((warning) => markup`<p>Warning: ${warning}.</p>`)}</section><section id="numbers"><h2>Numbers</h2><p>${matched}, over the questions that both asked, with 95\u00a0% intervals for questions like these; p is adjusted by Holm’s method over ${family}.</p>${renderScroll(
    'Numbers',
    markup`<table><thead><tr><th scope="col">condition</th><th scope="col">evaluation</th><th scope="col">answers that are</th>${runs.map(
      (_, index) =>
        markup`<th scope="col" class="number">${what} ${index + 1}, %</th>${index === 0 ? null : markup`<th scope="col" class="number">from ${what} 1, points</th><th scope="col" class="number">p, adjusted</th><th scope="col">verdict</th>`}`,
    )}</tr></thead><tbody>${rows.map((row) => renderRow(row))}</tbody></table>`,
  )}${describeRemarks(comparison).map((remark) => markup`<p>${remark}</p>`)}${renderTextTables(listComparedTables(comparison))}</section><section id="plans"><h2>What differs in their plans</h2>${planDifferences.map(
    (differences, index) =>
      index === 0
        ? null
        : differences.length === 0
          ? markup`<p>${describeSamePlans(comparison, index)}</p>`
          : renderScroll(
              `What differs between ${what}s 1 and ${index + 1}`,
              markup`<table><thead><tr><th scope="col">place</th><th scope="col">${what} 1</th><th scope="col">${what} ${index + 1}</th></tr></thead><tbody>${differences.map(
                ({ place, first, second }) =>
                  markup`<tr><th scope="row">${place}</th><td><code>${first ?? '–'}</code></td><td><code>${second ?? '–'}</code></td></tr>`,
              )}</tbody></table>`,
            ),
  )}</section></main>`;
  return renderDocument({ title: 'driftline: runs side by side', body, style, script: null });
}

function renderRow({
  base,
  condition,
  evaluation,
  measure,
  runs,
  differences,
  verdicts,
  isOfSameAnswers,
}: ComparedRow): Markup {
  return markup`<tr><th scope="row">${base === null ? '' : `${base}, `}${condition}</th><td>${evaluation}</td><td>${measure}</td>${runs.map(
    (row, index) => {
      const difference = differences[index] ?? null;
      return markup`<td class="number">${row === null ? '' : markup`${percentNumber(row.share.share)}<span class="way">${percentRange(row.share.interval)}, ${count(row.share.successes)} of ${count(row.share.trials)}</span>`}</td>${
        index === 0
          ? null
          : isOfSameAnswers[index] === true
            ? markup`<td class="number">${points(0)}</td><td></td><td>${sameAnswers}</td>`
            : markup`<td class="number">${difference === null ? '' : markup`${points(difference.difference)}<span class="way">${pointsRange(difference.interval)}</span>`}</td><td class="number">${difference === null ? '' : probability(difference.adjustedP)}</td><td>${describeVerdict(verdicts[index] ?? null)}</td>`
      }`;
    },
  )}</tr>`;
}
