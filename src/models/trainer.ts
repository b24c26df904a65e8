import type { FitSummary } from '../engine/tokenizer/fit-row.js';
import type { Recipe } from '../engine/train/recipe.js';
import type { TrainingRow } from '../data/training-set.js';
import { DriftlineError } from '../foundation/driftline-error.js';

/** What happens to the rows of a training that are too long. */
export type RowFit = Omit<FitSummary, 'tokens'>;

/** The settings of a recipe that decide what happens to rows that are too long. */
export type FittedRecipe = Pick<Recipe, 'loss' | 'max_length' | 'overlong'>;

/** One fine-tune. */
export interface TrainingJob {
  readonly rows: readonly TrainingRow[];
  /** Its seed included. */
  readonly recipe: Recipe;
  /** Holds the result and the log. A stopped job resumes from it; a finished one is not done again. */
  readonly folder: string;
  /** Steps whose models are kept, for a training curve. Default none. */
  readonly keepSteps?: readonly number[];
  /** Multiplier on the learning rate of a service that chooses its own. Default: as the service chooses. */
  readonly learningRateMultiplier?: number | null;
}

export interface TrainingProgress {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly millisecondsLeft: number;
}

/** A fine-tuned model, as a sampler opens it: the base with an adapter, or a model with a name of its own. */
export type TunedModel =
  { readonly kind: 'adapter'; readonly folder: string } | { readonly kind: 'named'; readonly model: string };

export interface TrainingResult {
  readonly model: TunedModel;
  /** The kept models, by step. */
  readonly kept: ReadonlyMap<number, TunedModel>;
  readonly steps: number;
}

/** What becomes of a training whose kept model was looked at. */
export type KeptDecision = 'go-on' | 'stop';

export interface TrainOptions {
  readonly signal?: AbortSignal;
  readonly onStep?: (progress: TrainingProgress) => void;
  /**
   * Called with each model of `keepSteps` as soon as it is kept, those of an earlier call included; the next step waits. On `stop` the
   * training throws `alarm-raised`, and goes on from there when it is called again. A trainer that does not see its training never calls.
   */
  readonly onKept?: (step: number, model: TunedModel) => Promise<KeptDecision>;
}

/** A base model that can be fine-tuned, wherever that happens. */
export interface Trainer {
  /** Steps that the job will take: known before it begins. */
  readonly countSteps: (rows: number, recipe: Recipe) => number;
  /** If the signal stops it, it saves its state and throws `interrupted`. */
  readonly train: (job: TrainingJob, options?: TrainOptions) => Promise<TrainingResult>;
}

/** What a training ends with that was stopped at a kept model. */
export function stoppedTraining(step: number, folder: string): DriftlineError {
  return new DriftlineError({
    code: 'alarm-raised',
    message: `stopped after step ${String(step)}, whose model raised an alarm`,
    hint: `Leave out \`stop: true\` of monitor to go on from there. Its state is in ${folder}.`,
    details: { step, folder },
  });
}
