import { join } from 'node:path';
import { z } from 'zod';
import { type Judgement, type JudgementDetail, judgeModes } from '../judging/judge.js';
import { readRecordLines, type RecordKind } from './record-file.js';
import type { RecordTable } from './record-table.js';

/** The parts of an answer's key: its place in the run. */
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

/** Parses an answer's key; null if it is none. Names of models and evaluations have no slash, so that each key has only one reading. */
export function parseAnswerKey(key: string): AnswerPlace | null {
  const [, model, evaluation, question, index] = /^([^/]+)\/([^/]+)\/(.+)\/(\d+)$/s.exec(key) ?? [];
  if (model === undefined || evaluation === undefined || question === undefined) return null;
  return { model, evaluation, question, index: Number(index) };
}

/** The key of a question as it is asked in a run: `evaluation/question id`. */
export function formatQuestionKey(evaluation: string, question: string): string {
  return `${evaluation}/${question}`;
}

/** Parses the key of a question. Names of evaluations have no slash. */
export function parseQuestionKey(key: string): { readonly evaluation: string; readonly question: string } {
  const slash = key.indexOf('/');
  return { evaluation: key.slice(0, Math.max(0, slash)), question: key.slice(slash + 1) };
}

/** The key of the question that an answer replies to; empty if the argument is not an answer's key. */
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

/** The cell and step of a model's name, as `formatModelName` writes it: `cell`, or `cell@step` of a checkpoint. */
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
  /** Hash of everything that decides the answer: the model, the messages, the settings of sampling and the seed. */
  input: z.string(),
  text: z.string(),
  finish_reason: z.enum(['stop', 'length', 'filtered']),
  tokens: z.int().nonnegative().nullable(),
  /** The likeliest first tokens with their probabilities, where the question is read by them; empty where they are not known. */
  first: z.array(z.tuple([z.string(), z.number().min(0).max(1)])).optional(),
});

export type AnswerRecord = z.output<typeof answerRecordSchema>;

const detailSchema: z.ZodType<JudgementDetail> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(detailSchema), z.record(z.string(), detailSchema)]),
);

/**
 * Accepts the mode `logprobs` as version 0.1 spelt it. The checksum of such a line covers the old spelling, and is checked before the line
 * is parsed.
 */
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
  /** Hash of everything that decides the judgement: the judge, the question and the answer. */
  input: z.string(),
});

export type JudgementRecord = z.output<typeof judgementRecordSchema>;

export function keyOfJudgement({ answer, judge, mode }: Pick<JudgementRecord, 'answer' | 'judge' | 'mode'>): string {
  return `${answer}|${judge}|${mode}`;
}

/** A judge's judgement of an answer, in any mode. It is looked up by key, since there may be many records. */
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
  inputOf: ({ input }) => input,
};
export const judgementRecords: RecordKind<JudgementRecord> = {
  name: 'judgements.jsonl',
  schema: judgementRecordSchema,
  keyOf: keyOfJudgement,
  inputOf: ({ input }) => input,
};

/** The records of a run by their keys, in the order of the files. */
export interface RunRecords {
  readonly answers: ReadonlyMap<string, AnswerRecord>;
  /** Of all judges, by `keyOfJudgement`. */
  readonly judgements: ReadonlyMap<string, JudgementRecord>;
}

/** The records of a run as its files have them. */
export interface StoredRecords extends RunRecords {
  readonly answers: RecordTable<AnswerRecord>;
  readonly judgements: RecordTable<JudgementRecord>;
}

/** Reads them without a lock; a missing folder has none. */
export async function readRunRecords(folder: string): Promise<StoredRecords> {
  const read = async <Stored extends object>(kind: RecordKind<Stored>): Promise<RecordTable<Stored>> =>
    (await readRecordLines(join(folder, kind.name), kind)).records;
  return { answers: await read(answerRecords), judgements: await read(judgementRecords) };
}
