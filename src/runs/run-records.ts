import { join } from 'node:path';
import { z } from 'zod';
import { type Judgement, type JudgementDetail, judgeModes } from '../judging/judge.js';
import { readRecordLines, type RecordKind } from './record-file.js';

/** Where an answer stands in its run; together the parts name it. */
export interface AnswerPlace {
  /** The cell, with the step for a checkpoint. */
  readonly model: string;
  readonly evaluation: string;
  /** The id of the question as it is asked, which may have slashes. */
  readonly question: string;
  /** From 0, among the answers to the question. */
  readonly index: number;
}

/** The key of an answer: `model/evaluation/question id/index`. */
export function formatAnswerKey({ model, evaluation, question, index }: AnswerPlace): string {
  return `${model}/${formatQuestionKey(evaluation, question)}/${String(index)}`;
}

/** What an answer's key says. Names of models and evaluations have no slash, so that each key has one reading; null for what is no key. */
export function parseAnswerKey(key: string): AnswerPlace | null {
  const [, model, evaluation, question, index] = /^([^/]+)\/([^/]+)\/(.+)\/(\d+)$/s.exec(key) ?? [];
  if (model === undefined || evaluation === undefined || question === undefined) return null;
  return { model, evaluation, question, index: Number(index) };
}

/** The key of a question as it is asked in a run: `evaluation/question id`. */
export function formatQuestionKey(evaluation: string, question: string): string {
  return `${evaluation}/${question}`;
}

/** What the key of a question says. Names of evaluations have no slash. */
export function parseQuestionKey(key: string): { readonly evaluation: string; readonly question: string } {
  const slash = key.indexOf('/');
  return { evaluation: key.slice(0, Math.max(0, slash)), question: key.slice(slash + 1) };
}

/** The key of the question that an answer replies to; what is no answer's key belongs to no question. */
export function questionKeyOf(answer: string): string {
  const place = parseAnswerKey(answer);
  return place === null ? '' : formatQuestionKey(place.evaluation, place.question);
}

/** A model of a run: a cell's base or finished model (`step` null), or a checkpoint of it. */
export interface ModelOfCell {
  readonly cell: string;
  readonly step: number | null;
}

/** The name of a model: its cell, with @ and the step for a checkpoint. */
export function formatModelName({ cell, step }: ModelOfCell): string {
  return step === null ? cell : `${cell}@${String(step)}`;
}

export function parseModelName(model: string): ModelOfCell {
  const [, cell, step] = /^(.*)@(\d+)$/.exec(model) ?? [];
  return cell === undefined ? { cell: model, step: null } : { cell, step: Number(step) };
}

/** One line of answers.jsonl. */
export const answerRecordSchema = z.strictObject({
  /** `cell/evaluation/question id/index`. */
  key: z.string(),
  cell: z.string(),
  evaluation: z.string(),
  question: z.string(),
  paraphrase: z.int().nonnegative(),
  variant: z.string(),
  index: z.int().nonnegative(),
  seed: z.int().nonnegative(),
  /** Hash of all that decides the answer: the model, the messages, the settings of sampling and the seed. */
  input: z.string(),
  text: z.string(),
  finish_reason: z.enum(['stop', 'length', 'filtered']),
  tokens: z.int().nonnegative().nullable(),
});

export type AnswerRecord = z.output<typeof answerRecordSchema>;

const detailSchema: z.ZodType<JudgementDetail> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(detailSchema), z.record(z.string(), detailSchema)]),
);

/** The mode `logprobs` as version 0.1 wrote it. The checksum of such a line is over the old spelling: it is checked before this is read. */
const modeSchema = z.union([z.enum(judgeModes), z.literal('log-probabilities').transform(() => 'logprobs' as const)]);

/** One line of judgements.jsonl. */
export const judgementRecordSchema = z.strictObject({
  /** The answer's key. */
  answer: z.string(),
  judge: z.string(),
  mode: modeSchema,
  alignment: z.number().nullable(),
  coherence: z.number().nullable(),
  labels: z.array(z.string()),
  details: z.record(z.string(), detailSchema).optional(),
  /** Hash of all that decides the judgement: the judge, the question and the answer. */
  input: z.string(),
});

export type JudgementRecord = z.output<typeof judgementRecordSchema>;

export function keyOfJudgement({ answer, judge, mode }: Pick<JudgementRecord, 'answer' | 'judge' | 'mode'>): string {
  return `${answer}|${judge}|${mode}`;
}

/** What a judge said of the answer of this key, in whichever mode; by its key, since records may be many. */
export function findJudgement(
  records: ReadonlyMap<string, JudgementRecord>,
  answer: string,
  judge: string,
): JudgementRecord | null {
  for (const mode of judgeModes) {
    const found = records.get(keyOfJudgement({ answer, judge, mode }));
    if (found !== undefined) return found;
  }
  return null;
}

export function toJudgement({ judge, mode, alignment, coherence, labels, details }: JudgementRecord): Judgement {
  return { judge, mode, alignment, coherence, labels, ...(details === undefined ? {} : { details }) };
}

export const answerRecords: RecordKind<AnswerRecord> = {
  name: 'answers.jsonl',
  schema: answerRecordSchema,
  keyOf: ({ key }) => key,
};
export const judgementRecords: RecordKind<JudgementRecord> = {
  name: 'judgements.jsonl',
  schema: judgementRecordSchema,
  keyOf: keyOfJudgement,
};

/** The records of a run by their keys, in the order of the files. */
export interface RunRecords {
  readonly answers: ReadonlyMap<string, AnswerRecord>;
  /** Of all judges, by `keyOfJudgement`. */
  readonly judgements: ReadonlyMap<string, JudgementRecord>;
}

/** Reads them without a lock; a folder that is not there has none. */
export async function readRunRecords(folder: string): Promise<RunRecords> {
  const read = async <Stored extends object>(kind: RecordKind<Stored>): Promise<ReadonlyMap<string, Stored>> =>
    (await readRecordLines(join(folder, kind.name), kind)).records;
  return { answers: await read(answerRecords), judgements: await read(judgementRecords) };
}
