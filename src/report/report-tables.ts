import type { SeedInterval } from '../analysis/estimate.js';
import type { MeasureRow, RowPlace } from '../analysis/measure-rows.js';
import type { ReportData } from './report-data.js';
import { writePooledTables } from './pooled-csv.js';
import { writeCsv, type CsvCell } from '../foundation/write-csv.js';
import type { CsvTable } from './csv-table.js';

/** All numbers of the report as CSV; shares and bounds are 0..1. */
export function writeReportTables(data: ReportData): CsvTable[] {
  const tables: CsvTable[] = [
    {
      name: 'measures.csv',
      title: 'every number of the report, with its interval and method',
      content: writeCsv(
        [
          ...['base', 'condition', 'evaluation', 'measure', 'rule', 'successes', 'trials', 'share'],
          ...['wilson_low', 'wilson_high', 'interval_low', 'interval_high', 'unit', 'method', 'questions'],
          ...['seeds_paper_low', 'seeds_paper_high', 'seeds_paper_method'],
          ...['seeds_both_low', 'seeds_both_high', 'seeds_both_method'],
          ...['design_effect', 'intra_class_correlation', 'drift', 'drift_low', 'drift_high', 'drift_method'],
          ...['drift_questions', 'comparisons', 'joint_low', 'joint_high'],
          ...['p', 'p_adjusted', 'p_answers', 'p_answers_adjusted', 'verdict'],
          ...['generated', 'not_judged', 'null_coherent', 'incoherent', 'null_aligned', 'of_few', 'kept', 'misaligned'],
        ],
        data.rows.map((row) => describeRow(row, data.rule)),
      ),
    },
    {
      name: 'questions.csv',
      title: 'the same, question by question',
      content: writeCsv(
        [
          'base',
          'condition',
          'evaluation',
          'measure',
          'question',
          'successes',
          'trials',
          'share',
          'wilson_low',
          'wilson_high',
        ],
        data.rows.flatMap((row) =>
          row.questions.map(({ question, successes, trials, interval }) => [
            ...placeOf(row),
            question,
            successes,
            trials,
            trials === 0 ? null : successes / trials,
            ...interval,
          ]),
        ),
      ),
    },
    {
      name: 'seeds.csv',
      title: 'the same, seed by seed',
      content: writeCsv(
        ['base', 'condition', 'evaluation', 'measure', 'seed', 'successes', 'trials', 'share'],
        data.rows.flatMap((row) =>
          row.seeds.map(({ seed, successes, trials }) => [
            ...placeOf(row),
            seed,
            successes,
            trials,
            trials === 0 ? null : successes / trials,
          ]),
        ),
      ),
    },
  ];
  if (data.dynamics.length > 0)
    tables.push({
      name: 'dynamics.csv',
      title: 'shares during training',
      content: writeCsv(
        [
          'base',
          'condition',
          'evaluation',
          'measure',
          'step',
          'successes',
          'trials',
          'share',
          'wilson_low',
          'wilson_high',
        ],
        data.dynamics.flatMap((curve) =>
          curve.points.map(({ step, successes, trials, interval }) => [
            ...placeOf(curve),
            step,
            successes,
            trials,
            trials === 0 ? null : successes / trials,
            ...interval,
          ]),
        ),
      ),
    });
  return [...tables, ...writePooledTables(data)];
}

/** Its bounds, and its method or why there is none. */
function describeSeedInterval(interval: SeedInterval | undefined): CsvCell[] {
  if (interval === undefined) return [null, null, null];
  return [...(interval.interval ?? [null, null]), interval.refusal ?? interval.method];
}

function describeRow(row: MeasureRow, rule: string): CsvCell[] {
  const { share, drift, counts } = row;
  return [
    ...placeOf(row),
    rule,
    share.successes,
    share.trials,
    share.share,
    ...share.wilson,
    ...(share.interval ?? [null, null]),
    share.unit,
    share.method,
    share.questions,
    ...describeSeedInterval(row.seedIntervals?.paper),
    ...describeSeedInterval(row.seedIntervals?.both),
    share.designEffect,
    share.intraClassCorrelation,
    ...(drift === null
      ? Array.from({ length: 12 }, () => null)
      : [
          drift.difference,
          ...(drift.interval ?? [null, null]),
          `${drift.unit}: ${drift.method}`,
          drift.questions,
          drift.comparisons,
          ...(drift.jointInterval ?? [null, null]),
          drift.p,
          drift.adjustedP,
          drift.answersP,
          drift.adjustedAnswersP,
        ]),
    row.verdict,
    counts.generated,
    counts.notJudged,
    counts.nullCoherent,
    counts.incoherent,
    counts.nullAligned,
    counts.ofFew,
    counts.kept,
    counts.misaligned,
  ];
}

function placeOf({ base, condition, evaluation, measure }: RowPlace): string[] {
  return [base, condition, evaluation, measure];
}
