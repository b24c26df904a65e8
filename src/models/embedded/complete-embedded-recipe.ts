import type { Recipe } from '../../engine/train/recipe.js';
import { applyRecipeRules } from '../recipe-rules.js';

/** A recipe as it is executed here: adapters in float32. What else there is, a cluster can. */
export function completeEmbeddedRecipe(recipe: Recipe): Recipe {
  return applyRecipeRules(recipe, {
    trainer: 'an experiment that runs here',
    can: [],
    instead:
      'Leave that out of the recipe, which then is LoRA in float32; or train on GPUs: a plan with cluster: can (docs/cluster.md).',
  });
}
