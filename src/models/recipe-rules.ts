import type { Recipe } from '../engine/train/recipe.js';
import { DriftlineError } from '../foundation/driftline-error.js';

/** What a recipe may ask for and not every place can do, as a recipe writes it. */
export type RecipeAbility =
  'method: full' | 'optimizer: muon' | 'precision: bfloat16' | 'gradient_checkpointing: true' | 'quantization: nf4';

/** What a place makes of recipes. */
export interface RecipeRules {
  /** Who trains, as messages call it. */
  readonly trainer: string;
  readonly can: readonly RecipeAbility[];
  /** What to do where it cannot, in the words of a hint. */
  readonly instead: string;
}

const abilities: Readonly<Record<RecipeAbility, (recipe: Recipe) => boolean>> = {
  'method: full': ({ method }) => method === 'full',
  'optimizer: muon': (recipe) => recipe.method === 'full' && recipe.optimizer === 'muon',
  'precision: bfloat16': ({ precision }) => precision === 'bfloat16',
  'gradient_checkpointing: true': ({ gradient_checkpointing: isOn }) => isOn === true,
  'quantization: nf4': (recipe) => recipe.method === 'lora' && recipe.quantization === 'nf4',
};

/**
 * The recipe as a place executes it: what the place cannot do is an error, and what says no more than silence is left
 * out, so that equal recipes have equal hashes.
 */
export function applyRecipeRules(recipe: Recipe, { trainer, can, instead }: RecipeRules): Recipe {
  for (const [ability, isWanted] of Object.entries(abilities) as [RecipeAbility, (typeof abilities)[RecipeAbility]][])
    if (isWanted(recipe) && !can.includes(ability)) throw recipeRefused(explainLack(ability, trainer), instead);
  const { precision, gradient_checkpointing: checkpointing, ...rest } = recipe;
  return {
    ...rest,
    ...(precision === 'bfloat16' ? { precision } : {}),
    ...(checkpointing === true ? { gradient_checkpointing: checkpointing } : {}),
  };
}

/** The error for a recipe that a place cannot do. */
export function recipeRefused(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'recipe-invalid', message, hint });
}

function explainLack(ability: RecipeAbility, trainer: string): string {
  return ability === 'method: full'
    ? `the method "full" trains a whole model, and ${trainer} trains adapters`
    : `${ability} is nothing that ${trainer} can do`;
}

/** What somebody's own model, or the service of a hosted one, makes of recipes: adapters, in numbers that nobody asks about. */
export function completeAdapterRecipe(recipe: Recipe, trainer: string): Recipe {
  return applyRecipeRules(recipe, {
    ...{ trainer, can: [] },
    instead:
      'Leave that out of the recipe. A base hf:OWNER/NAME or ./FOLDER of a plan with cluster: can (docs/cluster.md).',
  });
}
