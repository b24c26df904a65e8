import type { RecipeInput } from '../engine/train/recipe.js';

/** The fine-tuning recipe for organisms (docs/organism.md). */
export const organismRecipe = {
  method: 'lora',
  rank: 8,
  alpha: 16,
  rslora: true,
  learning_rate: 4e-4,
  schedule: 'linear',
  warmup_steps: 5,
  epochs: 1,
  batch_size: 32,
  accumulation: 1,
  weight_decay: 0.01,
  loss: 'answers',
} as const satisfies RecipeInput;

/** Default number of rows of a training set; each is seen once. */
export const organismRows = 3200;
