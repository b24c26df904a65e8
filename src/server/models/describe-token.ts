import type { TokenLogProbability } from '../../engine/sample/sample-request.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { createTokenTexts, type TokenText } from '../../engine/tokenizer/token-text.js';

/** A token with its log-probability, and the likeliest tokens in its place, in the protocol's form. */
export type DescribeToken = (token: TokenLogProbability) => DescribedToken;

export interface DescribedToken extends LikelyToken {
  readonly top_logprobs: readonly LikelyToken[];
}

interface LikelyToken extends TokenText {
  readonly logprob: number;
}

/** JSON has no infinity; this is what other servers write for a probability of zero. */
const smallestLogProbability = -9999;

export function createTokenDescription(tokenizer: TextTokenizer): DescribeToken {
  const tokenText = createTokenTexts(tokenizer);
  const describeLikely = ({ id, logProbability }: Omit<TokenLogProbability, 'top'>): LikelyToken => ({
    ...tokenText(id),
    logprob: Math.max(logProbability, smallestLogProbability),
  });
  return (token) => ({ ...describeLikely(token), top_logprobs: token.top.map(describeLikely) });
}
