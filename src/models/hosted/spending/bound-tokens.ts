import { z } from 'zod';
import type { TokenCount } from './hosted-prices.js';

/** What is asked for, as far as its tokens go. */
interface BoundedRequest {
  readonly messages: readonly { readonly content?: unknown }[];
}

/** What chat templates put around a conversation, and around each of its messages, at most. */
const [ofConversation, ofMessage] = [64, 16];

/** The most tokens that a call may cost: none is shorter than a byte of what is sent. */
export function boundTokens({ messages }: BoundedRequest, maximumTokens: number): TokenCount {
  let input = ofConversation;
  for (const { content } of messages)
    input += ofMessage + Buffer.byteLength(typeof content === 'string' ? content : JSON.stringify(content ?? ''));
  return { input, output: maximumTokens };
}

/** The same of a request as it is sent; a length that it does not have is taken for 0. */
export function boundBody(body: object): TokenCount {
  const { messages, max_tokens: most, max_completion_tokens: newer } = body as Readonly<Record<string, unknown>>;
  const longest = [most, newer].find((one) => typeof one === 'number') ?? 0;
  return boundTokens({ messages: Array.isArray(messages) ? (messages as BoundedRequest['messages']) : [] }, longest);
}

export function addTokenCounts(counts: Iterable<TokenCount>): TokenCount {
  let [input, output] = [0, 0];
  for (const one of counts) {
    input += one.input;
    output += one.output;
  }
  return { input, output };
}

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
