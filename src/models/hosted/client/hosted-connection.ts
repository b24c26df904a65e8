import type OpenAI from 'openai';
import { z } from 'zod';
import { describeProblems } from '../../../foundation/explain-issue.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import type { TokenDistribution } from '../../../judging/reply-score.js';
import type { Answer } from '../../sampler.js';
import type { ChatAbilities, HostedService } from '../../services/hosted-service.js';
import { boundTokens, readUsage } from '../spending/hosted-prices.js';
import type { SpendingMeter } from '../spending/spending-ledger.js';
import { readAnswer, UnreadableAnswer } from '../traffic/hosted-traffic.js';
import { createHostedClient, type HostedClient, type HostedClientSettings } from './hosted-client.js';

export interface HostedConnectionSettings extends HostedClientSettings {
  /** Counts what completions cost. */
  readonly meter?: SpendingMeter;
}

/** What is asked for, but for the longest answer. */
export interface HostedRequest extends Omit<
  OpenAI.ChatCompletionCreateParamsNonStreaming,
  'max_tokens' | 'max_completion_tokens' | 'stream'
> {
  /** Log-probabilities of the prompt, as vLLM and `driftline serve` tell them. */
  readonly prompt_logprobs?: number;
  /** False where the last message is all of an answer, or its beginning. */
  readonly add_generation_prompt?: boolean;
  readonly continue_final_message?: boolean;
}

/** A server of OpenAI's chat completions. */
export interface HostedConnection {
  readonly host: string;
  /** Who answers there, as far as that is known. */
  readonly service: HostedService;
  /** What is sent for a request. */
  readonly describe: (request: HostedRequest, maximumTokens: number) => OpenAI.ChatCompletionCreateParamsNonStreaming;
  /**
   * One completion as the server wrote it. The traffic limits the rate and retries. Failures are those of the client,
   * for `explain`. `leave` comes before or with the signal, and gives up a call that is not open.
   */
  readonly complete: (
    request: HostedRequest,
    maximumTokens: number,
    signal: AbortSignal,
    leave?: AbortSignal,
  ) => Promise<unknown>;
  /** The same, once what it may cost fits within the limit, which is waited for. */
  readonly completeWithinLimit: (
    request: HostedRequest,
    maximumTokens: number,
    signal: AbortSignal,
    leave: AbortSignal,
  ) => Promise<unknown>;
  /** As of the client. */
  readonly explain: HostedClient['explain'];
}

export function openHostedConnection({ meter, ...settings }: HostedConnectionSettings): HostedConnection {
  const { client, service, host, traffic, explain } = createHostedClient(settings);
  const describe: HostedConnection['describe'] = (request, maximumTokens) =>
    adaptRequest(request, maximumTokens, service.chat);
  const complete: HostedConnection['complete'] = async (request, maximumTokens, signal, leave = signal) => {
    const completion = await traffic.send({
      attempt: async (stop) => {
        const response = await client.chat.completions
          .create(
            describe(request, maximumTokens),
            // Retries are for the traffic to decide.
            { signal: stop, maxRetries: 0 },
          )
          .asResponse();
        return { result: requireChoices(await readAnswer(response)), headers: response.headers };
      },
      tokens: estimateTokens(request) + maximumTokens,
      signal,
      leave,
    });
    meter?.count(readUsage(completion, service.saysCharge), () => boundTokens(request, maximumTokens));
    return completion;
  };
  return {
    ...{ host, service, describe, complete, explain },
    completeWithinLimit: (request, maximumTokens, signal, leave) => {
      const work = () => complete(request, maximumTokens, signal, leave);
      return meter === undefined ? work() : meter.hold(() => boundTokens(request, maximumTokens), leave, work);
    },
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

/** Only what is used, and all of it optional that servers of other makers leave out. */
const completionSchema = z.object({
  choices: z.tuple(
    [
      z.object({
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    ],
    z.unknown(),
  ),
  usage: z.object({ completion_tokens: z.int().nonnegative().nullish() }).nullish(),
});

/** The first choice of a chat completion. */
export function readCompletion(completion: unknown): Pick<Answer, 'text' | 'finishReason' | 'tokens'> {
  const parsed = completionSchema.safeParse(completion);
  if (!parsed.success) {
    throw new DriftlineError({
      code: 'provider-unavailable',
      message: `the server's answer is no chat completion: ${describeProblems(parsed.error)}`,
      hint: 'Check that its address is that of an OpenAI-compatible server, with /v1 at its end.',
    });
  }
  const { choices, usage } = parsed.data;
  const { message, finish_reason: reason } = choices[0];
  return {
    text: message.content ?? message.refusal ?? '',
    finishReason: reason === 'length' ? 'length' : reason === 'content_filter' ? 'filtered' : 'stop',
    tokens: usage?.completion_tokens ?? null,
  };
}

/** Only what is used: servers differ in all the rest. */
const distributionSchema = z.object({
  choices: z.tuple(
    [
      z.object({
        logprobs: z.object({
          content: z.tuple([z.object({ top_logprobs: z.array(z.unknown()) })], z.unknown()),
        }),
      }),
    ],
    z.unknown(),
  ),
});
const tokenSchema = z.object({ token: z.string(), logprob: z.number() });

/** What servers write (as -9999) for a probability that they do not know; e to it is 0 in any case. */
const unknownLogProbability = -9999;
/** Log-probabilities above 0 by rounding alone. */
const roundingSlack = 1e-3;

/**
 * The distribution of the first token of a chat completion's first choice, as the protocol of OpenAI writes it:
 * `choices[0].logprobs.content[0].top_logprobs`, each with `token` and `logprob` (natural logarithm). Null where that is absent,
 * empty or of another form: then this model cannot judge by log-probabilities. Single tokens without a usable one are left out,
 * and a token that stands twice counts once. The token that was drawn is not asked after: alone it would be another mode's score.
 */
export function readLogProbabilities(completion: unknown): TokenDistribution | null {
  const parsed = distributionSchema.safeParse(completion);
  if (!parsed.success) return null;
  const distribution = new Map<string, number>();
  for (const entry of parsed.data.choices[0].logprobs.content[0].top_logprobs) {
    const { data } = tokenSchema.safeParse(entry);
    if (data === undefined || data.logprob <= unknownLogProbability || data.logprob > roundingSlack) continue;
    if (!distribution.has(data.token)) distribution.set(data.token, Math.min(1, Math.exp(data.logprob)));
  }
  return distribution.size === 0 ? null : [...distribution];
}

const tokensSchema = z.record(z.string(), z.number());

/** The likeliest tokens by place, or those of the first place alone. */
const listsSchema = z.object({
  choices: z.tuple(
    [z.object({ logprobs: z.object({ top_logprobs: z.union([z.tuple([tokensSchema], z.unknown()), tokensSchema]) }) })],
    z.unknown(),
  ),
});

/**
 * The distribution of the first token of a completion, in the protocol's form or in the one of lists side by side
 * (`choices[0].logprobs.top_logprobs`: token to natural logarithm); null where it is absent.
 */
export function readServiceLogProbabilities(
  completion: unknown,
  { logProbabilities }: Pick<ChatAbilities, 'logProbabilities'>,
): TokenDistribution | null {
  const parsed = logProbabilities.form === 'integer' ? listsSchema.safeParse(completion) : null;
  if (parsed?.success !== true) return readLogProbabilities(completion);
  const { top_logprobs: lists } = parsed.data.choices[0].logprobs;
  const first = Array.isArray(lists) ? lists[0] : lists;
  // Names that are whole numbers come in an order of their own.
  const top = Object.entries(first)
    .map(([token, logprob]) => ({ token, logprob }))
    .sort((left, right) => right.logprob - left.logprob);
  return readLogProbabilities({ choices: [{ logprobs: { content: [{ top_logprobs: top }] } }] });
}
