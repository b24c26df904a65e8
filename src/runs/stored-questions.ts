import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hashJson } from '../foundation/content-hash.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import { type QuestionMessage, type QuestionType, questionTypes } from '../questions/question.js';
import { invalidRun, parseJson, type StoredRun } from './run-manifest.js';
import { formatQuestionKey } from './answer-key.js';
import { allEvaluations, type OutlinedEvaluation, type PlanOutline } from './run-outline.js';

/** A question as it is put to a model: one wording in one variant. */
export interface AskedQuestion {
  /** Unique within its evaluation. */
  readonly id: string;
  /** The question that this is a wording of: answers to one question are not independent of each other. */
  readonly question: string;
  readonly paraphrase: number;
  readonly messages: readonly QuestionMessage[];
  readonly samples: number;
  readonly temperature: number;
  readonly maximumTokens: number;
  readonly type: QuestionType;
  /** Prompts of the question's own for a judge, by the names of what they score. */
  readonly judgePrompts: Readonly<Record<string, string>>;
}

const askedSchema: z.ZodType<AskedQuestion> = z.strictObject({
  id: z.string(),
  question: z.string(),
  paraphrase: z.int(),
  messages: z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })),
  samples: z.int(),
  temperature: z.number(),
  maximumTokens: z.int(),
  type: z.enum(questionTypes),
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

/** The questions of a run by `evaluation/id`. They must be those that its plan was hashed with. */
export async function readStoredQuestions(run: StoredRun): Promise<ReadonlyMap<string, AskedQuestion>> {
  const file = locate(run.folder);
  const text = await readFile(file, 'utf8').catch(() => null);
  const again = 'Run its plan again: that writes the file anew, and asks nothing that is stored.';
  if (text === null) throw invalidRun(run.folder, `${file} is not there or cannot be read`, again);
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
