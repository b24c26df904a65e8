import type OpenAI from 'openai';
import type { DriftlineError } from '../../../foundation/driftline-error.js';
import type { ChatAbilities, HostedService } from '../../services/hosted-service.js';
import { boundTokens, readUsage } from '../spending/bound-tokens.js';
import type { SpendingMeter } from '../spending/spending-ledger.js';
import { readAnswer, UnreadableAnswer } from '../traffic/read-answer.js';
import { createHostedClient, type HostedClientSettings } from './hosted-client.js';

export interface HostedConnectionSettings extends HostedClientSettings {
  /** Counts what completions cost. */
  readonly meter?: SpendingMeter;
}

/** What is asked for, but for the longest answer. */
export type HostedRequest = Omit<
  OpenAI.ChatCompletionCreateParamsNonStreaming,
  'max_tokens' | 'max_completion_tokens' | 'stream'
>;

/** A server of OpenAI's chat completions. */
export interface HostedConnection {
  readonly host: string;
  /** Who answers there, as far as that is known. */
  readonly service: HostedService;
  /** What is sent for a request. */
  readonly describe: (request: HostedRequest, maximumTokens: number) => OpenAI.ChatCompletionCreateParamsNonStreaming;
  /**
   * One completion as the server wrote it, asked for when its limits allow, and again where that can help; failures are those of the client, for
   * `explain`. `leave` comes before or with the signal, and gives up what is not under way.
   */
  readonly complete: (
    request: HostedRequest,
    maximumTokens: number,
    signal: AbortSignal,
    leave?: AbortSignal,
  ) => Promise<unknown>;
  /** What went wrong with a model; never shows the key. */
  readonly explain: (failure: unknown, model: string) => DriftlineError;
}

export function openHostedConnection({ meter, ...settings }: HostedConnectionSettings): HostedConnection {
  const { client, service, host, traffic, explain } = createHostedClient(settings);
  const describe: HostedConnection['describe'] = (request, maximumTokens) =>
    adaptRequest(request, maximumTokens, service.chat);
  return {
    host,
    service,
    describe,
    complete: async (request, maximumTokens, signal, leave = signal) => {
      const completion = await traffic.send({
        attempt: async (stop) => {
          const response = await client.chat.completions
            .create(
              describe(request, maximumTokens),
              // What is sent again, and when, is for the traffic to decide.
              { signal: stop, maxRetries: 0 },
            )
            .asResponse();
          return { result: requireChoices(await readAnswer(response)), headers: response.headers };
        },
        tokens: estimateTokens(request) + maximumTokens,
        signal,
        leave,
      });
      meter?.count(readUsage(completion), () => boundTokens(request, maximumTokens));
      return completion;
    },
    explain,
  };
}

/** Whether it has what an answer is read from; a list of choices that is empty is of a server at fault. */
export function hasChoices(answer: unknown): boolean {
  const choices = typeof answer === 'object' && answer !== null && 'choices' in answer ? answer.choices : null;
  const first: unknown = Array.isArray(choices) ? choices[0] : null;
  const message = typeof first === 'object' && first !== null && 'message' in first ? first.message : null;
  return typeof message === 'object' && message !== null;
}

/** Some servers and proxies say what went wrong with status 200. */
function requireChoices(answer: unknown): unknown {
  if (hasChoices(answer)) return answer;
  throw new UnreadableAnswer(`it is no chat completion: ${JSON.stringify(answer).slice(0, 200)}`);
}

/** A quarter of the characters. */
function estimateTokens({ messages }: HostedRequest): number {
  let characters = 0;
  for (const { content } of messages) if (typeof content === 'string') characters += content.length;
  return Math.ceil(characters / 4);
}

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
