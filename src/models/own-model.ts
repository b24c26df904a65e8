import { z } from 'zod';
import { functionSchema } from '../foundation/caller-schemas.js';
import { hashJson } from '../foundation/content-hash.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { parseRecipe, type Recipe } from '../engine/train/recipe.js';
import type { BaseModel } from './base-model.js';
import { completeAdapterRecipe } from './recipe-rules.js';
import type { Sampler } from './sampler.js';
import type { Trainer, TunedModel } from './trainer.js';

/** A model that a caller brings: driftline asks and fine-tunes it through the interfaces that its own models have. */
export interface OwnModel {
  /** Must change whenever the model may answer differently: what is stored for another identity is asked again. */
  readonly identity: string;
  /** Opens the model itself (null), or a model that its trainer made. */
  readonly openSampler: (tuned: TunedModel | null) => Sampler | Promise<Sampler>;
  /** Absent if it cannot be fine-tuned. */
  readonly openTrainer?: () => Trainer | Promise<Trainer>;
  /**
   * The recipe as its trainer executes it; throws where that cannot. Default: the recipe as it is, if it asks for an
   * adapter and neither for `precision: bfloat16`, `gradient_checkpointing` nor `quantization`.
   */
  readonly completeRecipe?: (recipe: Recipe) => Recipe;
}

// Loose, like the others: it may be an instance of a class with more members.
export const ownModelSchema = z.looseObject({
  identity: z.string().min(1),
  openSampler: functionSchema,
  openTrainer: functionSchema.optional(),
  completeRecipe: functionSchema.optional(),
});

// What a caller's model returns is stored, so all of it is checked.
const samplerSchema = z.looseObject({ sample: functionSchema, close: functionSchema });
const answerSchema = z.looseObject({
  request: z.int().nonnegative(),
  index: z.int().nonnegative(),
  text: z.string(),
  finishReason: z.enum(['stop', 'length', 'filtered']),
  tokens: z.int().nonnegative().nullable(),
  first: z.array(z.looseObject({ token: z.string(), probability: z.number().min(0).max(1) })).optional(),
});
const trainerSchema = z.looseObject({ countSteps: functionSchema, train: functionSchema });
const tunedSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('adapter'), folder: z.string().min(1) }),
  z.strictObject({ kind: z.literal('named'), model: z.string().min(1) }),
]);
const trainingResultSchema = z.looseObject({
  model: tunedSchema,
  kept: z.map(z.int(), tunedSchema),
  steps: z.int().nonnegative(),
});

/** A caller's model as the base of a plan, under the name that the plan uses. */
export function createOwnBase(name: string, model: OwnModel): BaseModel {
  parseSettings(ownModelSchema, model, `the model ${name}`);
  const { identity, openSampler, openTrainer, completeRecipe } = model;
  return {
    reference: { provider: 'own', text: name },
    identity: hashJson({ own: identity }),
    engine: null,
    isOnCluster: false,
    endpoint: null,
    hosted: null,
    remarks: [],
    // What an adapter is, and whether it fits, only its sampler knows.
    inspectAdapter: null,
    reviewTraining: null,
    completeRecipe: openTrainer === undefined ? null : (recipe) => completeOwn(name, recipe, completeRecipe),
    requireBatches: null,
    sizeWork: null,
    openInside: null,
    openWeights: null,
    openProcess: null,
    openTrainer: openTrainer === undefined ? null : async () => checkTrainer(name, await openTrainer()),
    // Only its trainer knows what is too long.
    fitRows:
      openTrainer === undefined
        ? null
        : (rows) =>
            Promise.resolve({ rows: rows.length, truncated: 0, dropped: 0, droppedUnsupervised: 0, tokensLost: 0 }),
    openSampler: async (tuned) => checkSampler(name, await openSampler(tuned)),
  };
}

/** What a caller's model makes of a recipe is stored and hashed: it must be one. */
function completeOwn(name: string, recipe: Recipe, complete: OwnModel['completeRecipe']): Recipe {
  return complete === undefined
    ? completeAdapterRecipe(recipe, `the trainer of ${name}`)
    : parseRecipe(complete(recipe), `the recipe as the model ${name} completes it`);
}

function checkSampler(name: string, sampler: Sampler): Sampler {
  parseSettings(samplerSchema, sampler, `the sampler of ${name}`);
  return {
    sample: async function* (requests, options) {
      for await (const answer of sampler.sample(requests, options)) {
        parseSettings(answerSchema, answer, `an answer of ${name}`);
        yield answer;
      }
    },
    close: () => sampler.close(),
  };
}

function checkTrainer(name: string, trainer: Trainer): Trainer {
  parseSettings(trainerSchema, trainer, `the trainer of ${name}`);
  return {
    countSteps: (rows, recipe) => trainer.countSteps(rows, recipe),
    train: async (job, options) => {
      const result = await trainer.train(job, options);
      parseSettings(trainingResultSchema, result, `a training of ${name}`);
      return result;
    },
  };
}
