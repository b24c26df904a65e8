import { estimateDrifts, type Drift } from '../analysis/estimate-drift.js';
import { findPlanDifferences, type PlanDifference } from './find-plan-differences.js';
import type { Report } from './read-report.js';
import type { MeasureRow } from './report-data.js';

/** One number in several runs: what they call by the same names. */
export interface ComparedRow {
  /** Null where each run has one base, whatever it is called. */
  readonly base: string | null;
  readonly condition: string;
  readonly evaluation: string;
  readonly measure: string;
  /** In the order of the runs; null where one does not have it. */
  readonly runs: readonly (MeasureRow | null)[];
  /** Each run against the first, question by question; null for the first, and where one of both does not have it. */
  readonly differences: readonly (Drift | null)[];
}

export interface RunComparison {
  readonly runs: readonly {
    readonly name: string;
    readonly folder: string;
    readonly judge: string;
    readonly rule: string;
  }[];
  /** Of each run against the first, in order; empty for the first. */
  readonly planDifferences: readonly (readonly PlanDifference[])[];
  readonly rows: readonly ComparedRow[];
  /** Numbers that only one run has. */
  readonly unmatched: readonly string[];
}

/** Puts runs side by side: what they call alike is matched, and compared with the first run question by question. */
export function compareReports(reports: readonly Report[]): RunComparison {
  const isByBase = reports.some(({ data }) => data.bases.length !== 1);
  const places = new Map<string, (MeasureRow | null)[]>();
  for (const [position, { data }] of reports.entries())
    for (const row of data.rows) {
      const key = JSON.stringify([isByBase ? row.base : null, row.condition, row.evaluation, row.measure]);
      const found = places.get(key) ?? reports.map(() => null);
      found[position] = row;
      places.set(key, found);
    }
  const matched = [...places.values()].filter((runs) => runs.filter((row) => row !== null).length > 1);
  const rows = matched.map((runs) => {
    const { base, condition, evaluation, measure } = nameRow(runs);
    return { base: isByBase ? base : null, condition, evaluation, measure, runs };
  });
  return {
    runs: reports.map(({ data: { name, folder, judge, rule } }) => ({ name, folder, judge, rule })),
    planDifferences: reports.map(({ content }, position) =>
      position === 0 ? [] : findPlanDifferences(reports[0]?.content.description ?? {}, content.description),
    ),
    rows: compareRows(rows, reports.length),
    unmatched: [...places.values()]
      .filter((runs) => runs.filter((row) => row !== null).length === 1)
      .map((runs) => {
        const { condition, evaluation, measure } = nameRow(runs);
        return `${condition}, ${evaluation}, ${measure}`;
      }),
  };
}

function nameRow(
  runs: readonly (MeasureRow | null)[],
): Pick<MeasureRow, 'base' | 'condition' | 'evaluation' | 'measure'> {
  const row = runs.find((one) => one !== null);
  return row ?? { base: '', condition: '', evaluation: '', measure: '' };
}

/** Compares each run with the first; all conditions of one measure in one evaluation are a family, run by run. */
function compareRows(rows: readonly Omit<ComparedRow, 'differences'>[], runs: number): ComparedRow[] {
  const differences = rows.map((): (Drift | null)[] => Array.from({ length: runs }, () => null));
  const families = new Set(rows.map(({ evaluation, measure }) => JSON.stringify([evaluation, measure])));
  for (const family of families)
    for (let run = 1; run < runs; run += 1) {
      const members = rows.flatMap((row, index) => {
        const [tuned, base] = [row.runs[run] ?? null, row.runs[0] ?? null];
        const isMember = JSON.stringify([row.evaluation, row.measure]) === family;
        return tuned === null || base === null || !isMember
          ? []
          : [{ index, counts: { tuned: tuned.questions, base: base.questions } }];
      });
      const estimated = estimateDrifts(
        family,
        members.map(({ counts }) => counts),
      );
      for (const [position, { index }] of members.entries()) {
        const list = differences[index];
        if (list !== undefined) list[run] = estimated[position] ?? null;
      }
    }
  return rows.map((row, index) => ({ ...row, differences: differences[index] ?? [] }));
}
