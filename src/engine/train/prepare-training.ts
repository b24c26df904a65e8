import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { Adapter } from '../checkpoint/adapter.js';
import { countSteps, createRowOrder, trainedPartOf } from './plan-training.js';
import type { Recipe } from './recipe.js';
import { initialiseAdapter } from './start-training.js';
import { adapterFromParameters } from './trained-parameters.js';
import type { WeightedRow } from './token-batch.js';

/** All that a training begins with, for an engine elsewhere: the same seed then means the same there. */
export interface PreparedTraining {
  readonly steps: number;
  /** `batch_size * accumulation` rows for each step, in their order; null fills up the last step of an epoch. */
  readonly rows: readonly (WeightedRow | null)[];
  /** Null where the whole model is trained. */
  readonly adapter: Adapter | null;
}

/** What `fineTune` would begin with, and the rows that each of its steps would see. */
export function prepareTraining(
  config: DecoderConfig,
  recipe: Recipe,
  encoded: readonly WeightedRow[],
): PreparedTraining {
  const trained = trainedPartOf(recipe, { config });
  const adapter =
    trained.method === 'full' ? null : adapterFromParameters(trained, initialiseAdapter(config, trained, recipe.seed));
  return { ...orderTrainingRows(recipe, encoded), adapter };
}

/** The rows that each step of `fineTune` would see. */
export function orderTrainingRows(
  recipe: Recipe,
  encoded: readonly WeightedRow[],
): Pick<PreparedTraining, 'steps' | 'rows'> {
  const rowsPerStep = recipe.batch_size * recipe.accumulation;
  const steps = countSteps(recipe, encoded.length);
  const { seed, shuffle } = recipe;
  const rowsOfStep = createRowOrder({ rows: encoded.length, rowsPerStep, seed, stream: answerStream, shuffle });
  const rows: (WeightedRow | null)[] = [];
  for (let step = 0; step < steps; step += 1) {
    const chosen = rowsOfStep(step);
    for (let place = 0; place < rowsPerStep; place += 1) rows.push(encoded[chosen[place] ?? -1] ?? null);
  }
  return { steps, rows };
}

/** The stream of random numbers, and the name of the loss term, of the rows that a recipe is about. */
export const answerStream = 'answers';
