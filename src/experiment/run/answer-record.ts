import { z } from 'zod';

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
