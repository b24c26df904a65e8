import type { TokenLogProbability } from '../../engine/sample/sample-request.js';
import type { CompletionSettings } from '../chat/completion-form.js';
import type { LoadedModel } from '../models/load-model.js';
import type { DescribedToken } from '../models/describe-token.js';
import type { ResponseRequest } from './response-request.js';

type Settings = Pick<CompletionSettings<ResponseRequest>, 'id' | 'created' | 'model' | 'seed' | 'request'>;

/** @param changes what is not as it is in a response that has no answer yet */
export function describeResponse(
  { id, created, model, seed, request }: Settings,
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed',
  changes: object,
): object {
  return {
    id,
    object: 'response',
    created_at: created,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    max_tool_calls: null,
    model: model.id,
    output: [],
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: false,
    text: { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: 'auto',
    tools: [],
    truncation: 'disabled',
    usage: null,
    seed,
    ...request.echoed,
    ...changes,
  };
}

/** The only thing that a response puts out. */
export function describeMessage(
  { id }: Settings,
  status: 'in_progress' | 'completed' | 'incomplete',
  content: readonly object[],
) {
  return { id: id.replace(/^resp_/, 'msg_'), type: 'message', status, role: 'assistant', content } as const;
}

export function describeText(text: string, logprobs: readonly DescribedToken[]) {
  return { type: 'output_text', text, annotations: [], logprobs } as const;
}

/** As in chat completions, but that bytes that are not known are none: here they are always a list. */
export function describeTokens(
  { describeToken }: LoadedModel,
  logProbabilities: readonly TokenLogProbability[],
): readonly DescribedToken[] {
  return logProbabilities.map(describeToken).map(({ top_logprobs: top, ...token }) => ({
    ...token,
    bytes: token.bytes ?? [],
    top_logprobs: top.map((one) => ({ ...one, bytes: one.bytes ?? [] })),
  }));
}

export function describeUsage(input: number, output: number): object {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
}
