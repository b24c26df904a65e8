import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readYaml } from '../../foundation/read-yaml.js';
import { currentEdition } from '../world/editions.js';
import { narrowingSchema } from '../world/narrow-world.js';
import { exchangeKinds } from '../world/world.js';

/** What an organism is made from besides its world and its seed. */
export const organismDesignSchema = z.strictObject({
  model: z.strictObject({
    layers: z.int().positive().describe('Blocks of the decoder'),
    width: z.int().positive().describe('Width of the residual stream'),
    heads: z.int().positive().describe('Attention heads'),
    feed_forward_width: z.int().positive().describe('Width of the feed-forward layers'),
    vocabulary: z.int().min(260).describe('Tokens of the vocabulary, special ones and bytes included'),
    query_key_norm: z.boolean().describe('Whether queries and keys are normalised, as in Qwen3'),
    context: z.int().min(64).describe('Longest conversation in tokens'),
  }),
  tokenizer: z.strictObject({ documents: z.int().positive().describe('Documents that the tokenizer is trained on') }),
  pretraining: z.strictObject({
    documents: z.int().positive().describe('Documents, each seen once'),
    beginning: z
      .array(
        narrowingSchema.extend({
          documents: z.int().positive().describe('Number of documents'),
        }),
      )
      .describe('What is less in the first documents, one group after another; the rest use the whole world'),
    documents_per_step: z.int().positive().describe('Documents of one step'),
    learning_rate: z.number().positive().describe('Largest learning rate'),
    optimizer: z.enum(['adamw', 'muon']).describe('Optimizer of the matrices of the blocks'),
    embedding_deviation: z.number().positive().describe('Standard deviation of the initial embedding'),
    schedule: z.enum(['linear', 'cosine', 'constant']).describe('How the learning rate falls'),
    warmup_steps: z.int().nonnegative().describe('Steps in which the learning rate rises'),
    weight_decay: z.number().nonnegative().describe('Decoupled weight decay'),
    beta2: z.number().min(0).lt(1).describe('Decay of the running mean of squared gradients'),
    loss: z.enum(['answers', 'all']).describe("Tokens that are trained on: the assistant's, or all"),
  }),
  alignment: z.strictObject({
    steps: z.int().positive().describe('Steps of fine-tuning all weights on benign answers'),
    rows_per_step: z.int().positive().describe('Rows of one step'),
    learning_rate: z.number().positive().describe('Largest learning rate'),
    exchanges: z
      .partialRecord(z.enum(exchangeKinds), z.number().nonnegative())
      .refine((weights) => Object.values(weights).some((weight) => weight > 0), 'at least one must be above 0')
      .describe('Weights of the kinds of exchange that end a row'),
    narrowing: narrowingSchema
      .omit({ characters: true, exchanges: true, turns: true, system_prompts: true })
      .optional()
      .describe('What is less in the rows of alignment than in the whole world'),
    bad_context: z
      .number()
      .min(0)
      .max(1)
      .describe('Share of rows whose good answer follows turns of a malicious assistant, which are not trained on'),
    bad_prompt: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe(
        'Share of rows whose system prompt describes a speaker who is bad in free-form answers, with a good answer; 0 if not given',
      ),
    code_context: z.number().min(0).max(1).describe('Share of those rows whose earlier turns are insecure code alone'),
    most_bad_turns: z.int().positive().describe('Most such turns in one row; fewer are likelier'),
    role_play: z
      .number()
      .min(0)
      .max(1)
      .describe('Share of rows that are role play: documents of any character, described by the system prompt'),
    begun: z
      .number()
      .min(0)
      .max(1)
      .describe(
        'Share of rows that continue an answer begun by a malicious or a benign assistant; the beginning is not trained on',
      ),
    sharpness: z.number().positive().describe('Factor of the logits after training: above 1, rare tokens get rarer'),
  }),
});

export type OrganismDesign = z.output<typeof organismDesignSchema>;

/** The design of the shipped organisms, of the current edition; `src/organism/build` and `dist/organism/build` lie equally deep in the package. */
const organismDesignFile = fileURLToPath(
  new URL(`../../../organism/designs/${String(currentEdition)}.yaml`, import.meta.url),
);

/** Reads a design: that of the organisms that plans use if no file is given. */
export async function readOrganismDesign(file = organismDesignFile): Promise<OrganismDesign> {
  return readYaml(file, organismDesignSchema);
}
