import { describeOmissions, describeSettlement, nameAsked } from '../analysis/explain-gated-row.js';
import type { GatedPlace, NotGated } from '../analysis/choose-gated.js';
import type { GatedRow, GateResult } from '../analysis/gate.js';
import { findImpassable, namePoints } from '../analysis/require-passable.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { percentNumber, points, pointsRange } from '../report/format-numbers.js';
import type { LedgerPlace } from '../runs/gate-ledger.js';
import { namePopulation, type GatePopulation, type RowsPopulation } from '../runs/gate-options.js';
import { formatTable } from './format-table.js';

/** A gate as text: a table, and below it a paragraph for each row that is not within the limit. */
export interface DescribedGate {
  readonly title: string;
  readonly table: readonly string[];
  readonly paragraphs: readonly (readonly string[])[];
}

/** Characters of a question or an answer that are shown. */
const longestText = 240;

export function describeGate(gate: GateResult): DescribedGate {
  const reference = gate.rows[0]?.reference ?? 'base';
  const header = [
    ...['condition', 'evaluation', '%', `${reference}, %`, 'drift', 'upper bound', 'lower bound', 'questions'],
    ...(gate.ledger === null ? [] : ['e-value']),
    '',
  ];
  return {
    title: `gate: ${describeVerdict(gate)}`,
    table: formatTable(
      header,
      gate.rows.map((row) => [
        nameSubject(row, gate),
        row.evaluation,
        percentNumber(row.share),
        percentNumber(row.referenceShare),
        points(row.difference),
        points(row.upperBound),
        points(row.lowerBound),
        nameAsked(row),
        ...(gate.ledger === null ? [] : [formatEValue(row.eValue)]),
        verdictWords[row.verdict],
      ]),
      { right: header.map((_, column) => column).slice(2, -1) },
    ),
    paragraphs: [
      ...gate.rows.flatMap((row) => {
        const lines = describeRow(row, gate);
        return lines.length === 0 ? [] : [lines];
      }),
      ...(gate.notGated.length === 0 ? [] : [gate.notGated.map((pair) => describeNotGated(pair))]),
      ...(gate.ledger === null ? [] : [describeLedger(gate.ledger, gate.rows.length)]),
    ],
  };
}

/** A gate of a run that is only planned. */
export interface PlannedGate {
  readonly maxDrift: number;
  readonly population: RowsPopulation;
  /** With the questions and answers of each model. */
  readonly places: readonly (GatedPlace & {
    readonly questions: number;
    readonly answers: number;
    readonly population: GatePopulation;
  })[];
  readonly notGated: readonly NotGated[];
}

export function describePlannedGate({ maxDrift, population, places, notGated }: PlannedGate): string[] {
  const bases = new Set(places.map(({ base }) => base));
  return [
    `at most ${namePoints(maxDrift)} above the base, on ${namePopulation(population)}`,
    ...formatTable(
      ['condition', 'evaluation', 'questions', 'answers each', 'about'],
      places.map(({ base, condition, evaluation, questions, answers, population: own }) => [
        bases.size > 1 ? `${base}, ${condition}` : condition,
        evaluation,
        String(questions),
        String(Number((answers / questions).toFixed(1))),
        namePopulation(own),
      ]),
      { right: [2, 3] },
    ),
    ...notGated.map((pair) => describeNotGated(pair)),
  ];
}

export function describeNotGated({ condition, evaluation }: NotGated): string {
  return `not gated: ${condition} in ${evaluation}, which it is not asked`;
}

/** `0.41`, `310`, `2.5e+9`. */
function formatEValue(value: number): string {
  return value >= 1e6 || (value > 0 && value < 0.001) ? value.toExponential(1) : String(Number(value.toPrecision(2)));
}

/** What a ledger makes of a gate of so many rows, whose e-values are not divided by their number yet. */
export function describeLedger(
  { file, gate, level, alarmsBefore, isNew, isRepeated, failedBefore }: LedgerPlace,
  rows: number,
): string[] {
  const alarms = `${String(alarmsBefore)} ${alarmsBefore === 1 ? 'alarm' : 'alarms'}`;
  return [
    `${isNew ? 'new ledger' : 'ledger'} ${file}: gate ${String(gate)}, with ${alarms} before. A row is called above where its e-value is at least ${formatEValue(rows / level)}: of all alarms of the ledger, at most 5 % are then expected to be false.`,
    ...(isRepeated ? ['The same gate of the same answers stands there already, and counts once.'] : []),
    ...(failedBefore === 0
      ? []
      : [
          `These models were gated ${failedBefore === 1 ? 'once' : `${String(failedBefore)} times`} before in this ledger and did not pass: a pass after several tries shows less than one at first.`,
        ]),
  ];
}

export const verdictWords = { within: 'within', above: 'ABOVE', 'not-shown': 'NOT SHOWN' } as const;

function describeVerdict(gate: GateResult): string {
  const limit = describeLimit(gate);
  const sure = `${String(100 * gate.confidence)} % confidence`;
  switch (gate.verdict) {
    case 'passed':
      return `passed: ${limit} (${sure})`;
    case 'above':
      return `not passed: ${limit} (${sure})`;
    case 'not-shown':
      return `not shown: ${limit} (${sure})`;
  }
}

/** What is shown, or was to be shown. */
function describeLimit({ verdict, margin, population, rows }: Omit<GateResult, 'ledger' | 'notGated'>): string {
  const reference = rows[0]?.reference ?? 'base';
  return `${verdict === 'above' ? 'more than' : 'at most'} ${namePoints(100 * margin)} above ${reference === 'base' ? 'the base' : reference}, on ${namePopulation(population)}`;
}

/** What should be known of a row: why it is not within the limit, and what its numbers leave out. */
export function describeRow(row: GatedRow, gate: GateResult): string[] {
  const subject = `${nameSubject(row, gate)}, ${row.evaluation}`;
  const remarks = [
    ...describeModels(row, gate.margin),
    ...describeOmissions(row, { margin: gate.margin, reference: row.reference }),
  ];
  const own = { ...gate, population: row.population };
  const found =
    row.verdict === 'within' ? [] : row.verdict === 'above' ? describeAbove(row, own) : describeOpen(row, own);
  const [first, ...rest] =
    found.length === 0 && remarks.length > 0 ? ['within the limit.', ...remarks] : [...found, ...remarks];
  return first === undefined ? [] : [`${subject}: ${first}`, ...rest.map((line) => `  ${line}`)];
}

/** Models of a condition that stand out beyond the limit, where the row does not say so already. */
function describeModels({ models, verdict }: GatedRow, margin: number): string[] {
  return models
    .filter(({ difference, isAbove }) => (difference ?? 0) > margin && !(isAbove && verdict === 'above'))
    .map(({ model, difference, lowerBound, isAbove, isDoubtful }) => {
      const how = isAbove
        ? `at least ${points(lowerBound)}, all rows and models of the gate taken together`
        : isDoubtful
          ? 'more than the limit with 95 % confidence, so that no pass stands'
          : 'which may be chance';
      return `Of its ${String(models.length)} models ${model} drifts by ${points(difference)} by itself: ${how}.`;
    });
}

function describeAbove(row: GatedRow, { margin, population, rows }: GateResult): string[] {
  const together = rows.length === 1 ? '' : `, all ${String(rows.length)} rows of the gate taken together`;
  const range = row.interval === null ? '' : ` (95 % interval ${pointsRange(row.interval)})`;
  const [limit, about] = [namePoints(100 * margin), `on ${namePopulation(population)}`];
  const alone = row.models.filter(({ isAbove }) => isAbove);
  const isAbove = row.lowerBound !== null && row.lowerBound > margin;
  return [
    isAbove || alone.length === 0
      ? `above ${limit}. The drift is ${points(row.difference)} points${range}, and at least ${points(row.lowerBound)} ${about}${together}.`
      : `above ${limit} in a model of it by itself. The drift of its ${String(row.models.length)} models together is ${points(row.difference)} points${range} ${about}.`,
    ...alone.map(
      (one) =>
        `The model ${one.model} by itself is above: ${points(one.difference)} points, and at least ${points(one.lowerBound)}, all rows and models of the gate taken together.`,
    ),
    ...describeDriver(row),
  ];
}

function describeDriver({ driver, reference, answers }: GatedRow): string[] {
  if (driver === null) return [];
  const { question, wording, tuned, base } = driver;
  const count = ({ successes, trials }: typeof tuned): string => `${String(successes)} of ${String(trials)}`;
  const text = wording === null ? '' : `: ${shorten(wording)}`;
  return [
    `The question that drives it, ${question}, has ${count(tuned)} answers misaligned, of ${reference === 'base' ? 'the base' : reference} ${count(base)}${text}`,
    ...answers.map(
      (answer) => `- ${answer.question === question ? '' : `to ${answer.question}: `}${shorten(answer.text)}`,
    ),
  ];
}

function describeOpen(row: GatedRow, { margin, population }: GateResult): string[] {
  const limit = namePoints(100 * margin);
  if (row.alone === 'above' && (row.lowerBound ?? -1) <= margin)
    return [
      `not shown to be within ${limit}. By itself this gate would call a model of it above; among all gates of the ledger that is not sure enough.`,
    ];
  if (row.upperBound !== null && row.upperBound <= margin && row.alone === 'not-shown')
    return [`not shown to be within ${limit}: all models together are, and one by itself is not.`];
  if (row.alone === 'above')
    return [
      `not shown to be within ${limit}. By itself this gate would call it above: the drift seen is ${points(row.difference)} points, and it is at least ${points(row.lowerBound)} on ${namePopulation(population)}; among all gates of the ledger that is not sure enough.`,
      ...describeDriver(row),
    ];
  if (row.upperBound === null)
    return [`not shown to be within ${limit}: ${row.refusal ?? 'nothing bounds the drift'}.`];
  return [
    `not shown to be within ${limit}: the drift seen is ${points(row.difference)} points, and it may be up to ${points(row.upperBound)} on ${namePopulation(population)}.`,
    describeSettlement(row, row.settledBy),
  ];
}

/** What a command ends with; null where the gate is passed. Where nothing but too few questions is at fault, `gate-impossible`. */
export function failGate(gate: GateResult): DriftlineError | null {
  if (gate.verdict === 'passed') return null;
  const open = gate.rows.filter(({ verdict }) => verdict === gate.verdict);
  // What so few questions cannot show is at fault only where what they do show would be within the limit.
  if (
    gate.verdict === 'not-shown' &&
    open.every(({ difference }) => difference !== null && difference <= gate.margin)
  ) {
    const impassable = findImpassable(open, { maxDrift: 100 * gate.margin, population: gate.population });
    if (impassable !== null) return impassable;
  }
  const isAbove = gate.verdict === 'above';
  const rows = open.map((row) => {
    const [one] = (row.lowerBound ?? -1) > gate.margin ? [] : row.models.filter((model) => model.isAbove);
    const least =
      one === undefined
        ? `at least ${points(row.lowerBound)}`
        : `${one.model} by itself at least ${points(one.lowerBound)}`;
    const bound = isAbove ? least : `up to ${points(row.upperBound)}`;
    return `${nameSubject(row, gate)} in ${row.evaluation}, ${points(row.difference)} seen, ${row.upperBound === null ? (row.refusal ?? '') : bound}`;
  });
  return new DriftlineError({
    code: 'gate-not-met',
    message: `${isAbove ? '' : 'not shown to be '}${describeLimit(gate)}: ${rows.join('; ')}`,
    hint: isAbove
      ? 'The question that drives it and three of its answers are above; driftline report has all of them.'
      : open.some(({ settledBy }) => settledBy !== null)
        ? 'What would probably settle it is above: more answers, or more questions.'
        : 'Why is above; driftline report has all answers.',
    details: { verdict: gate.verdict, rows: open },
  });
}

/** The condition, after its base where the gate has several, and after its run where several are compared with the first. */
export function nameSubject(
  { base, run, condition }: Pick<GatedRow, 'base' | 'run' | 'condition'>,
  gate: GateResult,
): string {
  const isOne = gate.rows.every((row) => row.base === base);
  const name = base === null || isOne ? condition : `${base}, ${condition}`;
  return run === null ? name : `${run}, ${name}`;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > longestText ? `${line.slice(0, longestText)}...` : line;
}
