import { z } from 'zod';
import { describeProblems } from '../../../foundation/explain-issue.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import type { TokenDistribution } from '../../../judging/score-distribution.js';
import type { Answer } from '../../sampler.js';
import type { ChatAbilities } from '../../services/hosted-service.js';

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
