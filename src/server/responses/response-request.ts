import { z } from 'zod';
import {
  commonNeutral,
  commonShape,
  createRefusal,
  maximumTokens,
  mostMessages,
  readCommon,
  roleSchema,
  textOf,
  type ChatRequest,
} from '../chat/chat-request.js';
import { badRequest } from '../http/protocol-error.js';
import { parseRequest } from '../http/read-body.js';

/** A request, and what its reply says of it again, in the protocol's form. */
export interface ResponseRequest extends ChatRequest {
  readonly echoed: object;
}

const onlyMessages = 'only messages are understood';

/** What clients say, and what they were answered before. */
const itemSchema = z.looseObject({
  type: z.literal('message', onlyMessages).nullish(),
  role: roleSchema,
  content: textOf('input_text', 'output_text'),
});

const logProbabilities = 'message.output_text.logprobs';

/** All but the log-probabilities are of things that no response has here: of tools, images and reasoning. */
const included = [
  logProbabilities,
  'reasoning.encrypted_content',
  'message.input_image.image_url',
  'computer_call_output.output.image_url',
  'file_search_call.results',
  'web_search_call.results',
  'web_search_call.action.sources',
  'code_interpreter_call.outputs',
] as const;

const bodySchema = z.looseObject({
  ...commonShape,
  input: z.union([z.string(), z.array(itemSchema).min(1).max(mostMessages)]),
  instructions: z.string().nullish(),
  max_output_tokens: maximumTokens,
  include: z.array(z.enum(included)).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  prompt_cache_key: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  store: z.boolean().nullish(),
  // One that is too long is refused either way.
  truncation: z.enum(['auto', 'disabled']).nullish(),
  user: z.string().nullish(),
});

const absent = (message?: string) => z.null(message).optional();

const refuseUnsupported = createRefusal({
  ...commonNeutral,
  previous_response_id: absent('driftline serve stores no responses; send the conversation in input'),
  conversation: absent('driftline serve stores no conversations; send this one in input'),
  prompt: absent(),
  background: z.literal(false).nullish(),
  context_management: z.array(z.unknown()).max(0).nullish(),
  moderation: absent(),
  reasoning: z
    .looseObject({
      effort: z.literal('none').nullish(),
      summary: absent(),
      generate_summary: absent(),
      mode: z.literal('standard').nullish(),
    })
    .nullish(),
  text: z
    .looseObject({
      format: z.looseObject({ type: z.literal('text') }).nullish(),
      verbosity: z.literal('medium').nullish(),
    })
    .nullish(),
  // Names of chat completions, which would have no effect.
  messages: absent('this is input in responses'),
  max_tokens: absent('this is max_output_tokens in responses'),
  max_completion_tokens: absent('this is max_output_tokens in responses'),
  logprobs: z.literal(false, `put "${logProbabilities}" into include instead`).nullish(),
  n: z.literal(1, 'a response is one answer; ask as often as you want answers').nullish(),
  response_format: absent('this is text.format in responses'),
  reasoning_effort: absent('this is reasoning.effort in responses'),
});

export function parseResponseRequest(body: unknown): ResponseRequest {
  const parsed = parseRequest(bodySchema, body);
  refuseUnsupported(parsed);
  const { input, instructions = null, include } = parsed;
  const hasLogProbabilities = include?.includes(logProbabilities) === true;
  if ((parsed.top_logprobs ?? 0) > 0 && !hasLogProbabilities) {
    const message = `top_logprobs: include has to have "${logProbabilities}" for this`;
    throw badRequest(message, 'top_logprobs', 'invalid_value');
  }
  const said = typeof input === 'string' ? [{ role: 'user' as const, content: input }] : input;
  const common = readCommon(parsed);
  return {
    ...common,
    messages: [
      ...(instructions === null ? [] : [{ role: 'system' as const, content: instructions }]),
      ...said.map(({ role, content }) => ({ role, content })),
    ],
    choices: 1,
    maximumTokens: parsed.max_output_tokens ?? null,
    logProbabilities: hasLogProbabilities,
    ending: 'answered-next',
    promptLogProbabilities: null,
    includeUsage: true,
    echoed: {
      instructions,
      max_output_tokens: parsed.max_output_tokens ?? null,
      metadata: parsed.metadata ?? {},
      parallel_tool_calls: parsed.parallel_tool_calls ?? true,
      prompt_cache_key: parsed.prompt_cache_key ?? null,
      safety_identifier: parsed.safety_identifier ?? null,
      temperature: common.temperature,
      top_logprobs: common.topLogProbabilities,
      top_p: parsed.top_p ?? 1,
      user: parsed.user ?? null,
    },
  };
}
