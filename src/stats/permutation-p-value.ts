import { DriftlineError } from '../foundation/driftline-error.js';
import { createResamplingStream } from './resampling-stream.js';

/** All sign patterns of up to so many questions are looked at: 16384 of them. */
const mostEnumerated = 14;

/** How often chance would do as much. */
interface PermutationPValue {
  readonly pValue: number;
  /** Drawn; null where all permutations were looked at. */
  readonly permutations: number | null;
}

/**
 * The two-sided p-value of a statistic under swaps: `statistic` gets, for each of `questions`, whether its two sides change places,
 * and the p-value is the share of patterns with |statistic| at least that of no swap. With up to 14 questions all 2^questions patterns are
 * looked at; with more, `permutations` of them are drawn and the p-value is (b + 1) / (m + 1), b of m as extreme, which is never 0
 * and never too small; fewer than 99 are `usage-invalid`. Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9:39.
 */
export function permutationPValue(
  questions: number,
  statistic: (swapped: Uint32Array) => number,
  { seed, permutations = 9999 }: { readonly seed: number; readonly permutations?: number },
): PermutationPValue {
  const swapped = new Uint32Array(questions);
  // Sums that are equal on paper may differ by rounding.
  const observed = Math.abs(statistic(swapped)) * (1 - 1e-12) - 1e-15;
  let extreme = 0;
  if (questions <= mostEnumerated) {
    const patterns = 2 ** questions;
    for (let pattern = 0; pattern < patterns; pattern += 1) {
      for (let question = 0; question < questions; question += 1) swapped[question] = (pattern >>> question) & 1;
      if (Math.abs(statistic(swapped)) >= observed) extreme += 1;
    }
    return { pValue: extreme / patterns, permutations: null };
  }
  if (!Number.isSafeInteger(permutations) || permutations < 99) {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${String(permutations)} permutations are too few, or not a whole number`,
      hint: 'Draw at least 99; 9999 are usual.',
    });
  }
  const stream = createResamplingStream(seed, 'permutations');
  for (let permutation = 0; permutation < permutations; permutation += 1) {
    stream.fill(swapped, 2);
    if (Math.abs(statistic(swapped)) >= observed) extreme += 1;
  }
  return { pValue: (extreme + 1) / (permutations + 1), permutations };
}
