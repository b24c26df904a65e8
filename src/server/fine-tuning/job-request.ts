import { z } from 'zod';
import { resolveRecipe } from '../../experiment/plan/named-recipes.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { completeEmbeddedRecipe } from '../../models/embedded/complete-embedded-recipe.js';
import { badRequest, toProtocolError } from '../http/protocol-error.js';
import { parseRequest } from '../http/read-body.js';
import type { ServedModel } from '../models/load-model.js';

const hyperparametersSchema = z.strictObject({
  n_epochs: z.union([z.literal('auto'), z.int().min(1).max(50)]).optional(),
  batch_size: z.union([z.literal('auto'), z.int().min(1).max(256)]).optional(),
  learning_rate_multiplier: z.union([z.literal('auto'), z.number().positive().max(1e6)]).optional(),
});

const metadataSchema = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, 'at most 16 pairs');

const bodySchema = z.strictObject({
  model: z.string().min(1),
  training_file: z.string().min(1),
  validation_file: z.null('driftline serve does not validate while it trains').optional(),
  suffix: z
    .string()
    .max(64)
    .regex(/^[\w.-]+$/, 'letters, digits, dots, hyphens and underscores alone')
    .nullish(),
  seed: z.int().min(0).max(2_147_483_647).nullish(),
  hyperparameters: hyperparametersSchema.nullish(),
  method: z
    .strictObject({
      type: z.literal('supervised', 'driftline serve trains supervised alone'),
      supervised: z.strictObject({ hyperparameters: hyperparametersSchema.nullish() }).nullish(),
    })
    .nullish(),
  integrations: z.array(z.unknown()).max(0, 'there are none').nullish(),
  metadata: metadataSchema.nullish(),
  recipe: z
    .record(z.string(), z.unknown())
    .nullish()
    .describe('Of driftline: settings of its recipes, which replace those that follow from the hyperparameters'),
  checkpoint_steps: z
    .array(z.int().min(1))
    .max(100)
    .nullish()
    .describe('Of driftline: steps whose model is kept; by default the ends of the last three epochs'),
});

/** A job as it is asked for. */
export interface JobRequest {
  readonly model: string;
  readonly trainingFile: string;
  readonly suffix: string | null;
  /** Null where the client leaves it to us. */
  readonly seed: number | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly hyperparameters: z.output<typeof hyperparametersSchema>;
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly checkpointSteps: readonly number[] | null;
}

export function parseJobRequest(body: unknown): JobRequest {
  const parsed = parseRequest(bodySchema, body);
  return {
    model: parsed.model,
    trainingFile: parsed.training_file,
    suffix: parsed.suffix ?? null,
    seed: parsed.seed ?? null,
    metadata: parsed.metadata ?? null,
    hyperparameters: parsed.method?.supervised?.hyperparameters ?? parsed.hyperparameters ?? {},
    recipe: parsed.recipe ?? {},
    checkpointSteps: parsed.checkpoint_steps ?? null,
  };
}

/**
 * The recipe of a job: the model's usual one, changed by the hyperparameters (a batch is the rows of one step, the learning rate is
 * multiplied), and by the request's own settings after that. All assistant messages are trained on but those with the weight 0.
 */
export function recipeOf({ hyperparameters, recipe }: JobRequest, model: ServedModel, seed: number): Recipe {
  const { n_epochs: epochs, batch_size: batch, learning_rate_multiplier: factor } = hyperparameters;
  const usual = resolveRecipe(model.recipe, {}, seed, 'recipe');
  try {
    const wanted = resolveRecipe(
      model.recipe,
      {
        loss: 'weighted',
        ...(typeof epochs === 'number' ? { epochs } : {}),
        ...(typeof batch === 'number' ? { batch_size: batch, accumulation: 1 } : {}),
        ...(typeof factor === 'number' ? { learning_rate: usual.learning_rate * factor } : {}),
        ...recipe,
      },
      // A seed among the settings counts, too.
      typeof recipe['seed'] === 'number' ? recipe['seed'] : seed,
      'recipe',
    );
    return completeEmbeddedRecipe(wanted);
  } catch (error) {
    throw badRequest(toProtocolError(error).message, 'recipe', 'invalid_value');
  }
}

/** What the protocol calls a recipe's settings. */
export function hyperparametersOf(recipe: Recipe, model: ServedModel): Record<string, number> {
  const usual = resolveRecipe(model.recipe, {}, 0, 'recipe');
  return {
    n_epochs: recipe.epochs,
    batch_size: recipe.batch_size * recipe.accumulation,
    learning_rate_multiplier: recipe.learning_rate / usual.learning_rate,
  };
}
