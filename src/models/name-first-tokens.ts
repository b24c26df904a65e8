import { createTokenTexts } from '../engine/tokenizer/token-text.js';
import type { TextTokenizer } from '../engine/tokenizer/text-tokenizer.js';
import type { FirstToken } from './sampler.js';

/** A token by its id, with the natural logarithm of its probability. */
export interface LikelyId {
  readonly id: number;
  readonly logProbability: number;
}

/** Makes first tokens of ids, likeliest first, as a tokenizer spells them. */
export function createFirstTokenNames(tokenizer: TextTokenizer): (likeliest: readonly LikelyId[]) => FirstToken[] {
  const tokenText = createTokenTexts(tokenizer);
  return (likeliest) =>
    likeliest.map(({ id, logProbability }) => ({
      token: tokenText(id).token,
      probability: Math.min(1, Math.exp(logProbability)),
    }));
}
