import type OpenAI from 'openai';
import type { HostedRequest } from '../hosted-connection.js';
import type { ChatAbilities } from './hosted-service.js';

/** A request as a service wants it. */
export function adaptRequest(
  { logprobs, top_logprobs: likeliest, ...request }: HostedRequest,
  maximumTokens: number,
  { lengthSetting, logProbabilities, neutral }: ChatAbilities,
): OpenAI.ChatCompletionCreateParamsNonStreaming {
  const wanted =
    logprobs !== true
      ? {}
      : logProbabilities.form === 'integer'
        ? { logprobs: likeliest ?? 0 }
        : { logprobs, top_logprobs: likeliest };
  // The types are those of OpenAI's own server, which has neither the other form nor the settings that others have besides.
  return {
    ...request,
    ...neutral,
    ...wanted,
    [lengthSetting]: maximumTokens,
  } as OpenAI.ChatCompletionCreateParamsNonStreaming;
}
