import { z } from 'zod';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import type { KeyValueOverride } from './key-value-override.js';

const tensorSchema = z.custom<FloatTensor>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'shape' in value &&
    Array.isArray(value.shape) &&
    'data' in value &&
    value.data instanceof Float32Array,
  'expected a tensor of float32',
);

/** Only the form: whether a model can take it is for `checkOverride` to say. */
const overrideSchema: z.ZodType<KeyValueOverride, KeyValueOverride> = z.strictObject({
  positions: z.array(z.int().nonnegative()).readonly(),
  keys: tensorSchema,
  values: tensorSchema,
});

/** What to sample; one request is one answer. Requests with the same prompt share the work on it. */
export const sampleRequestSchema = z.strictObject({
  prompt: z.array(z.int().nonnegative()).nonempty().describe('Token ids'),
  seed: z
    .int()
    .describe(
      'Decides the answer together with the prompt and these settings, whatever else is sampled at the same time',
    ),
  temperature: z.number().nonnegative().default(1).describe('0 takes the likeliest token'),
  topP: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe('Keeps the fewest likeliest tokens that reach this probability'),
  topK: z.int().nonnegative().default(0).describe('Keeps this many likeliest tokens; 0 keeps all'),
  maximumTokens: z.int().positive().default(256).describe('Longest answer in tokens'),
  stopTokens: z
    .array(z.int().nonnegative())
    .optional()
    .describe("Ids that end an answer; the model's end tokens by default"),
  logProbabilities: z
    .union([z.boolean(), z.literal('first')])
    .default(false)
    .describe("Whether the answer's log-probabilities are wanted; `first`: those of its first token alone"),
  promptLogProbabilities: z.boolean().default(false).describe("Whether the prompt's log-probabilities are wanted"),
  topLogProbabilities: z
    .int()
    .nonnegative()
    .max(100)
    .default(0)
    .describe('Likeliest tokens to list at each position for which log-probabilities are wanted'),
  override: overrideSchema
    .optional()
    .describe("Keys and values that take the place of the model's own at some tokens of the prompt"),
});

export type SampleRequest = z.input<typeof sampleRequestSchema>;
export type ParsedSampleRequest = z.output<typeof sampleRequestSchema>;

export interface TokenLogProbability {
  readonly id: number;
  /** Natural logarithm, of the model's own distribution before temperature and cuts. */
  readonly logProbability: number;
  /** Likeliest first; empty unless asked for. */
  readonly top: readonly { readonly id: number; readonly logProbability: number }[];
}

export interface SampledAnswer {
  /** Position of the request. */
  readonly request: number;
  /** Ids without the stop token. */
  readonly ids: readonly number[];
  /** `stop` after a stop token, `length` after `maximumTokens` or at the end of the context. */
  readonly finishReason: 'stop' | 'length';
  /** One for each id, and one more for the stop token, or only the first of these; null unless asked for. */
  readonly logProbabilities: readonly TokenLogProbability[] | null;
  /** One for each prompt token but the first; null unless asked for. */
  readonly promptLogProbabilities: readonly TokenLogProbability[] | null;
}

/** One token of an answer in progress. */
export interface SampledToken {
  /** Position of the request. */
  readonly request: number;
  readonly id: number;
  /** Null unless asked for. */
  readonly logProbability: TokenLogProbability | null;
}
