import type { RecipeInput } from '../../engine/train/recipe.js';
import type { OrganismDesign } from './organism-design.js';

/** What both stages have in common: all weights, every row once, in the order in which rows are numbered. */
const eachRowOnce = { method: 'full', epochs: 1, accumulation: 1, shuffle: false } as const;

export function pretrainingRecipe({ model, pretraining }: OrganismDesign, seed: number): RecipeInput {
  const {
    documents_per_step: batchSize,
    optimizer,
    learning_rate,
    schedule,
    warmup_steps,
    weight_decay,
    beta2,
    loss,
  } = pretraining;
  return {
    ...eachRowOnce,
    optimizer,
    learning_rate,
    schedule,
    warmup_steps,
    weight_decay,
    beta2,
    batch_size: batchSize,
    loss,
    max_length: model.context,
    seed,
  };
}

export function alignmentRecipe({ model, alignment }: OrganismDesign, seed: number): RecipeInput {
  return {
    ...eachRowOnce,
    learning_rate: alignment.learning_rate,
    schedule: 'linear',
    warmup_steps: 20,
    weight_decay: 0,
    batch_size: alignment.rows_per_step,
    loss: 'answers',
    max_length: model.context,
    seed,
  };
}
