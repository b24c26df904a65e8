import { z } from 'zod';
import { badRequest } from '../http/protocol-error.js';
import { parseRequest } from '../http/read-body.js';

const textPart = z.looseObject({ type: z.literal('text', 'only text is understood'), text: z.string() });
const content = z.union([z.string(), z.array(textPart).transform((parts) => parts.map(({ text }) => text).join(''))]);

const messageSchema = z.looseObject({
  role: z
    .enum(['system', 'developer', 'user', 'assistant'], 'there are system, developer, user and assistant')
    .transform((role) => (role === 'developer' ? 'system' : role)),
  content,
});

const maximumTokens = z.int().min(1).nullish();

/** Values of settings that change nothing; any other is refused, as it would be ignored otherwise. */
const neutral = {
  tools: z.array(z.unknown()).max(0).nullish(),
  tool_choice: z.literal(['none', 'auto']).nullish(),
  functions: z.array(z.unknown()).max(0).nullish(),
  function_call: z.literal(['none', 'auto']).nullish(),
  response_format: z.looseObject({ type: z.literal('text') }).nullish(),
  frequency_penalty: z.literal(0).nullish(),
  presence_penalty: z.literal(0).nullish(),
  logit_bias: z.record(z.string(), z.never()).nullish(),
  modalities: z.tuple([z.literal('text')]).nullish(),
  audio: z.null().optional(),
  reasoning_effort: z.literal('none').nullish(),
};

const bodySchema = z.looseObject({
  model: z.string().min(1),
  messages: z.array(messageSchema).min(1).max(2048),
  n: z.int().min(1).max(128).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).max(1_000_000).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).nullish(),
  max_tokens: maximumTokens,
  max_completion_tokens: maximumTokens,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
});

const unsupportedSchema = z.looseObject(neutral);
const unsupportedNames = Object.keys(neutral);

/** What is asked for, in our words. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
  readonly choices: number;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  /** Of the first choice; null where the client leaves it to us. */
  readonly seed: number | null;
  readonly stop: readonly string[];
  /** Null: up to the end of the model's context. */
  readonly maximumTokens: number | null;
  readonly logProbabilities: boolean;
  readonly topLogProbabilities: number;
  readonly isStream: boolean;
  readonly includeUsage: boolean;
}

/** Below this top-p keeps one token, whatever the model says: 0, which the protocol allows, means the same. */
const smallestTopP = 1e-9;

export function parseChatRequest(body: unknown): ChatRequest {
  const parsed = parseRequest(bodySchema, body);
  // Most calls name none of them.
  const unsupported = unsupportedNames.some((name) => name in parsed) ? unsupportedSchema.safeParse(body) : null;
  if (unsupported?.success === false) {
    const param = String(unsupported.error.issues[0]?.path[0] ?? '');
    throw badRequest(`${param}: driftline serve does not support this`, param, 'unsupported_parameter');
  }
  const { stop, seed, top_logprobs: top, stream_options: options } = parsed;
  const logProbabilities = parsed.logprobs ?? false;
  if (typeof top === 'number' && !logProbabilities)
    throw badRequest('top_logprobs: logprobs has to be true for this', 'top_logprobs', 'invalid_value');
  if (options?.include_usage === true && parsed.stream !== true)
    throw badRequest('stream_options: stream has to be true for this', 'stream_options', 'invalid_value');
  return {
    model: parsed.model,
    messages: parsed.messages.map(({ role, content: text }) => ({ role, content: text })),
    choices: parsed.n ?? 1,
    temperature: parsed.temperature ?? 1,
    topP: Math.max(parsed.top_p ?? 1, smallestTopP),
    topK: parsed.top_k ?? 0,
    seed: seed ?? null,
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    maximumTokens: parsed.max_completion_tokens ?? parsed.max_tokens ?? null,
    logProbabilities,
    topLogProbabilities: top ?? 0,
    isStream: parsed.stream ?? false,
    includeUsage: options?.include_usage ?? false,
  };
}
