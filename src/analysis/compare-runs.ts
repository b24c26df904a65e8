import { findPlanDifferences, type PlanDifference } from './plan-differences.js';
import type { RunAnalysis } from './analyse-run.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import type { AnswerRecord } from '../runs/run-records.js';
import type { OutlinedCell } from '../runs/run-outline.js';
import { compareFirstTokens, compareGroups, type ComparedGroup, type PooledRun } from './compare-pooled.js';
import { findCountedUnlike, findUnlike, type AskedRun } from './find-unlike.js';
import { estimateDrifts, judgeDrift, type ComparedCounts, type Drift, type DriftVerdict } from './drift.js';
import type { MeasureRow, RowPlace } from './measure-rows.js';
import type { SelectedModel } from './select-model.js';

/** A run to compare with others. */
export interface ComparedRun extends Pick<AskedRun, 'questions' | 'evaluations'> {
  readonly name: string;
  readonly folder: string;
  readonly bases: readonly unknown[];
  /** The plan, as it is compared with those of other runs; what concerns the model, where one is compared. */
  readonly plan: object;
  readonly analysis: Pick<RunAnalysis, 'judge' | 'rule' | 'rows'> & PooledRun['analysis'];
  readonly cells: readonly Pick<OutlinedCell, 'name' | 'base' | 'condition'>[];
  readonly answers: readonly Pick<AnswerRecord, 'cell' | 'evaluation' | 'input' | 'text'>[];
  /** What of the run is compared, which the rows are of; all of it where there is none. */
  readonly model?: SelectedModel | null;
}

/** One number in several runs, matched by its names. */
export interface ComparedRow {
  /** Null if each run has one base, whatever it is called, and if single models are compared. */
  readonly base: string | null;
  /** Where single models are compared, what they are called one after the other. */
  readonly condition: string;
  readonly evaluation: string;
  readonly measure: string;
  /** In the order of the runs; null if a run does not have it. */
  readonly runs: readonly (MeasureRow | null)[];
  /** Each run against the first, question by question; null for the first, and if one of the two does not have the number. */
  readonly differences: readonly (Drift | null)[];
  /** What each difference says; null where there is none, and where the measure is not about alignment. */
  readonly verdicts: readonly (DriftVerdict | null)[];
  /**
   * Whether the number is of the very answers that the first run has, counted alike, as where a condition was taken over: chance plays no
   * part in the difference then. False for the first.
   */
  readonly isOfSameAnswers: readonly boolean[];
}

export interface RunComparison {
  readonly runs: readonly {
    readonly name: string;
    readonly folder: string;
    readonly judge: string;
    readonly rule: string;
    /** Null where the whole run is compared. */
    readonly model: SelectedModel | null;
  }[];
  /** Why numbers may differ although models do not: another judge, rule or wording than in the first run. Sentences. */
  readonly warnings: readonly string[];
  /** Differences of each plan from that of the first run, in order; empty for the first, and for models of one run. */
  readonly planDifferences: readonly (readonly PlanDifference[])[];
  readonly rows: readonly ComparedRow[];
  /** Named groups of conditions that two runs or more have. */
  readonly groups: readonly ComparedGroup[];
  /** What answers to next_token and rating begin with. */
  readonly firstTokens: ReturnType<typeof compareFirstTokens>;
  /** Numbers that only one run has. */
  readonly unmatched: readonly string[];
  /** Which run has each of these, from 0. */
  readonly unmatchedRuns: readonly number[];
}

/**
 * Puts runs side by side: numbers with the same names are matched, and compared with the first run question by question. If each is
 * narrowed to a model, these models are compared, whatever they are called.
 */
export function compareRuns(runs: readonly ComparedRun[]): RunComparison {
  const areModels = requireOneKind(runs);
  const isByBase = !areModels && runs.some(({ bases }) => bases.length !== 1);
  const places = new Map<string, (MeasureRow | null)[]>();
  for (const [position, run] of runs.entries())
    for (const row of run.analysis.rows) {
      const name = areModels ? null : row.condition;
      const key = JSON.stringify([isByBase ? row.base : null, name, row.evaluation, row.measure]);
      const found = places.get(key) ?? runs.map(() => null);
      found[position] = row;
      places.set(key, found);
    }
  const isMatched = (found: readonly (MeasureRow | null)[]): boolean => found.filter((row) => row !== null).length > 1;
  const rows = [...places.values()].filter(isMatched).map((found) => {
    const { base, condition, evaluation, measure } = nameRow(found);
    const name = areModels ? runs.map(({ model }) => model?.condition ?? '').join(', ') : condition;
    return { base: isByBase ? base : null, condition: name, evaluation, measure, runs: found };
  });
  const listAnswers = rememberAnswers();
  const unmatched = [...places.values()].filter((found) => !isMatched(found));
  return {
    runs: runs.map(({ name, folder, analysis: { judge, rule }, model = null }) => ({
      ...{ name, folder, judge, rule, model },
    })),
    warnings: listWarnings(runs, rows),
    planDifferences: runs.map(({ plan, folder }, position) =>
      position === 0 || (areModels && folder === runs[0]?.folder) ? [] : findPlanDifferences(runs[0]?.plan ?? {}, plan),
    ),
    rows: (areModels ? compareModels(rows, runs.length) : compareRows(rows, runs.length)).map((row) => ({
      ...row,
      isOfSameAnswers: findSameAnswers(row.runs, runs, listAnswers),
    })),
    groups: compareGroups(runs, isByBase),
    firstTokens: compareFirstTokens(runs, isByBase),
    unmatched: unmatched.map((found) => {
      const { condition, evaluation, measure } = nameRow(found);
      return `${condition}, ${evaluation}, ${measure}`;
    }),
    unmatchedRuns: unmatched.map((found) => found.findIndex((row) => row !== null)),
  };
}

/** What is compared, and the place of each: `run 1`, `model 2`. */
export function nameComparedRun(
  { runs }: { readonly runs: readonly Pick<ComparedRun, 'model'>[] },
  index: number,
): string {
  return `${nameCompared({ runs })} ${String(index + 1)}`;
}

/** What is compared: `run` or `model`. */
export function nameCompared({ runs }: { readonly runs: readonly Pick<ComparedRun, 'model'>[] }): 'run' | 'model' {
  return runs.some(({ model = null }) => model !== null) ? 'model' : 'run';
}

function listWarnings(runs: readonly ComparedRun[], rows: readonly MatchedRow[]): string[] {
  const [first, ...others] = runs;
  if (first === undefined) return [];
  return others.flatMap((other, position) => {
    const names = [nameComparedRun({ runs }, 0), nameComparedRun({ runs }, position + 1)] as const;
    const matched = rows.filter((row) => row.runs[0] !== null && row.runs[position + 1] !== null);
    const asked = [...new Set(matched.map(({ evaluation }) => evaluation))].flatMap((evaluation) =>
      // Over the questions that both asked: what one asked alone is not in the numbers.
      findUnlike([first, other], names, evaluation).filter(({ kind }) => kind === 'wordings'),
    );
    return [...findCountedUnlike([first, other], names), ...asked].map(
      ({ message }) => `${message}: the numbers may differ for that alone`,
    );
  });
}

/** Which runs have the very answers of the first in a row, counted alike. */
function findSameAnswers(
  rows: readonly (MeasureRow | null)[],
  runs: readonly ComparedRun[],
  listAnswers: ReturnType<typeof rememberAnswers>,
): boolean[] {
  const [first, firstRun] = [rows[0] ?? null, runs[0]];
  return rows.map((row, index) => {
    const run = runs[index];
    if (index === 0 || row === null || first === null || run === undefined || firstRun === undefined) return false;
    if (!areCountedAlike(first, row)) return false;
    const [answers, ofFirst] = [listAnswers(row, run), listAnswers(first, firstRun)];
    return answers.length === ofFirst.length && answers.every((answer, position) => answer === ofFirst[position]);
  });
}

/** Rows that differ in a count cannot be of the same answers: no need to look at these. */
function areCountedAlike(one: MeasureRow, other: MeasureRow): boolean {
  const describe = ({ questions }: MeasureRow): string[] =>
    questions.map(({ question, successes, trials }) => JSON.stringify([question, successes, trials])).sort();
  return describe(one).join() === describe(other).join();
}

/** `listAnswers`, once for all measures of a place. */
function rememberAnswers(): typeof listAnswers {
  const known = new Map<ComparedRun, Map<string, readonly string[]>>();
  return (row, run) => {
    const places = known.get(run) ?? new Map<string, readonly string[]>();
    known.set(run, places);
    const place = JSON.stringify([row.base, row.condition, row.evaluation]);
    const answers = places.get(place) ?? listAnswers(row, run);
    places.set(place, answers);
    return answers;
  };
}

/** The answers that a row counts, in an order of their own. */
function listAnswers({ base, condition, evaluation }: MeasureRow, { cells, answers }: ComparedRun): readonly string[] {
  const counted = new Set(
    cells.filter((cell) => cell.base === base && cell.condition === condition).map(({ name }) => name),
  );
  return answers
    .filter(({ cell, evaluation: asked }) => asked === evaluation && counted.has(cell))
    .map(({ input, text }) => `${input} ${text}`)
    .sort();
}

/** Whether single models are compared: of all runs, or of none. */
function requireOneKind(runs: readonly ComparedRun[]): boolean {
  const models = runs.flatMap(({ folder, model }) =>
    model === undefined || model === null ? [] : [{ folder, ...model }],
  );
  if (models.length === 0) return false;
  const refuse = (message: string, hint: string): DriftlineError =>
    new DriftlineError({ code: 'usage-invalid', message, hint });
  if (models.length < runs.length)
    throw refuse(
      'a model is compared with a model, and a run with a run',
      'Name a condition of each run, as in RUN:base RUN:CONDITION, or of none.',
    );
  const keys = models.map((model) => JSON.stringify(model));
  const twice = models.find((_, index) => keys.indexOf(keys[index] ?? '') < index);
  if (twice !== undefined)
    throw refuse(`${twice.folder}:${twice.condition} stands there twice`, 'Name each model once.');
  return true;
}

function nameRow(runs: readonly (MeasureRow | null)[]): RowPlace {
  const row = runs.find((one) => one !== null);
  return row ?? { base: '', condition: '', evaluation: '', measure: '' };
}

/** Compares each run with the first; all conditions of one measure in one evaluation are a family, run by run. */
function compareRows(rows: readonly MatchedRow[], runs: number): DifferingRow[] {
  return compareFamilies(rows, runs, ({ evaluation, measure }, run) => JSON.stringify([evaluation, measure, run]));
}

/** As in a report, all that tells of alignment is a family, and all that tells of something else. */
function compareModels(rows: readonly MatchedRow[], runs: number): DifferingRow[] {
  return compareFamilies(rows, runs, ({ runs: [first] }) => first?.outcome.kind ?? '');
}

type MatchedRow = Omit<ComparedRow, 'differences' | 'verdicts' | 'isOfSameAnswers'>;
type DifferingRow = Omit<ComparedRow, 'isOfSameAnswers'>;

function compareFamilies(
  rows: readonly MatchedRow[],
  runs: number,
  familyOf: (row: MatchedRow, run: number) => string,
): DifferingRow[] {
  const families = new Map<
    string,
    { readonly row: MatchedRow; readonly run: number; readonly counts: ComparedCounts }[]
  >();
  for (let run = 1; run < runs; run += 1)
    for (const row of rows) {
      const [tuned, base] = [row.runs[run] ?? null, row.runs[0] ?? null];
      if (tuned === null || base === null) continue;
      const family = familyOf(row, run);
      const member = { row, run, counts: { tuned: tuned.questions, base: base.questions } };
      families.set(family, [...(families.get(family) ?? []), member]);
    }
  const differences = new Map(rows.map((row) => [row, Array.from({ length: runs }, (): Drift | null => null)]));
  for (const [family, members] of families) {
    const estimated = estimateDrifts(
      family,
      members.map(({ counts }) => counts),
    );
    for (const [position, { row, run }] of members.entries()) {
      const list = differences.get(row);
      if (list !== undefined) list[run] = estimated[position] ?? null;
    }
  }
  return rows.map((row) => {
    const list = differences.get(row) ?? [];
    const isJudged = row.runs.some((one) => one?.outcome.kind === 'misaligned');
    const verdicts = list.map((drift) => (drift === null || !isJudged ? null : judgeDrift(drift)));
    return { ...row, differences: list, verdicts };
  });
}
