import { officialEndpoint } from './hosted-endpoint.js';

/** US dollars for a million tokens, in and out. */
export interface HostedPrice {
  readonly input: number;
  readonly output: number;
  /** Share of these prices that calls in batches cost; not there where it is not known. */
  readonly batch?: number | undefined;
}

/** When the prices below were what OpenAI asked for; they may have changed since. */
export const hostedPricesDate = '2026-03';

/**
 * List prices of OpenAI's chat models, without discounts for repeated prompts. Only models are here whose price several published lists of
 * that time agree on; fine-tuned models have prices of their own.
 */
const prices: Readonly<Record<string, HostedPrice>> = {
  'gpt-4o': { input: 2.5, output: 10 },
  'gpt-4o-2024-11-20': { input: 2.5, output: 10 },
  'gpt-4o-2024-08-06': { input: 2.5, output: 10 },
  'gpt-4o-mini': { input: 0.15, output: 0.6 },
  'gpt-4o-mini-2024-07-18': { input: 0.15, output: 0.6 },
  'gpt-4.1': { input: 2, output: 8 },
  'gpt-4.1-2025-04-14': { input: 2, output: 8 },
  'gpt-4.1-mini': { input: 0.4, output: 1.6 },
  'gpt-4.1-mini-2025-04-14': { input: 0.4, output: 1.6 },
  'gpt-4.1-nano': { input: 0.1, output: 0.4 },
  'gpt-4.1-nano-2025-04-14': { input: 0.1, output: 0.4 },
};

/** Of all models of that list, by what OpenAI says of its batches (help.openai.com/en/articles/9197833, read in 2026-11). */
const batchShare = 0.5;

/** What a model is known to cost at this address; null where that is not known, as of every server that is not OpenAI's own. */
export function findHostedPrice(model: string, endpoint: string): HostedPrice | null {
  const price = endpoint === officialEndpoint ? prices[model] : undefined;
  return price === undefined ? null : { ...price, batch: batchShare };
}
