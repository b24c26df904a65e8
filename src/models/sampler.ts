import { z } from 'zod';
import { signalSchema } from '../foundation/caller-schemas.js';
import { describeProblems, parseSettings } from '../foundation/explain-issue.js';
import { DriftlineError } from '../foundation/driftline-error.js';

/** One conversation, and the answers that are wanted to it. */
const samplingRequestSchema = z.strictObject({
  messages: z
    .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() }))
    .nonempty()
    .describe('The conversation that is answered'),
  count: z.int().positive().default(1).describe('Answers wanted'),
  temperature: z.number().nonnegative().default(1).describe('0 takes the likeliest token'),
  topP: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe('Keeps the fewest likeliest tokens that reach this probability'),
  maximumTokens: z.int().positive().default(256).describe('Longest answer'),
  seed: z.int().nonnegative().default(0).describe('Seed of the first answer; the others have the numbers that follow'),
  likeliest: z
    .int()
    .nonnegative()
    .max(20)
    .default(0)
    .describe('Likeliest first tokens of an answer that are wanted with their probabilities, at most 20'),
});

export type SamplingRequest = z.input<typeof samplingRequestSchema>;
type ParsedSamplingRequest = z.output<typeof samplingRequestSchema>;

export interface Answer {
  /** Position of the request. */
  readonly request: number;
  /** From 0, among the answers of its request. */
  readonly index: number;
  /** With the request, it decides the answer of a model that runs here; hosted models only try to follow it. */
  readonly seed: number;
  readonly text: string;
  /** `stop` if the model ended, `length` if it was cut off, `filtered` if its provider withheld the text. */
  readonly finishReason: 'stop' | 'length' | 'filtered';
  /** Tokens of the answer; null if the provider does not say. */
  readonly tokens: number | null;
  /**
   * The likeliest first tokens, if the request wants them; empty where the text was withheld, or a service tells none
   * of an empty answer.
   */
  readonly first?: readonly FirstToken[];
}

/** One token that an answer may begin with. */
export interface FirstToken {
  /** With the space before it; the token that ends an answer is spelt out. */
  readonly token: string;
  /** 0..1 by the model itself, before temperature and cuts. */
  readonly probability: number;
}

export interface SamplingOptions {
  readonly signal?: AbortSignal;
  /** Stops asking a hosted model: answers that are under way, and paid for, are still handed out before `interrupted` is thrown. */
  readonly leave?: AbortSignal;
}

/** A model that answers, wherever it runs. */
export interface Sampler {
  /** Answers in the order in which they finish. Stopping early, by the signal or by leaving the loop, loses only unfinished answers. */
  readonly sample: (
    requests: readonly SamplingRequest[],
    options?: SamplingOptions,
  ) => AsyncGenerator<Answer, void, undefined>;
  /** May be called twice. */
  readonly close: () => Promise<void>;
}

/** One answer that is asked for. */
export interface SamplingCall {
  readonly request: number;
  readonly index: number;
  readonly seed: number;
  readonly settings: ParsedSamplingRequest;
}

const sampleSchema = z.object({
  requests: z.array(z.unknown()),
  options: z.object({ signal: signalSchema.optional(), leave: signalSchema.optional() }),
});

/** Parses the requests of a sampler, and lists the single answers that are asked for. */
export function listSamplingCalls(requests: readonly SamplingRequest[], options: SamplingOptions = {}): SamplingCall[] {
  parseSettings(sampleSchema, { requests, options }, 'sample');
  return requests.flatMap((input, request) => {
    const parsed = samplingRequestSchema.safeParse(input);
    if (!parsed.success) {
      const known = [...Object.keys(samplingRequestSchema.shape), 'role', 'content'];
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `Request ${request}: ${describeProblems(parsed.error, samplingRequestSchema)}`,
        hint: `Correct the request. Its settings are ${known.slice(0, -2).join(', ')}.`,
        cause: parsed.error,
      });
    }
    const settings = parsed.data;
    return Array.from({ length: settings.count }, (_, index) => ({
      request,
      index,
      seed: settings.seed + index,
      settings,
    }));
  });
}

export function samplerClosed(): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: 'The sampler was closed before it was asked',
    hint: 'Open another sampler, or close this one later.',
  });
}

export function samplerStopped(): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: 'Sampling was stopped; the answers so far have been handed out',
    hint: 'Ask for the missing answers again, with their seeds.',
  });
}
