import { DriftlineError } from '../../foundation/driftline-error.js';
import type { Checkpoint } from '../checkpoint/read-checkpoint.js';
import type { TrainedPart } from './gradient-graph.js';
import type { Recipe } from './recipe.js';

/** Steps of a run: whole epochs round up to whole steps each. */
export function countSteps(recipe: Recipe, rows: number): number {
  const stepsPerEpoch = Math.ceil(rows / (recipe.batch_size * recipe.accumulation));
  // 100 * 1.1 is 110.00000000000001, and means 110.
  const steps = Math.max(1, Math.ceil(stepsPerEpoch * recipe.epochs - 1e-9));
  return recipe.max_steps === null ? steps : Math.min(steps, recipe.max_steps);
}

/** What a recipe trains in a given model. */
export function trainedPartOf(recipe: Recipe, base: Pick<Checkpoint, 'config'>): TrainedPart {
  if (recipe.method === 'full') return { method: 'full' };
  const { rank, alpha, rslora, targets } = recipe;
  const all = Array.from({ length: base.config.layers }, (_, layer) => layer);
  const chosen = recipe.layers === 'all' ? all : [...new Set<number>(recipe.layers)];
  const layers = all.filter((layer) => chosen.includes(layer));
  const unknown = chosen.filter((layer) => !all.includes(layer));
  if (unknown.length > 0) {
    throw new DriftlineError({
      code: 'recipe-invalid',
      message: `The recipe adapts block ${unknown.join(', ')}, and the model has blocks 0 to ${String(all.length - 1)}`,
      hint: 'Correct "layers" in the recipe: it names blocks, from 0, as PEFT does.',
    });
  }
  return { method: 'lora', rank, alpha, rslora, targets, layers };
}
