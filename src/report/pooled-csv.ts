import type { ReportData } from './report-data.js';
import { writeCsv, type CsvCell } from '../foundation/write-csv.js';
import type { CsvTable } from './csv-table.js';
import type { FirstTokenPlace } from '../analysis/read-first-tokens.js';

/** Groups of conditions, and what answers begin with, as CSV; what a run does not have makes no file. Shares and bounds are 0..1. */
export function writePooledTables({
  groups,
  firstTokens,
  rule,
}: Pick<ReportData, 'groups' | 'firstTokens' | 'rule'>): CsvTable[] {
  const { nextTokens, ratings } = firstTokens;
  const place = ['base', 'condition', 'conditions', 'evaluation', 'question'];
  const tables: CsvTable[] = [
    {
      name: 'groups.csv',
      title: 'named groups of conditions, their models taken together',
      content: writeCsv(
        [
          ...['base', 'group', 'conditions', 'evaluation', 'measure', 'rule', 'models', 'successes', 'trials', 'share'],
          ...['both_low', 'both_high', 'both_method', 'models_low', 'models_high', 'models_method'],
          ...['questions_low', 'questions_high', 'questions', 'drift', 'drift_low', 'drift_high', 'p', 'p_adjusted'],
        ],
        groups.map(({ base, condition, members, evaluation, measure, share, models, modelIntervals, drift }) => [
          ...[base, condition, members.join(' '), evaluation, measure, rule, models.length],
          ...[share.successes, share.trials, share.share],
          ...describeInterval(modelIntervals?.both),
          ...describeInterval(modelIntervals?.paper),
          ...(share.interval ?? [null, null]),
          ...[share.questions, drift?.difference ?? null, ...(drift?.interval ?? [null, null])],
          ...[drift?.p ?? null, drift?.adjustedP ?? null],
        ]),
      ),
    },
    {
      name: 'next-tokens.csv',
      title: 'what answers begin with, token by token',
      content: writeCsv(
        [...place, 'token', 'probability', 'interval_low', 'interval_high', 'from_base', 'answers', 'untold'],
        nextTokens.flatMap((row) =>
          row.tokens.map(({ token, probability, interval, fromBase }) => [
            ...placeOf(row),
            ...[token, probability, ...(interval ?? [null, null]), fromBase, row.answers, row.untold],
          ]),
        ),
      ),
    },
    {
      name: 'ratings.csv',
      title: 'the numbers that models give by the probabilities of their first token',
      content: writeCsv(
        [
          ...[...place, 'rating', 'interval_low', 'interval_high', 'method', 'models', 'from_base', 'numbers'],
          ...['refused', 'in_digits', 'untold', 'answers', 'max_rating', 'refusal_threshold'],
        ],
        ratings.map((row) => [
          ...[...placeOf(row), row.rating.mean, ...(row.rating.interval ?? [null, null])],
          ...[row.rating.refusal ?? row.rating.method, row.rating.values, row.fromBase, row.numbers],
          ...[row.refused, row.inDigits, row.untold, row.answers, row.maximum, row.refusalThreshold],
        ]),
      ),
    },
  ];
  const isThere = [groups.length, nextTokens.length, ratings.length];
  return tables.filter((_, index) => (isThere[index] ?? 0) > 0);
}

function placeOf({ base, condition, members, evaluation, question }: FirstTokenPlace): CsvCell[] {
  return [base, condition, members === null ? null : members.join(' '), evaluation, question];
}

function describeInterval(
  found:
    | { readonly interval: readonly [number, number] | null; readonly refusal: string | null; readonly method: string }
    | undefined,
): CsvCell[] {
  if (found === undefined) return [null, null, null];
  return [...(found.interval ?? [null, null]), found.refusal ?? found.method];
}
