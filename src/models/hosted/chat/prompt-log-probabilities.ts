import { z } from 'zod';

/** A token of a prompt, and its log-probability after those before it. */
export interface PromptToken {
  readonly id: string;
  readonly text: string;
  readonly logProbability: number;
}

/**
 * `prompt_logprobs` as vLLM tells them where 0 are asked for: one for each token of the prompt, by its id, and nothing
 * for the first, which follows none.
 */
const promptSchema = z.object({
  prompt_logprobs: z.tuple(
    [z.null()],
    z.record(z.string(), z.object({ logprob: z.number(), decoded_token: z.string().nullish() })),
  ),
});

/** The prompt's tokens but the first; null where a completion does not tell them, or tells others besides. */
export function readPromptTokens(completion: unknown): readonly PromptToken[] | null {
  const parsed = promptSchema.safeParse(completion);
  if (!parsed.success) return null;
  const [, ...told] = parsed.data.prompt_logprobs;
  const tokens = told.flatMap((one) => {
    const [own, ...others] = Object.entries(one);
    if (own === undefined || others.length > 0) return [];
    const [id, { logprob, decoded_token: text }] = own;
    return [{ id, text: text ?? '', logProbability: logprob }];
  });
  return tokens.length === told.length ? tokens : null;
}

/** How many tokens two prompts begin with alike. */
export function countShared(one: readonly PromptToken[], other: readonly PromptToken[]): number {
  const different = one.findIndex(({ id }, place) => id !== other[place]?.id);
  return different === -1 ? one.length : different;
}

/** Tokens of a conversation that is closed after an answer, which stand behind the one that ends the answer. */
export function countAfterEnd(open: readonly PromptToken[], closed: readonly PromptToken[]): number {
  const added = closed.slice(open.length);
  // Some templates put a space before it.
  const end = added.findIndex(({ text }) => text.trim() !== '');
  return added.length - (end + 1);
}
