import { z } from 'zod';
import { readLogProbabilities } from '../../judging/read-log-probabilities.js';
import type { TokenDistribution } from '../../judging/score-distribution.js';
import type { ChatAbilities } from './hosted-service.js';

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
