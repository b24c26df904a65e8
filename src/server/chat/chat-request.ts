import { z } from 'zod';
import { badRequest } from '../http/protocol-error.js';
import { parseRequest } from '../http/read-body.js';
import type { ConversationEnding } from '../models/encode-conversation.js';

/** A text, or parts of these types that are one. */
export const textOf = (...types: string[]) =>
  z.union([
    z.string(),
    z
      .array(z.looseObject({ type: z.enum(types, 'only text is understood'), text: z.string() }))
      .transform((parts) => parts.map(({ text }) => text).join('')),
  ]);

export const roleSchema = z
  .enum(['system', 'developer', 'user', 'assistant'], 'there are system, developer, user and assistant')
  .transform((role) => (role === 'developer' ? 'system' : role));

export const mostMessages = 2048;

/** What both forms of the protocol have. */
export const commonShape = {
  model: z.string().min(1),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  // 0 and -1 cut nothing: servers differ in which of them they take.
  top_k: z.int().min(-1).max(1_000_000).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  stream: z.boolean().nullish(),
};

export const maximumTokens = z.int().min(1).nullish();

/** Values that change nothing, of what both forms have. */
export const commonNeutral = {
  tools: z.array(z.unknown()).max(0).nullish(),
  tool_choice: z.literal(['none', 'auto']).nullish(),
  frequency_penalty: z.literal(0).nullish(),
  presence_penalty: z.literal(0).nullish(),
  logit_bias: z.strictObject({}).nullish(),
  min_p: z.literal(0).nullish(),
  repetition_penalty: z.literal(1).nullish(),
  repeat_penalty: z.literal(1).nullish(),
  modalities: z.tuple([z.literal('text')]).nullish(),
  audio: z.null().optional(),
};

const refuseUnsupported = createRefusal({
  ...commonNeutral,
  functions: z.array(z.unknown()).max(0).nullish(),
  function_call: z.literal(['none', 'auto']).nullish(),
  response_format: z.looseObject({ type: z.literal('text') }).nullish(),
  reasoning_effort: z.literal('none').nullish(),
});

/**
 * Refuses what a client asks for and would not get.
 * @param neutral values of settings that change nothing; a message of a schema's own is told after the setting's name
 */
export function createRefusal(neutral: z.ZodRawShape): (body: object) => void {
  const schema = z.looseObject(neutral);
  const names = Object.keys(neutral);
  return (body) => {
    // Most calls name none of them.
    if (!names.some((name) => name in body)) return;
    const issue = schema.safeParse(body, { error: () => 'driftline serve does not support this' }).error?.issues[0];
    if (issue === undefined) return;
    const place = issue.path.filter((part) => typeof part === 'string');
    const param = (place.at(-1) === 'type' ? place.slice(0, -1) : place).join('.');
    throw badRequest(`${param}: ${issue.message}`, param, 'unsupported_parameter');
  };
}

const bodySchema = z.looseObject({
  ...commonShape,
  messages: z
    .array(z.looseObject({ role: roleSchema, content: textOf('text') }))
    .min(1)
    .max(mostMessages),
  n: z.int().min(1).max(128).nullish(),
  max_tokens: maximumTokens,
  max_completion_tokens: maximumTokens,
  logprobs: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  // As vLLM calls them.
  prompt_logprobs: z.int().min(0).max(20).nullish(),
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
});

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
  /** How the conversation ends that the model goes on from. */
  readonly ending: ConversationEnding;
  /** Likeliest tokens that are told at each place of the prompt, beside the one that is there; null where none is wanted. */
  readonly promptLogProbabilities: number | null;
  readonly isStream: boolean;
  readonly includeUsage: boolean;
}

export function parseChatRequest(body: unknown): ChatRequest {
  const parsed = parseRequest(bodySchema, body);
  refuseUnsupported(parsed);
  const { top_logprobs: top, stream_options: options } = parsed;
  const logProbabilities = parsed.logprobs ?? false;
  if (typeof top === 'number' && !logProbabilities)
    throw badRequest('top_logprobs: logprobs has to be true for this', 'top_logprobs', 'invalid_value');
  if (options?.include_usage === true && parsed.stream !== true)
    throw badRequest('stream_options: stream has to be true for this', 'stream_options', 'invalid_value');
  if (typeof parsed.prompt_logprobs === 'number' && parsed.stream === true)
    throw badRequest('prompt_logprobs: a stream does not tell them', 'prompt_logprobs', 'invalid_value');
  return {
    ...readCommon(parsed),
    messages: parsed.messages.map(({ role, content }) => ({ role, content })),
    ending: readEnding(parsed),
    promptLogProbabilities: parsed.prompt_logprobs ?? null,
    choices: parsed.n ?? 1,
    maximumTokens: parsed.max_completion_tokens ?? parsed.max_tokens ?? null,
    logProbabilities,
    includeUsage: options?.include_usage ?? false,
  };
}

/** What an answer that stands at the end needs to be left open or closed; by default the model answers next. */
function readEnding({
  messages,
  add_generation_prompt: isAnsweredNext,
  continue_final_message: isContinued,
}: z.output<typeof bodySchema>): ConversationEnding {
  if (isContinued !== true) return isAnsweredNext === false ? 'closed' : 'answered-next';
  const refuse = (problem: string): Error =>
    badRequest(`continue_final_message: ${problem}`, 'continue_final_message', 'invalid_value');
  if (isAnsweredNext !== false) throw refuse('add_generation_prompt has to be false for this');
  if (messages.at(-1)?.role !== 'assistant') throw refuse('the last message is no answer');
  return 'open';
}

/** Below this top-p keeps one token, whatever the model says: 0, which the protocol allows, means the same. */
const smallestTopP = 1e-9;

type Common = z.output<z.ZodObject<typeof commonShape>>;

/** What both forms have, in our words, with what holds where nothing is said. */
export function readCommon({ model, temperature, top_p, top_k, seed, stop, top_logprobs, stream }: Common) {
  return {
    model,
    temperature: temperature ?? 1,
    topP: Math.max(top_p ?? 1, smallestTopP),
    topK: Math.max(top_k ?? 0, 0),
    seed: seed ?? null,
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    topLogProbabilities: top_logprobs ?? 0,
    isStream: stream ?? false,
  };
}
