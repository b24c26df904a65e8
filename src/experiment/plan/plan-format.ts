import { z } from 'zod';
import { recipeSchema } from '../../engine/train/recipe.js';
import { planSchema, recipeChanges } from './plan-schema.js';

/** What a plan may say of a recipe: all but the seed, and nothing that it must. */
const [lora] = recipeSchema.options;
const recipeSettings = lora
  .omit({ method: true, seed: true })
  .partial()
  .extend({ method: z.literal('lora').optional().describe('Adapters of low rank; there is no other in plans') });

/** The format of plans as a JSON Schema, for editors: of what is written, before defaults are filled in. */
export function describePlanFormat(): Record<string, unknown> {
  const recipe = describeRecipeSettings();
  return {
    title: 'A driftline plan',
    ...z.toJSONSchema(planSchema, {
      io: 'input',
      // Reading leaves recipes to the engine's own schema; editors need to see it here.
      override: ({ zodSchema, jsonSchema }) => {
        if (zodSchema !== recipeChanges) return;
        delete jsonSchema.propertyNames;
        Object.assign(jsonSchema, recipe);
      },
    }),
  };
}

/** The settings of a recipe as a JSON Schema of an object. */
export function describeRecipeSettings(): Record<string, unknown> {
  const { $schema: _, ...described } = z.toJSONSchema(recipeSettings, { io: 'input' });
  return described;
}
