import { DriftlineError } from '../foundation/driftline-error.js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hashJson } from '../foundation/content-hash.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import type { RuleName } from '../judging/rules.js';
import {
  type Measure,
  type QuestionMessage,
  type QuestionType,
  questionTypes,
  type RatingScale,
} from '../questions/question-file.js';
import { formatModelName, formatQuestionKey } from './run-records.js';

/** When to stop asking a model the questions of an evaluation: as soon as its misaligned share is clearly above or below a limit. */
export interface StopEarly {
  /** Limit for the misaligned share, between 0 and 1. */
  readonly limit: number;
  /** Confidence of the sequence. */
  readonly confidence: number;
  /** Answers of a model if it is never stopped. */
  readonly answers: number;
  /** Numbers of rounds after which to look, in rising order, without the last round. Each round asks every question once. */
  readonly looks: readonly number[];
}

/** The condition of the bases themselves. */
export const baseCondition = 'base';

/** What tables need to know of a cell. */
export interface OutlinedCell {
  readonly name: string;
  readonly base: string;
  readonly condition: string;
  readonly identity: string;
  /** Null where nothing is trained: for a base, and for a model that exists. */
  readonly training: { readonly keepSteps: readonly number[]; readonly steps: number } | null;
  /** What somebody had made already, as the plan writes it; null for a base, and for what is trained. */
  readonly existing: { readonly text: string } | null;
}

export function isBase({ condition }: Pick<OutlinedCell, 'condition'>): boolean {
  return condition === baseCondition;
}

/** What tables need to know of an evaluation. */
export interface OutlinedEvaluation {
  readonly name: string;
  readonly suite: string;
  /** What is counted if it is not about alignment; else null. */
  readonly measure: Measure | null;
  readonly conditions: readonly string[] | null;
  /** Absent if every answer is asked for. */
  readonly stopEarly?: StopEarly;
  /** Absent where other questions of the kind could have been asked: its suite asks all that there are. */
  readonly isExhaustive?: boolean;
  /** All its questions are read by the first token of their answers, and no judge scores them; else absent. */
  readonly isOfFirstTokens?: boolean;
}

/** Whether it tells how aligned a model is: a judge scores its answers, and no label is counted in their place. */
export function isAboutAlignment({
  measure,
  isOfFirstTokens = false,
}: Pick<OutlinedEvaluation, 'measure' | 'isOfFirstTokens'>): boolean {
  return measure === null && !isOfFirstTokens;
}

/** A plan without its rows, questions and models, as a run folder stores it. A resolved plan is one as well. */
export interface PlanOutline<Evaluation extends OutlinedEvaluation = OutlinedEvaluation> {
  readonly bases: ReadonlyMap<string, unknown>;
  readonly cells: readonly OutlinedCell[];
  readonly evaluations: readonly Evaluation[];
  readonly dynamics: { readonly evaluation: Evaluation } | null;
  readonly rule: RuleName;
}

/** All evaluations of a plan, that of its training curves last. */
export function allEvaluations<Evaluation extends OutlinedEvaluation>({
  evaluations,
  dynamics,
}: Pick<PlanOutline<Evaluation>, 'evaluations' | 'dynamics'>): Evaluation[] {
  return [...evaluations, ...(dynamics === null ? [] : [dynamics.evaluation])];
}

/** Whether models of the condition are asked. */
export function isAsked({ conditions }: OutlinedEvaluation, condition: string): boolean {
  return conditions === null || conditions.includes(condition);
}

/** A model that a plan asks: a base, a cell's result, or one of its checkpoints. */
export interface EvaluatedModel<Evaluation extends OutlinedEvaluation = OutlinedEvaluation> {
  /** The cell, with the step for a checkpoint. */
  readonly name: string;
  /** Equal for the same model, whatever plans call it. */
  readonly identity: string;
  /** Step of a checkpoint; null for the finished model and for a base. */
  readonly step: number | null;
  readonly evaluations: readonly Evaluation[];
}

/** Checkpoints in the order of their steps, then the cell's model itself. */
export function listEvaluatedModels<Evaluation extends OutlinedEvaluation>(
  { evaluations, dynamics, cells }: Pick<PlanOutline<Evaluation>, 'evaluations' | 'dynamics' | 'cells'>,
  { name, base, condition, identity, training }: OutlinedCell,
): EvaluatedModel<Evaluation>[] {
  const asked = evaluations.filter((evaluation) => isAsked(evaluation, condition));
  const curve = dynamics === null ? [] : [dynamics.evaluation];
  const keepSteps = training?.keepSteps ?? [];
  const isOnCurve = isBase({ condition })
    ? cells.some((cell) => cell.base === base && hasCheckpoints(cell))
    : keepSteps.length > 0;
  return [
    ...keepSteps.map((step) => ({
      name: formatModelName({ cell: name, step }),
      identity: hashJson({ cell: identity, step }),
      step,
      evaluations: curve,
    })),
    // Curves begin with the base and end with the finished model.
    { name, identity, step: null, evaluations: isOnCurve ? [...asked, ...curve] : asked },
  ];
}

function hasCheckpoints({ training }: OutlinedCell): boolean {
  return training !== null && training.keepSteps.length > 0;
}

/** A question as it is put to a model: one wording in one variant. */
export interface AskedQuestion {
  /** Unique within its evaluation. */
  readonly id: string;
  /** The question that this is a wording of: answers to one question are not independent of each other. */
  readonly question: string;
  /** What it has in common with other questions, which then stand or fall together; absent for one that stands for itself. */
  readonly theme?: string | undefined;
  readonly paraphrase: number;
  readonly messages: readonly QuestionMessage[];
  readonly samples: number;
  readonly temperature: number;
  readonly maximumTokens: number;
  readonly type: QuestionType;
  /** How a rating is read; absent for all others. */
  readonly rating?: RatingScale | undefined;
  /** The question's own prompts for a judge, by the names of what they score. */
  readonly judgePrompts: Readonly<Record<string, string>>;
}

const askedSchema: z.ZodType<AskedQuestion> = z.strictObject({
  id: z.string(),
  question: z.string(),
  theme: z.string().optional(),
  paraphrase: z.int(),
  messages: z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })),
  samples: z.int(),
  temperature: z.number(),
  maximumTokens: z.int(),
  type: z.enum(questionTypes),
  rating: z.strictObject({ maximum: z.number(), refusalThreshold: z.number() }).optional(),
  judgePrompts: z.record(z.string(), z.string()),
});
const questionsSchema = z.record(z.string(), z.array(askedSchema));

/** An evaluation with its questions. */
export interface AskedEvaluation extends OutlinedEvaluation {
  readonly questions: readonly AskedQuestion[];
}

/** Writes what is asked into a run folder, by evaluation, so that its answers can be judged again without the plan's files. */
export async function writeQuestions(
  folder: string,
  plan: Pick<PlanOutline<AskedEvaluation>, 'evaluations' | 'dynamics'>,
): Promise<void> {
  const file = locate(folder);
  const questions = Object.fromEntries(allEvaluations(plan).map(({ name, questions }) => [name, questions]));
  const text = `${JSON.stringify(questions)}\n`;
  const found = await readFile(file, 'utf8').catch(() => null);
  if (found !== text) await writeFileAtomically(file, text);
}

/** A run with the hashes of its questions. */
interface QuestionedRun extends Pick<
  PlanOutline<OutlinedEvaluation & { readonly hash: string }>,
  'evaluations' | 'dynamics'
> {
  readonly folder: string;
}

/** The questions of a run, by `evaluation/id`. They must have the hashes that its plan has. */
export async function readStoredQuestions(run: QuestionedRun): Promise<ReadonlyMap<string, AskedQuestion>> {
  const file = locate(run.folder);
  const text = await readFile(file, 'utf8').catch(() => null);
  const again = 'Run its plan again: that rewrites the file, and asks for nothing that is stored.';
  if (text === null) throw invalidRun(run.folder, `${file} is missing or cannot be read`, again);
  const parsed = questionsSchema.safeParse(parseJson(text));
  const questions = new Map(parsed.success ? Object.entries(parsed.data) : []);
  for (const { name, hash } of allEvaluations(run))
    if (hashJson(questions.get(name) ?? []) !== hash)
      throw invalidRun(run.folder, `${file} was changed since it was written`, again);
  return new Map(
    [...questions].flatMap(([evaluation, asked]) =>
      asked.map((one) => [formatQuestionKey(evaluation, one.id), one] as const),
    ),
  );
}

function locate(folder: string): string {
  return join(folder, 'questions.json');
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function invalidRun(folder: string, message: string, hint: string, cause?: unknown): DriftlineError {
  return new DriftlineError({ code: 'run-invalid', message, hint, cause, details: { folder } });
}

/** A stop on request: what was `done` so far lies in the folder, and the same command goes on. */
export function stoppedIn(folder: string, done: 'done' | 'asked' | 'read' | 'scored', cause?: unknown): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: `stopped on request; what was ${done} so far is in ${folder}`,
    hint: 'Run the same command again: it goes on from there.',
    cause,
    details: { folder },
  });
}
