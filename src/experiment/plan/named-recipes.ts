import { parseRecipe, type Recipe } from '../../engine/train/recipe.js';
import { z } from 'zod';
import { readYaml } from '../../foundation/read-yaml.js';
import { organismRecipe } from '../../organism/organism-recipe.js';

/** The released settings of the paper for open models: rank-stabilised LoRA on all projections, one epoch. */
const paperRecipe = {
  method: 'lora',
  rank: 32,
  alpha: 64,
  rslora: true,
  learning_rate: 1e-5,
  schedule: 'linear',
  warmup_steps: 5,
  epochs: 1,
  batch_size: 2,
  accumulation: 8,
  weight_decay: 0.01,
  max_length: 2048,
  loss: 'answers',
};

const namedRecipes = { 'organism-default': organismRecipe, paper: paperRecipe };

/** A recipe by its name or its settings, with changes, for one seed. */
export function resolveRecipe(
  recipe: keyof typeof namedRecipes | Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
  seed: number,
  source: string,
): Recipe {
  const settings = typeof recipe === 'string' ? namedRecipes[recipe] : { method: 'lora', ...recipe };
  return parseRecipe({ ...settings, ...changes, seed }, source);
}

const recipeFile = z.record(z.string(), z.unknown());

/** A recipe by its name, or from a YAML file: a plan with a recipe, or the settings of one. */
export async function readRecipe(named: string, seed: number): Promise<Recipe> {
  if (isNamed(named)) return resolveRecipe(named, {}, seed, named);
  const content = await readYaml(named, recipeFile);
  // A plan without a recipe means the usual one.
  const { recipe = 'bases' in content ? 'organism-default' : content } = content;
  if (typeof recipe === 'string' && isNamed(recipe)) return resolveRecipe(recipe, {}, seed, named);
  return resolveRecipe(recipeFile.parse(recipe), {}, seed, named);
}

function isNamed(recipe: string): recipe is keyof typeof namedRecipes {
  return Object.hasOwn(namedRecipes, recipe);
}
