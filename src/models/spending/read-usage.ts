import { z } from 'zod';
import type { TokenCount } from '../hosted-prices.js';

const usageSchema = z.object({
  usage: z.object({ prompt_tokens: z.int().nonnegative(), completion_tokens: z.int().nonnegative() }),
});

/** The tokens that a service charges for a completion; null where it does not say. */
export function readUsage(completion: unknown): TokenCount | null {
  const parsed = usageSchema.safeParse(completion);
  if (!parsed.success) return null;
  const { prompt_tokens: input, completion_tokens: output } = parsed.data.usage;
  return { input, output };
}
