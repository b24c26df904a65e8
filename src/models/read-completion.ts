import { z } from 'zod';
import { describeProblems } from '../engine/sample/describe-problems.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import type { Answer } from './sampler.js';

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
      message: `the server's answer is no chat completion: ${describeProblems(parsed.error, [])}`,
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
