import type { TrainingProgress } from '../../models/trainer.js';
import type { JudgingProgress } from './judge-answers.js';

/** What a run says of itself while it goes on. */
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
  /** Of the whole plan. */
  | { readonly kind: 'cell-finished'; readonly cell: string; readonly done: number; readonly total: number };
