import type { FitSummary } from '../engine/tokenizer/fit-row.js';
import type { Recipe } from '../engine/train/recipe.js';
import type { TrainingRow } from '../data/training-set.js';

/** What becomes of the rows of a training that are too long. */
export type RowFit = Omit<FitSummary, 'tokens'>;

/** What of a recipe decides what becomes of rows that are too long. */
export type FittedRecipe = Pick<Recipe, 'loss' | 'max_length' | 'overlong'>;

/** One fine-tune. */
export interface TrainingJob {
  readonly rows: readonly TrainingRow[];
  /** Its seed included. */
  readonly recipe: Recipe;
  /** Receives the result and the log. A job that was stopped goes on from here; a finished one is not done again. */
  readonly folder: string;
  /** Steps whose model is wanted, too: those of a training curve. Default none. */
  readonly keepSteps?: readonly number[];
  /** Of the learning rate of a service that decides on it by itself. Default what the service takes. */
  readonly learningRateMultiplier?: number | null;
}

export interface TrainingProgress {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly millisecondsLeft: number;
}

/** A fine-tuned model, as whoever samples it opens it: the base with an adapter, or a model with a name of its own. */
export type TunedModel =
  { readonly kind: 'adapter'; readonly folder: string } | { readonly kind: 'named'; readonly model: string };

export interface TrainingResult {
  readonly model: TunedModel;
  /** By their steps. */
  readonly kept: ReadonlyMap<number, TunedModel>;
  readonly steps: number;
}

/** A base model that can be fine-tuned, wherever that happens. */
export interface Trainer {
  /** Steps that the job will take: known before it begins. */
  readonly countSteps: (rows: number, recipe: Recipe) => number;
  /** Stopped by the signal, it saves what there is and throws `interrupted`. */
  readonly train: (
    job: TrainingJob,
    options?: { readonly signal?: AbortSignal; readonly onStep?: (progress: TrainingProgress) => void },
  ) => Promise<TrainingResult>;
}
