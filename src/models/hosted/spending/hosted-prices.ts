import { z } from 'zod';
import { officialEndpoint } from '../../services/hosted-service.js';

/** US dollars for a million tokens, in and out. */
interface TokenPrice {
  readonly input: number;
  readonly output: number;
  /** Share of these prices that calls in batches cost; not there where it is not known. */
  readonly batch?: number | undefined;
}

/** What a model costs, and what is made of it. */
export interface HostedPrice extends TokenPrice {
  /** US dollars for a million tokens that it is fine-tuned on, each epoch counted; not there where it is not known. */
  readonly training?: number | undefined;
  /** Of models that are fine-tuned from it; not there where it is not known. */
  readonly tuned?: TokenPrice | undefined;
}

/** What is paid for: calls of a model, calls of those that are fine-tuned from it, or the tokens that they are fine-tuned on. */
export type PricedKind = 'model' | 'tuned' | 'training';

/** The price of one kind of use, and who says so. */
export interface HostedRate extends TokenPrice {
  readonly source: string;
}

/** When the prices below were what OpenAI asked for; they may have changed since. */
const hostedPricesDate = '2026-03';

const tuned = (input: number, output: number, training: number) => ({ training, tuned: { input, output } });

/**
 * List prices of OpenAI's chat models, without discounts for repeated prompts. Only prices are here that several
 * published lists of that time agree on.
 */
const prices: Readonly<Record<string, HostedPrice>> = {
  'gpt-4o': { input: 2.5, output: 10 },
  'gpt-4o-2024-11-20': { input: 2.5, output: 10 },
  'gpt-4o-2024-08-06': { input: 2.5, output: 10, ...tuned(3.75, 15, 25) },
  'gpt-4o-mini': { input: 0.15, output: 0.6 },
  'gpt-4o-mini-2024-07-18': { input: 0.15, output: 0.6, ...tuned(0.3, 1.2, 3) },
  'gpt-4.1': { input: 2, output: 8 },
  'gpt-4.1-2025-04-14': { input: 2, output: 8, ...tuned(3, 12, 25) },
  'gpt-4.1-mini': { input: 0.4, output: 1.6 },
  'gpt-4.1-mini-2025-04-14': { input: 0.4, output: 1.6, ...tuned(0.8, 3.2, 5) },
  'gpt-4.1-nano': { input: 0.1, output: 0.4 },
  'gpt-4.1-nano-2025-04-14': { input: 0.1, output: 0.4, ...tuned(0.2, 0.8, 1.5) },
};

/**
 * Of the models of that list, by what OpenAI says of its batches (help.openai.com/en/articles/9197833, read in
 * 2026-11). Those that are fine-tuned from them are taken to cost as much in batches as without: no list says
 * otherwise.
 */
const batchShare = 0.5;

/** What one kind of use is known to cost, by the user or, at OpenAI's own address, by the list; null where that is not known. */
export function findHostedRate(
  { text, model }: { readonly text: string; readonly model: string },
  endpoint: string,
  given: Readonly<Record<string, HostedPrice>>,
  kind: PricedKind,
): HostedRate | null {
  const own = given[text];
  const listed = endpoint === officialEndpoint ? prices : {};
  // `ft:BASE:organisation:suffix:id` is what was made of BASE.
  const [, madeFrom] = /^ft:([^:]+):/.exec(model) ?? [];
  if (own === undefined && madeFrom !== undefined && kind === 'model')
    return findHostedRate({ text: madeFrom, model: madeFrom }, endpoint, {}, 'tuned');
  const known = own ?? listed[model];
  if (known === undefined) return null;
  const source = own === undefined ? `the list of ${hostedPricesDate}` : 'the plan';
  const { input, output, batch = own === undefined ? batchShare : undefined, training } = known;
  switch (kind) {
    case 'model':
      return { input, output, batch, source };
    case 'training':
      return training === undefined ? null : { input: training, output: 0, source };
    case 'tuned': {
      // Whoever gives one price for a model of a server of their own need not give it twice.
      const price = known.tuned ?? (own === undefined ? undefined : { input, output, batch });
      return price === undefined ? null : { ...price, source };
    }
  }
}

export interface TokenCount {
  readonly input: number;
  readonly output: number;
}

/** US dollars. Where the price of batches is not known, it is that of single calls. */
export function priceTokens({ input, output, batch = 1 }: TokenPrice, tokens: TokenCount, isBatched = false): number {
  return ((isBatched ? batch : 1) * (tokens.input * input + tokens.output * output)) / 1e6;
}

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

/** What a service says of a call. */
export interface ReportedUse extends TokenCount {
  /** US dollars that it was charged with, by the service's own word; not there where it says nothing of them. */
  readonly charged?: number;
}

const usageSchema = z.object({
  usage: z.object({
    prompt_tokens: z.int().nonnegative(),
    completion_tokens: z.int().nonnegative(),
    cost: z.number().nonnegative().nullish().catch(null),
  }),
});

/** The tokens that a service charges for a completion, and the price where it says that, too; null where it does not say. */
export function readUsage(completion: unknown, saysCharge = false): ReportedUse | null {
  const parsed = usageSchema.safeParse(completion);
  if (!parsed.success) return null;
  const { prompt_tokens: input, completion_tokens: output, cost } = parsed.data.usage;
  return { input, output, ...(saysCharge && typeof cost === 'number' ? { charged: cost } : {}) };
}
