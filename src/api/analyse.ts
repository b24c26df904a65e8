import { z } from 'zod';
import { analyseRun, type RunAnalysis } from '../analysis/analyse-run.js';
import { compareRuns, type ComparedRun, type RunComparison } from '../analysis/compare-runs.js';
import { narrowPlan, selectModel } from '../analysis/select-model.js';
import { countRun, inputOfRun } from '../analysis/count-run.js';
import { summariseRun, type RunTables } from '../analysis/summarise-run.js';
import { objectSchema } from '../foundation/caller-schemas.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { findRule, ruleNames, type RuleName } from '../judging/rules.js';
import { makeReport } from '../report/report-data.js';
import { writeReport, type WrittenReport } from '../report/write-report.js';
import { countResultFile } from '../results/count-result-file.js';
import { summariseFiles, type ResultSummary } from '../results/summarise-files.js';
import { summariseFile, type ResultGroup, type ResultGrouping } from '../results/summarise-results.js';
import { findLargeRecords, type Run } from '../runs/read-run.js';

export interface CountOptions {
  /** Whose judgements count. Default the run's own judge. */
  readonly judge?: string;
  /** How scores become "misaligned or not". Default the plan's rule. */
  readonly rule?: RuleName;
}

export const countShape = { judge: z.string().min(1).optional(), rule: z.enum(ruleNames).optional() };

const countSchema = z.strictObject(countShape);

/**
 * Shares with intervals, drift from the base, verdict and caveats of a run: plain data. A judge that judged nothing
 * there is `usage-invalid`.
 */
export function analyse(run: Run, options: CountOptions = {}): RunAnalysis {
  requireRun(run, 'analyse', options);
  return analyseRun(inputOfRun(run), options);
}

/** The tables that `driftline run` prints: counts and shares by condition and evaluation, and training curves. */
export function tabulate(run: Run, options: CountOptions = {}): RunTables {
  requireRun(run, 'tabulate', options);
  const input = inputOfRun(run);
  return summariseRun(input, countRun(input, options));
}

/** Writes the report of a run into its folder: page, tables, figures and Parquet. */
export async function reportRun(run: Run, options: CountOptions = {}): Promise<WrittenReport> {
  requireRun(run, 'report', options);
  return writeReport(makeReport(run, options));
}

/** A model of a run: a condition of it, or `base`. Where the run has several bases, `BASE.CONDITION` says of which. */
export interface ModelOfRun {
  readonly run: Run;
  readonly condition: string;
}

/**
 * Puts runs side by side: what they call alike is compared with the first run, question by question. Of models of runs, which may be of one
 * run, each is compared with the first.
 */
export function compareStoredRuns(
  runs: readonly (Run | ModelOfRun)[],
  options: Pick<CountOptions, 'rule'> = {},
): RunComparison {
  requireSeveral(runs, 'compare');
  parseSettings(countSchema.pick({ rule: true }), options, 'compare');
  return compareRuns(
    runs.map((one) => {
      const { run, condition } = readCompared(one);
      requireRun(run, 'compare', options);
      return describeCompared(run, condition, analyse(run, options));
    }),
  );
}

/** Fewer than two runs cannot be compared. */
export function requireSeveral(runs: readonly unknown[], caller: string): void {
  parseSettings(z.strictObject({ runs: z.array(z.unknown()).min(2, 'there are not two runs') }), { runs }, caller);
}

export interface CountResultsOptions extends Pick<CountOptions, 'rule'> {
  /**
   * Lowest and highest score of the file's scale, such as [0, 1] or [1, 10]. If not given they are 0 to 100, and files whose scores are
   * hardly so are refused.
   */
  readonly scale?: readonly [low: number, high: number];
  /** Also counts each model, and compares it with another of the file, or each question. */
  readonly by?: ResultGrouping;
  /** With `by: 'model'`: the model that the others are compared with. Default the file's first. */
  readonly against?: string;
}

const resultsSchema = countSchema.pick({ rule: true }).extend({
  scale: z
    .tuple([z.number().min(0).max(100), z.number().min(0).max(100)])
    .refine(([low, high]) => low < high, 'the first number is not below the second')
    .optional(),
  by: z.enum(['model', 'question_id']).optional(),
  against: z.string().min(1).optional(),
});

/** A run, or a model of it, as comparisons take it. */
export function describeCompared<Analysis extends ComparedRun['analysis']>(
  run: Run,
  condition: string | null,
  analysis: Analysis,
) {
  const { name, folder, manifest, cells, answers, questions, evaluations } = run;
  const described = { name, folder, bases: manifest.bases, plan: manifest, cells, answers, questions, evaluations };
  if (condition === null) return { ...described, analysis, model: null };
  const model = selectModel(run, condition);
  const rows = analysis.rows.filter((row) => row.base === model.base && row.condition === model.condition);
  return { ...described, plan: narrowPlan(manifest, model), analysis: { ...analysis, rows }, model };
}

/** A run, with the model that is meant of it, or null for all of it. */
export function readCompared(one: Run | ModelOfRun): { readonly run: Run; readonly condition: string | null } {
  return isModelOfRun(one) ? one : { run: one, condition: null };
}

function isModelOfRun(one: Run | ModelOfRun): one is ModelOfRun {
  return modelOfRunSchema.safeParse(one).success;
}

const modelOfRunSchema = z.strictObject({ run: objectSchema, condition: z.string().min(1) });

/**
 * Counts a file of results that is there already, CSV or JSON Lines, by a rule; default the paper's. With `by`, everything that
 * `driftline score --by ... --json` prints: groups, comparisons of models, and warnings; without it, the total alone.
 */
export async function countResults(
  file: string,
  options: CountResultsOptions & { readonly by: ResultGrouping },
): Promise<ResultSummary>;
export async function countResults(
  file: string,
  options?: CountResultsOptions & { readonly by?: undefined },
): Promise<ResultGroup>;
export async function countResults(
  file: string,
  options: CountResultsOptions = {},
): Promise<ResultGroup | ResultSummary> {
  requireFile(file, 'countResults');
  parseSettings(resultsSchema, options, 'countResults');
  const { scale, by, against } = options;
  if (against !== undefined && by !== 'model')
    throw new DriftlineError({
      code: 'usage-invalid',
      message: 'countResults: against needs by: "model"',
      hint: 'Models are compared where each is counted by itself.',
    });
  const rule = findRule(options.rule ?? 'paper');
  const counted = await countResultFile(file, rule, scale === undefined ? {} : { scale });
  return by === undefined
    ? summariseFile(counted.questions, { file, rule, seed: 0 })
    : summariseFiles([counted], { rule, by, against, seed: 0 });
}

function requireFile(file: unknown, caller: string): void {
  if (typeof file === 'string' && file !== '') return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${caller}: the file is ${Array.isArray(file) ? 'a list' : file === '' ? 'an empty text' : `not a text but ${file === null ? 'null' : typeof file}`}`,
    hint: 'Give the path of one file of results; count several one by one.',
  });
}

// Of what readRun returns, what is looked at first.
const runSchema = z.looseObject({
  ...{ name: z.string(), folder: z.string(), judge: z.string(), rule: z.enum(ruleNames) },
  manifest: z.looseObject({
    bases: z.array(z.unknown()),
    cells: z.array(z.unknown()),
    evaluations: z.array(z.unknown()),
  }),
  dynamics: z.looseObject({ evaluation: objectSchema }).nullable(),
  ...{ cells: z.array(z.unknown()), evaluations: z.array(z.unknown()), faults: z.array(z.unknown()) },
  ...{ answers: z.array(z.unknown()), judgements: z.array(z.unknown()) },
  ...{ bases: z.instanceof(Map), questions: z.instanceof(Map), curves: z.instanceof(Map), finished: z.instanceof(Set) },
});

export function requireRun(run: Run, caller: string, options: CountOptions): void {
  // A large run is one that readRun made, and a look at its lists would bring all of it into memory.
  const isRun = (typeof run === 'object' && findLargeRecords(run) !== null) || runSchema.safeParse(run).success;
  if (!isRun)
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${caller}: that is no run`,
      hint: 'Give what readRun returns, or the run in what an experiment returns.',
    });
  parseSettings(countSchema, options, caller);
  const { judge } = options;
  if (judge === undefined) return;
  const judges = new Set([run.judge]);
  for (const one of findLargeRecords(run)?.judgements.values() ?? run.judgements) judges.add(one.judge);
  if (!judges.has(judge))
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${caller}: ${judge} has judged nothing in ${run.folder}`,
      hint: `Judges are ${[...judges].join(', ')}.`,
    });
}
