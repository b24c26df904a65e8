import { z } from 'zod';
import { readCheckedLine } from './checked-lines.js';

/** One answer of a lane. */
export interface LaneAnswer {
  /** Of the group that it answers. */
  readonly q: string;
  readonly seed: number;
  readonly text: string;
  readonly finish: 'stop' | 'length' | 'refused';
  readonly tokens: number;
  /** Why it was refused. */
  readonly error: string | null;
  /** Likeliest first tokens with their log-probabilities; absent where they were not asked for. */
  readonly top?: readonly (readonly [id: number, logProbability: number])[];
}

const answerSchema = z.looseObject({
  q: z.string().min(1),
  seed: z.int().nonnegative(),
  text: z.string().default(''),
  finish: z.enum(['stop', 'length', 'refused']),
  tokens: z.int().nonnegative().default(0),
  error: z.string().nullish(),
  top: z.array(z.tuple([z.int().nonnegative(), z.number()])).optional(),
});

/** What a file of answers says. */
export interface AnswerSegment {
  /** Each key once: the first line of a key counts. */
  readonly answers: readonly LaneAnswer[];
  /** Numbers of lines that are whole and damaged, from 1. */
  readonly damaged: readonly number[];
  /** Lines that are whole. */
  readonly lines: number;
}

/** Lines of a whole file of answers: then the lane goes on in the next. */
export const answersAFile = 1000;

export function segmentName(number: number): string {
  return `answers-${String(number).padStart(5, '0')}.jsonl`;
}

/** The number of a file of answers; null for any other file. */
export function readSegmentNumber(file: string): number | null {
  const [, digits] = /^answers-(\d{5,})\.jsonl$/.exec(file) ?? [];
  return digits === undefined ? null : Number(digits);
}

/** Reads a file that may be growing: a last line without its line feed is not there yet, and a line whose check is wrong is no answer. */
export function readAnswerSegment(bytes: Uint8Array): AnswerSegment {
  const text = new TextDecoder().decode(bytes);
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines = whole === '' ? [] : whole.slice(0, -1).split('\n');
  const answers = new Map<string, LaneAnswer>();
  const damaged: number[] = [];
  for (const [index, line] of lines.entries()) {
    const parsed = answerSchema.safeParse(readCheckedLine(line));
    if (!parsed.success) {
      damaged.push(index + 1);
      continue;
    }
    const { q, seed, text: answer, finish, tokens, error = null, top } = parsed.data;
    const key = answerKey(q, seed);
    if (answers.has(key)) continue;
    answers.set(key, { q, seed, text: answer, finish, tokens, error, ...(top === undefined ? {} : { top }) });
  }
  return { answers: [...answers.values()], damaged, lines: lines.length };
}

export function answerKey(q: string, seed: number): string {
  return `${q}:${String(seed)}`;
}
