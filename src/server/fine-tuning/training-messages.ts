import type { TrainingRow } from '../../data/training-set.js';
import type { Recipe } from '../../engine/train/recipe.js';
import type { ErrorCode } from '../../foundation/error-codes.js';

/** What a training thread is started with. */
export interface TrainingThreadSettings {
  readonly model: string;
  readonly modelHash: string;
  readonly threads: number;
  readonly rows: readonly TrainingRow[];
  readonly recipe: Recipe;
  readonly folder: string;
  readonly keepSteps: readonly number[];
}

export type FromTrainingThread =
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      readonly millisecondsLeft: number;
    }
  | { readonly kind: 'done' }
  | { readonly kind: 'fault'; readonly code: ErrorCode; readonly message: string; readonly hint: string };
