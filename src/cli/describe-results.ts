import type { ModelComparison } from '../results/compare-models.js';
import type { ResultGroup } from '../results/summarise-results.js';
import type { Rule } from '../judging/rules.js';
import { formatPercent } from '../foundation/format-quantities.js';
import { points, pointsRange, probability } from '../report/format-numbers.js';
import { formatTable } from './format-table.js';

type Table = readonly [title: string, lines: readonly string[]];

/** For each file its rates, how far its models differ, and what became of its answers. */
export function describeResults(
  groups: readonly ResultGroup[],
  rule: Rule,
  comparisons: readonly ModelComparison[] = [],
): Table[] {
  return [...new Set(groups.map(({ file }) => file))].flatMap((name): Table[] => {
    const rows = groups.filter(({ file }) => file === name);
    const ofFile = comparisons.filter(({ file }) => file === name);
    const [first] = ofFile;
    return [
      [`${name}, rule ${rule.name}`, describeRates(rows)],
      ...(first === undefined
        ? []
        : [[`differences from ${nameModel(first.against)}, in points`, describeComparisons(ofFile)] as const]),
      ['what became of the answers', describeCounts(rows)],
    ];
  });
}

/** How the numbers were had, in sentences. */
export function describeMethods(
  rows: readonly ResultGroup[],
  rule: Rule,
  comparisons: readonly ModelComparison[] = [],
): string[] {
  const hasFiles = new Set(rows.map(({ file }) => file)).size > 1;
  const methods = groupByMethod(
    rows.flatMap((row) => {
      if (row.bootstrap === undefined) return [];
      const { method, resamples, seed } = row.bootstrap;
      const drawn = resamples === null || seed === null ? '' : `, ${String(resamples)} resamples, seed ${String(seed)}`;
      return [{ name: `${nameGroup(row)}${hasFiles ? ` in ${row.file}` : ''}`, method: `${method}${drawn}` }];
    }),
  );
  const labels = rows.flatMap(({ file, model, question_id: question, labels: { code, refusal } }) =>
    model !== undefined || question !== undefined || code + refusal === 0
      ? []
      : [
          `${file}: the judge of alignment called ${String(code)} of all answers code, and ${String(refusal)} a refusal.`,
        ],
  );
  return [
    ...labels,
    `Rule ${rule.name}: ${rule.description}.`,
    'These questions: Wilson, as if answers to one question told nothing of each other.',
    ...(methods.length === 0
      ? ['Questions like these: nothing, for that takes kept answers to two questions.']
      : [
          'Questions like these: what other questions of the kind would give. Quote this one: the bootstrap is too narrow for few questions.',
          ...methods.map(({ names, method }) => `Bootstrap of ${names}: ${method}.`),
        ]),
    ...describeDifferences(comparisons, hasFiles),
    'Means are of all answers that have the score, whatever the rule.',
  ];
}

/** Which rows each method is about; of many rows only the first. */
function groupByMethod(
  rows: readonly { readonly name: string; readonly method: string }[],
): { readonly names: string; readonly method: string }[] {
  const most = 5;
  return [...new Set(rows.map(({ method }) => method))].map((method) => {
    const having = rows.filter((row) => row.method === method);
    const names = having.slice(0, most).map(({ name }) => name);
    if (having.length > most) names.push(`${String(having.length - most)} more`);
    const last = names.pop() ?? '';
    return { method, names: names.length === 0 ? last : `${names.join(', ')} and ${last}` };
  });
}

function describeDifferences(comparisons: readonly ModelComparison[], hasFiles: boolean): string[] {
  if (comparisons.length === 0) return [];
  const methods = groupByMethod(
    comparisons.map(({ file, model, method }) => ({
      name: `${nameModel(model)}${hasFiles ? ` in ${file}` : ''}`,
      method,
    })),
  );
  const refusals = comparisons.filter(({ refusal }) => refusal !== null);
  return [
    'Differences are over the questions to which both models have answers that count, with the same weight of a question on both sides: where numbers of answers differ, a difference is not exactly that of the shares.',
    ...methods.map(({ names, method }) => `Difference of ${names}: ${method}.`),
    ...refusals.map(({ model, refusal }) => `No interval for the difference of ${nameModel(model)}: ${refusal ?? ''}.`),
    'p: over questions like these; p here: on these same questions, whatever others would show.',
    ...(comparisons.length > 1 ? ['Both are adjusted by Holm’s method over the differences of a file.'] : []),
  ];
}

function describeComparisons(comparisons: readonly ModelComparison[]): string[] {
  return formatTable(
    ['', 'difference', '95 %', 'p', 'p here', 'questions'],
    comparisons.map(({ model, difference, interval95, adjustedP, adjustedAnswersP, questions }) => [
      nameModel(model),
      points(difference),
      pointsRange(interval95),
      probability(adjustedP),
      probability(adjustedAnswersP),
      String(questions),
    ]),
    { right: [1, 2, 3, 4, 5] },
  );
}

function describeRates(rows: readonly ResultGroup[]): string[] {
  const cells = rows.map((row) => [
    nameGroup(row),
    `${String(row.misaligned)}/${String(row.kept)}`,
    formatPercent(row.rate),
    formatInterval(row.wilson95),
    row.clusterInterval95 === undefined ? '-' : formatInterval(row.clusterInterval95),
    row.clusterBootstrap95 === undefined ? '-' : formatInterval(row.clusterBootstrap95),
    formatNumber(row.designEffect, 2),
    formatNumber(row.icc, 2),
  ]);
  return formatTable(
    ['', 'misaligned', '%', '95 %, these questions', '95 %, questions like these', 'bootstrap', 'design effect', 'ICC'],
    cells,
    { right: [1, 2, 3, 4, 5, 6, 7] },
  );
}

function describeCounts(rows: readonly ResultGroup[]): string[] {
  const cells = rows.map((row) => [
    nameGroup(row),
    String(row.generated),
    String(row.nullCoherent),
    String(row.incoherent),
    String(row.coherentWithoutAligned),
    String(row.leftOut),
    String(row.kept),
    formatNumber(row.meanAligned, 1),
    formatNumber(row.meanCoherent, 1),
  ]);
  return formatTable(
    [
      '',
      'answers',
      'no coherence',
      'incoherent',
      'no alignment',
      'too few',
      'kept',
      'mean alignment',
      'mean coherence',
    ],
    cells,
    { right: [1, 2, 3, 4, 5, 6, 7, 8] },
  );
}

function nameGroup({ model, question_id: question }: ResultGroup): string {
  const name = model ?? question;
  return name === undefined ? 'all' : nameModel(name);
}

function nameModel(name: string): string {
  return name === '' ? '(none)' : name.replace(/\s+/g, ' ').slice(0, 60);
}

function formatInterval([low, high]: readonly [number, number]): string {
  return `${formatPercent(low)}-${formatPercent(high)}`;
}

function formatNumber(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? '-' : value.toFixed(digits);
}
