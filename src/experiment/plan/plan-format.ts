import { z } from 'zod';
import { recipeSchema } from '../../engine/train/recipe.js';
import { conditionSchema, planSchema, recipeChanges } from './plan-schema.js';

/** The recipe settings of a plan: all but the seed, and all optional. */
const [lora] = recipeSchema.options;
const recipeSettings = lora
  .omit({ method: true, seed: true })
  .partial()
  .extend({
    method: z
      .enum(['lora', 'full'])
      .optional()
      .describe(
        'lora for low-rank adapters; full for whole models, on a cluster alone, where rank, alpha, rslora, targets, layers and quantization have no meaning. lora if not given',
      ),
    optimizer: z
      .literal('adamw')
      .optional()
      .describe('Of whole models; the engine alone has others (driftline/engine)'),
  });

/** What the models of a condition come from. */
const modelSources = ['data', 'model', 'models'];

/** JSON Schema of plan files, for editors: of what the user writes, before defaults are filled in. */
export function describePlanFormat(): Record<string, unknown> {
  const recipe = describeRecipeSettings();
  return {
    title: 'A driftline plan',
    ...z.toJSONSchema(planSchema, {
      io: 'input',
      // When a plan is read, the engine's own schema checks recipes; editors need to see it here.
      override: ({ zodSchema, jsonSchema }) => {
        // That one of them is needed, reading finds out by itself.
        if (zodSchema === conditionSchema) jsonSchema.oneOf = modelSources.map((key) => ({ required: [key] }));
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
