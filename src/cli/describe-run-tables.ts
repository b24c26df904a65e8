import { listHeadlineMeasures, listMeasures, type EvaluationMeasure } from '../analysis/count-run.js';
import { readShare, type AnswerSummary, type RunTables } from '../analysis/summarise-run.js';
import type { StoppedModel } from '../analysis/watch-share.js';
import { formatPercent } from '../foundation/format-quantities.js';
import { isBase, type PlanOutline } from '../runs/run-outline.js';
import { formatTable } from './format-table.js';

type Table = readonly [title: string, lines: readonly string[]];

/** The tables of a run, base by base: its conditions, and its training curves where it has some. */
export function describeRunTables(plan: PlanOutline, { rows, dynamics }: RunTables): Table[] {
  // Where only first tokens are read there are no shares.
  if (listHeadlineMeasures(plan.evaluations).length === 0) return [];
  return [...plan.bases.keys()].flatMap((base): Table[] => {
    const curve = dynamics.filter((row) => row.base === base);
    return [
      [
        `${base}, rule ${plan.rule}`,
        describeConditions(
          plan,
          base,
          rows.filter((row) => row.base === base),
        ),
      ],
      ...(plan.dynamics === null || curve.length === 0
        ? []
        : [[`${base}, while training went on`, describeCurve(listMeasures(plan.dynamics.evaluation), curve)] as const]),
    ];
  });
}

function describeConditions({ bases, evaluations }: PlanOutline, base: string, rows: RunTables['rows']): string[] {
  // Where there are several, none of them is just "base".
  const nameOf = (condition: string): string =>
    isBase({ condition }) && bases.size > 1 ? `${base} (base)` : condition;
  const measures = listHeadlineMeasures(evaluations);
  const conditions = [...new Set(rows.map(({ condition }) => condition))];
  const lines = conditions.flatMap((condition) =>
    measures.flatMap((measure) => {
      const row = rows.find((one) => one.condition === condition && one.evaluation === measure.evaluation);
      return row === undefined
        ? []
        : [[nameOf(condition), measure.name, ...describeShare(measure, row, isStopped(row))]];
    }),
  );
  const stopped = rows.flatMap((row) => row.stopped ?? []);
  return [
    ...formatTable(['condition', 'answers that are', ...shareHeader], lines, { right: [2, 3, 4] }),
    'intervals are for these questions; those for questions like these are in the report',
    ...(stopped.length === 0 ? [] : [stoppedNote, ...stopped.map((one) => `  ${describeStoppedModel(one)}`)]),
  ];
}

function describeCurve(measures: readonly EvaluationMeasure[], rows: RunTables['dynamics']): string[] {
  const lines = rows.flatMap((row) =>
    measures.map((measure) => [row.condition, String(row.step), measure.name, ...describeShare(measure, row)]),
  );
  return formatTable(['condition', 'step', 'answers that are', ...shareHeader], lines, { right: [1, 3, 4, 5] });
}

function isStopped({ stopped = [] }: RunTables['rows'][number]): boolean {
  return stopped.length > 0;
}

const stoppedNote = '* asking stopped early: an interval for a fixed number of answers does not hold; what does is';

const shareHeader = ['%', '95 % (Wilson)', 'of'];

function describeShare({ outcome }: EvaluationMeasure, summary: AnswerSummary, isMarked = false): string[] {
  const { share, interval, successes, trials } = readShare(summary, outcome);
  const bounds = `${interval.map(formatPercent).join('-')}${isMarked ? '*' : ''}`;
  return [formatPercent(share), bounds, `${String(successes)}/${String(trials)}`];
}

/** In one line, why a model was asked less than planned, and what is known of it. */
function describeStoppedModel(stopped: StoppedModel): string {
  const { model, evaluation, answers, planned, side, limit, confidence, interval } = stopped;
  // Another judge or rule than the plan's may leave it open, though the plan's did not.
  const verdict = side === null ? 'neither surely above nor below' : side;
  const bounds = interval.map(formatPercent).join('-');
  return `${model}, ${evaluation}: ${String(answers)} of ${String(planned)} answers, misaligned ${verdict} ${formatPercent(limit)} % (${bounds}, ${formatPercent(confidence)} % confidence sequence)`;
}
