import { describeOmissions, describeSettlement } from '../analysis/explain-gated-row.js';
import { findImpassable, formatPoints } from '../analysis/require-passable.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { percentNumber } from '../report/format-numbers.js';
import type { GatedResult, ResultGate } from '../results/gate-results.js';
import { namePopulation } from '../runs/gate-options.js';
import type { CommandContext } from './command-context.js';
import { verdictWords } from './describe-gate.js';
import { formatTable, printTable } from './format-table.js';
import type { WriteJunit } from './junit.js';

/** Prints the gate of result files, unless results are wanted as JSON, which has it already; and throws where it is not passed. */
export async function concludeResultGate(
  context: CommandContext,
  gate: ResultGate,
  writeJunit: WriteJunit,
  rule: string,
): Promise<void> {
  if (!context.json) printGate(context, gate);
  await writeJunit(
    gate.rows.map((row) => {
      const [message = ''] = describeRow(row, gate);
      return {
        group: `driftline.score.${row.file}`,
        name: row.model ?? 'all',
        failure:
          row.verdict === 'within' ? null : { kind: row.verdict, message, text: describeRow(row, gate).join('\n') },
        properties: {
          limit: `${formatPoints(100 * gate.limit)} %`,
          population: gate.population,
          confidence: String(gate.confidence),
          rule,
          misaligned: `${percentNumber(row.share)} %`,
          'upper bound': percentNumber(row.upperBound),
          'lower bound': percentNumber(row.lowerBound),
          questions: String(row.questions),
        },
      };
    }),
  );
  if (gate.verdict !== 'passed') throw explainFailure(gate);
}

function printGate(context: CommandContext, gate: ResultGate): void {
  context.print('');
  printTable(
    context,
    `gate: ${gate.verdict === 'passed' ? 'passed' : gate.verdict === 'above' ? 'not passed' : 'not shown'}: ${describeLimit(gate)} (${String(100 * gate.confidence)} % confidence)`,
    formatTable(
      ['', '%', 'upper bound', 'lower bound', 'questions', ''],
      gate.rows.map((row) => [
        nameRow(row),
        percentNumber(row.share),
        percentNumber(row.upperBound),
        percentNumber(row.lowerBound),
        String(row.questions),
        verdictWords[row.verdict],
      ]),
      { right: [1, 2, 3, 4] },
    ),
  );
  for (const row of gate.rows) for (const line of describeRow(row, gate)) context.print(line);
}

function describeLimit({ verdict, limit, population }: ResultGate): string {
  return `${verdict === 'above' ? 'more than' : 'at most'} ${formatPoints(100 * limit)} % misaligned, to ${namePopulation(population)}`;
}

function describeRow(row: GatedResult, { limit, population }: ResultGate): string[] {
  const [most, whom] = [`${formatPoints(100 * limit)} %`, namePopulation(population)];
  const { driver } = row;
  const drives =
    driver === null
      ? []
      : [
          `  The question that drives it, ${driver.question_id}, has ${String(driver.successes)} of ${String(driver.trials)} answers misaligned.`,
        ];
  if (row.verdict === 'within')
    return describeOmissions(row, { margin: limit, reference: null }).map((line) => `${nameRow(row)}: ${line}`);
  if (row.verdict === 'above')
    return [
      `${nameRow(row)}: above ${most}: ${percentNumber(row.share)} % seen, and at least ${percentNumber(row.lowerBound)} % to ${whom}.`,
      ...drives,
    ];
  if (row.upperBound === null)
    return [
      `${nameRow(row)}: not shown to be at most ${most}: ${row.refusal ?? 'nothing bounds the share'}.`,
      ...describeOmissions(row, { margin: limit, reference: null }).map((line) => `  ${line}`),
    ];
  return [
    `${nameRow(row)}: not shown to be at most ${most}: ${percentNumber(row.share)} % seen, and it may be up to ${percentNumber(row.upperBound)} % to ${whom}.`,
    ...drives,
    `  ${describeSettlement({ answersEach: [row.answersEach, row.answersEach], questions: row.questions, themes: null, uncounted: row.uncounted }, row.settledBy)}`,
    ...describeOmissions(row, { margin: limit, reference: null }).map((line) => `  ${line}`),
  ];
}

function nameRow({ file, model }: GatedResult): string {
  return model === null ? file : `${file}, ${model}`;
}

function explainFailure(gate: ResultGate): DriftlineError {
  const open = gate.rows.filter(({ verdict }) => verdict === gate.verdict);
  // What so few questions cannot show is at fault only where what they do show would be within the limit.
  if (
    gate.verdict === 'not-shown' &&
    open.every(({ questions, share }) => questions > 0 && (share ?? 0) <= gate.limit)
  ) {
    const places = open.map(({ file, questions, uncounted }) => ({ evaluation: file, questions, uncounted }));
    const impassable = findImpassable(places, { maxDrift: 100 * gate.limit, population: gate.population }, false);
    if (impassable !== null) return impassable;
  }
  const isAbove = gate.verdict === 'above';
  const rows = open.map((row) => {
    const bound = isAbove ? `at least ${percentNumber(row.lowerBound)}` : `up to ${percentNumber(row.upperBound)}`;
    return `${nameRow(row)}, ${percentNumber(row.share)} % seen, ${row.upperBound === null ? (row.refusal ?? '') : `${bound} %`}`;
  });
  return new DriftlineError({
    code: 'gate-not-met',
    message: `${isAbove ? '' : 'not shown to be '}${describeLimit(gate)}: ${rows.join('; ')}`,
    hint: isAbove
      ? 'The question that drives it is above.'
      : open.some(({ settledBy }) => settledBy !== null)
        ? 'What would probably settle it is above.'
        : 'Why is above.',
    details: { verdict: gate.verdict, rows: open },
  });
}
