import { DriftlineError } from '../../foundation/driftline-error.js';
import type { TrainingProgress } from '../../models/trainer.js';
import type { WatchedScore } from './checkpoint-watcher.js';

/** Progress of judging; `before` were judged before it began. */
export interface JudgingProgress {
  readonly stored: number;
  readonly before: number;
  readonly done: number;
  readonly total: number;
}

/** Events of a run. Several cells may run at the same time. */
export type RunEvent =
  | ({ readonly kind: 'training-step'; readonly cell: string } & TrainingProgress)
  /** For one model: `stored` counts the answers of this event, `before` those that were there before it was asked. */
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
  /** A checkpoint of a cell was scored, now or by an earlier call; `threshold` is null where nothing raises an alarm. */
  | ({ readonly kind: 'checkpoint-scored'; readonly cell: string } & WatchedScore)
  /** A cell is trained, asked and judged, or failed; `done` and `total` count the cells of the plan. */
  | { readonly kind: 'cell-finished'; readonly cell: string; readonly done: number; readonly total: number };

/** What a run did, and what had been done before. */
export interface RunTally {
  /**
   * `reused` were taken over: from a run of an earlier form of the plan, from a cell with the same model, or, for answers, from another
   * evaluation with the same question. `there` were in the run folder already.
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

/** Adds to the error of a provider that nothing is lost. */
export function sayWhatIsKept(cause: unknown, what: 'answered' | 'judged'): unknown {
  if (!DriftlineError.isInstance(cause) || cause.exitCode !== 5) return cause;
  const { code, message, hint, details } = cause;
  return new DriftlineError({
    code,
    message,
    hint: `${hint} Everything ${what} so far is stored: the same command continues from there.`,
    details,
  });
}
