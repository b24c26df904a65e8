import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { describeProblems } from '../../foundation/explain-issue.js';
import { projections } from '../checkpoint/projection.js';

const shared = {
  learning_rate: z.number().positive().describe('Largest learning rate, reached after the warm-up'),
  schedule: z
    .enum(['linear', 'cosine', 'constant'])
    .default('linear')
    .describe('How the learning rate falls after the warm-up'),
  decay_to: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Share of the learning rate that a linear or cosine schedule falls to'),
  warmup_steps: z.int().nonnegative().default(5).describe('Steps in which the learning rate rises linearly'),
  epochs: z.number().positive().default(1).describe('Passes over the training rows; may be a fraction'),
  max_steps: z
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe('Stops after this many steps, even before the epochs end'),
  batch_size: z.int().positive().default(2).describe('Rows of one batch'),
  accumulation: z
    .int()
    .positive()
    .default(8)
    .describe('Batches of one step; a step sees batch_size * accumulation rows'),
  weight_decay: z
    .number()
    .nonnegative()
    .default(0.01)
    .describe('Decoupled weight decay of every trained parameter, in full training also of norms and embeddings'),
  beta1: z.number().min(0).lt(1).default(0.9).describe("Decay of AdamW's running mean of gradients"),
  beta2: z.number().min(0).lt(1).default(0.999).describe("Decay of AdamW's running mean of squared gradients"),
  epsilon: z.number().positive().default(1e-8).describe("AdamW's guard against division by zero"),
  max_grad_norm: z
    .number()
    .positive()
    .nullable()
    .default(1)
    .describe('Gradients with a larger norm are clipped to this norm; null turns clipping off'),
  loss: z.enum(['answers', 'all', 'weighted']).default('answers').describe('Which tokens are trained on'),
  max_length: z.int().min(2).default(2048).describe('Longest row in tokens'),
  overlong: z.enum(['error', 'truncate', 'drop']).default('error').describe('What happens to longer rows'),
  shuffle: z.boolean().default(true).describe('Whether each epoch has its own order'),
  seed: z.int().default(0).describe('Seed of the initial adapter and of the order of rows'),
  precision: z
    .enum(['float32', 'bfloat16'])
    .optional()
    .describe(
      'Numbers of weights and activations in training; bfloat16 is for clusters. float32 if not given, and bfloat16 with quantization',
    ),
  gradient_checkpointing: z
    .boolean()
    .optional()
    .describe(
      'Whether activations are computed again in the backward pass, which saves memory and costs time: on a cluster. False if not given',
    ),
};

const layers = z.union([z.literal('all'), z.array(z.int().nonnegative()).nonempty()]);

/** The settings of a fine-tune, as a user writes them. */
export const recipeSchema = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('lora'),
    rank: z.int().positive().default(32).describe('Rank of the low-rank update'),
    alpha: z
      .number()
      .positive()
      .default(64)
      .describe('The update is scaled by alpha / rank, or alpha / sqrt(rank) with rslora'),
    rslora: z.boolean().default(true).describe('Rank-stabilised scaling'),
    targets: z
      .array(z.enum(projections))
      .nonempty()
      .default([...projections])
      .describe('Adapted projections'),
    layers: layers.default('all').describe('Adapted blocks, from 0'),
    quantization: z
      .literal('nf4')
      .optional()
      .describe(
        'Holds the frozen base in 4 bits (QLoRA), and computes in bfloat16: on a cluster with GPUs; not run by us: it needs a GPU',
      ),
    ...shared,
  }),
  z.strictObject({
    method: z.literal('full'),
    optimizer: z
      .enum(['adamw', 'muon'])
      .default('adamw')
      .describe('Optimizer of the matrices of the blocks; embeddings, head, norms and biases always use AdamW'),
    ...shared,
  }),
]);

export type Recipe = z.output<typeof recipeSchema>;
export type RecipeInput = z.input<typeof recipeSchema>;

/** Reads a recipe strictly: an unknown setting is an error that names the nearest known one. */
export function parseRecipe(input: unknown, source = 'recipe'): Recipe {
  refuseKnownMistakes(input, source);
  const parsed = recipeSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const method: unknown = typeof input === 'object' && input !== null && 'method' in input ? input.method : undefined;
  const chosen = recipeSchema.options.find((option) => option.shape.method.value === method);
  const known = (chosen === undefined ? recipeSchema.options : [chosen]).flatMap(({ shape }) => Object.keys(shape));
  throw new DriftlineError({
    code: 'recipe-invalid',
    message: `${source}: ${describeProblems(parsed.error, chosen ?? recipeSchema, input)}`,
    hint: `Correct the recipe. Its settings are ${[...new Set(known)].join(', ')}.`,
    cause: parsed.error,
  });
}

/** What other programs call them; too short to be found as misspelt. */
const otherSpellings: ReadonlyMap<string, string> = new Map([
  ['bf16', 'bfloat16'],
  ['fp32', 'float32'],
  ['f32', 'float32'],
]);

/** Refuses what other programs or the other method have, by what is meant: a setting of another method would be told as a misspelt one. */
function refuseKnownMistakes(input: unknown, source: string): void {
  if (typeof input !== 'object' || input === null) return;
  const precision = 'precision' in input ? otherSpellings.get(String(input.precision)) : undefined;
  if (precision !== undefined)
    throw new DriftlineError({
      code: 'recipe-invalid',
      message: `${source}: precision: expected "float32" or "bfloat16" (did you mean "${precision}"?)`,
      hint: `Write precision: ${precision}.`,
    });
  if (!('method' in input)) return;
  const { method } = input;
  const chosen = recipeSchema.options.find(({ shape }) => shape.method.value === method);
  if (chosen === undefined) return;
  const others = recipeSchema.options.flatMap(({ shape }) => Object.keys(shape));
  const foreign = Object.keys(input).filter((key) => !Object.hasOwn(chosen.shape, key) && others.includes(key));
  if (foreign.length === 0) return;
  const [have, them] = foreign.length === 1 ? ['has', 'it'] : ['have', 'them'];
  throw new DriftlineError({
    code: 'recipe-invalid',
    message: `${source}: ${foreign.join(', ')} ${have} no meaning with method: ${String(method)}; leave ${them} out`,
    hint: `Correct the recipe. Its settings are ${Object.keys(chosen.shape).join(', ')}.`,
    details: { settings: foreign },
  });
}
