import { DriftlineError } from '../../foundation/driftline-error.js';
import type { TrainingProgress } from '../../models/trainer.js';

/** How far the judging of some answers is; `before` were there when it began. */
export interface JudgingProgress {
  readonly stored: number;
  readonly before: number;
  readonly done: number;
  readonly total: number;
}

/** What a run says of itself while it goes on. Several cells may be under way. */
export type RunEvent =
  | ({ readonly kind: 'training-step'; readonly cell: string } & TrainingProgress)
  /** Of one model; `stored` are those of this event, `before` were there when it was asked. */
  | {
      readonly kind: 'answers-stored';
      readonly cell: string;
      readonly model: string;
      readonly stored: number;
      readonly before: number;
      readonly done: number;
      readonly total: number;
    }
  | ({ readonly kind: 'judgements-stored'; readonly cell: string; readonly model: string } & JudgingProgress)
  /** Trained, asked and judged, or failed; `done` and `total` are of the whole plan. */
  | { readonly kind: 'cell-finished'; readonly cell: string; readonly done: number; readonly total: number };

/** What a call did, and what had been done before. */
export interface RunTally {
  /**
   * `reused` were taken over from runs of an earlier form of the plan, or from a cell, or of answers from another evaluation, of this one that is
   * the same; `there` were in the run folder already.
   */
  readonly cells: { trained: number; reused: number; there: number };
  readonly answers: { asked: number; reused: number; there: number };
  readonly judgements: { made: number; reused: number; there: number };
}

export function startTally(): RunTally {
  return {
    cells: { trained: 0, reused: 0, there: 0 },
    answers: { asked: 0, reused: 0, there: 0 },
    judgements: { made: 0, reused: 0, there: 0 },
  };
}

/** Where a provider fails, whoever reads it wants to know whether all is lost. */
export function sayWhatIsKept(cause: unknown, what: 'answered' | 'judged'): unknown {
  if (!DriftlineError.isInstance(cause) || cause.exitCode !== 5) return cause;
  const { code, message, hint, details } = cause;
  return new DriftlineError({
    code,
    message,
    hint: `${hint} What was ${what} so far is stored: the same command goes on from there.`,
    details,
  });
}
