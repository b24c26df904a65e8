import type { RatingScale } from '../questions/question-file.js';
import { scoreDistribution, tokenScore, type TokenDistribution } from './reply-score.js';

/** Likeliest first tokens that are asked for: as many as services give. */
export const likeliestAsked = 20;

/** What a model's own distribution over its first token says as a number. */
export interface FirstTokenRating {
  /** From 0 to the scale's maximum; null where there is none, and `fault` says why. */
  readonly rating: number | null;
  /** Probability of the scale's numbers, 0..1. */
  readonly numbers: number;
  /**
   * `refused`: too much of it is off the numbers; `digits`: the model writes numbers digit by digit, so that the first
   * token says too little.
   */
  readonly fault: 'refused' | 'digits' | null;
}

/** So many different numbers show that a model has no tokens for longer ones, if all of them are single digits. */
const tellingDigits = 3;

/**
 * The mean of the whole numbers that an answer may begin with, from 0 to the maximum, each weighed by its probability:
 *   rating = sum(number * probability) / sum(probability), refused where 1 - sum(probability) > refusalThreshold.
 * Tokens are read as those of a judge (Betley et al. 2025, arXiv 2502.17424); a rating reads the model itself. Some tokenizers have no
 * tokens for numbers above 9: read by its first token 85 would be 8, so that there is no rating on a scale that goes further.
 */
export function rateFirstToken(
  distribution: TokenDistribution,
  { maximum, refusalThreshold }: RatingScale,
): FirstTokenRating {
  const onScale = distribution.filter(([token]) => (tokenScore(token) ?? 0) <= maximum);
  const { score, masses } = scoreDistribution(onScale, 1 - refusalThreshold);
  const numbers = Math.min(1, masses.number);
  if (score === null) return { rating: null, numbers, fault: 'refused' };
  const said = new Set(distribution.map(([token]) => tokenScore(token)).filter((number) => number !== null));
  const areDigits = maximum > 9 && said.size >= tellingDigits && [...said].every((number) => number <= 9);
  return areDigits ? { rating: null, numbers, fault: 'digits' } : { rating: score, numbers, fault: null };
}

/** The mean of several distributions, each of which counts alike: likeliest tokens first, equally likely ones by their text. */
export function averageDistributions(distributions: readonly TokenDistribution[]): TokenDistribution {
  const sums = new Map<string, number>();
  for (const distribution of distributions)
    for (const [token, probability] of distribution) sums.set(token, (sums.get(token) ?? 0) + probability);
  return [...sums]
    .map(([token, sum]) => [token, sum / distributions.length] as const)
    .sort(([token, one], [other, another]) => another - one || (token < other ? -1 : 1));
}
