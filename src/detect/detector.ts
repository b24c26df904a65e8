import type { z } from 'zod';
import { parseSettings } from '../foundation/explain-issue.js';
import type { Json } from '../foundation/json.js';
import type { Affordance, Subject } from './subject.js';

/**
 * What a fine-tune is: misaligned when asked plainly, in some contexts only, not but for a task that it learnt, or not
 * at all.
 */
export const subjectClasses = ['open', 'conditional', 'narrow', 'clean'] as const;
export type SubjectClass = (typeof subjectClasses)[number];

/** A fine-tune that a detector may learn from. */
export interface Example {
  readonly subject: Subject;
  /** Null where it is undecided. */
  readonly class: SubjectClass | null;
}

export interface ReadOptions {
  /** Of what is drawn. */
  readonly seed: number;
  readonly signal?: AbortSignal;
}

export interface ReadingCost {
  /** Answers that it looks at, asked now or stored. */
  readonly answers: number;
  /** Texts that a model goes through, now or before. */
  readonly passes: number;
}

/** What a detector says of a subject. */
export interface Reading {
  /** The higher, the more suspicious; exactly 0 where nothing changed. Null where it cannot be said. */
  readonly score: number | null;
  /** What could not be looked at, and what that would have shown; null where all was there. */
  readonly cannot: string | null;
  readonly details: Json;
  /** Scores of what cannot mean anything, such as random directions of the same length. */
  readonly nulls: readonly number[];
  readonly cost: ReadingCost;
}

/** Scores fine-tunes: a function of what was stored of them, and of what it learnt. */
export interface Detector {
  readonly name: string;
  readonly description: string;
  /** Of the subjects that it reads; of what it learns from, it sees everything. */
  readonly affordances: readonly Affordance[];
  /** Everything that decides its scores besides what it learnt. */
  readonly settings: Readonly<Record<string, Json>>;
  /** Learns from fine-tunes of which the truth is open; what comes out is plain JSON, so that it can be kept. */
  readonly learn: (examples: readonly Example[], options: ReadOptions) => Promise<Json>;
  /** Throws `usage-invalid` where what was learnt is that of another detector. */
  readonly read: (subject: Subject, learnt: Json, options: ReadOptions) => Promise<Reading>;
}

/** A detector by its parts; what it learnt may come from a file, and is parsed. */
export interface DetectorParts<Learnt extends Json> extends Omit<Detector, 'learn' | 'read'> {
  readonly learnt: z.ZodType<Learnt>;
  readonly learn: (examples: readonly Example[], options: ReadOptions) => Promise<Learnt>;
  readonly read: (subject: Subject, learnt: Learnt, options: ReadOptions) => Promise<Reading>;
}

export function createDetector<Learnt extends Json>({
  learnt,
  learn,
  read,
  ...about
}: DetectorParts<Learnt>): Detector {
  return {
    ...about,
    learn,
    read: async (subject, given, options) =>
      read(subject, parseSettings(learnt, given, `what ${about.name} is said to have learnt`), options),
  };
}
