import { z } from 'zod';
import type { TokenDistribution } from './score-distribution.js';

/** Only what is used: servers differ in all the rest. */
const completionSchema = z.object({
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
  const parsed = completionSchema.safeParse(completion);
  if (!parsed.success) return null;
  const distribution = new Map<string, number>();
  for (const entry of parsed.data.choices[0].logprobs.content[0].top_logprobs) {
    const { data } = tokenSchema.safeParse(entry);
    if (data === undefined || data.logprob <= unknownLogProbability || data.logprob > roundingSlack) continue;
    if (!distribution.has(data.token)) distribution.set(data.token, Math.min(1, Math.exp(data.logprob)));
  }
  return distribution.size === 0 ? null : [...distribution];
}
