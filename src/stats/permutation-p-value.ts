import { DriftlineError } from '../foundation/driftline-error.js';
import { createResamplingStream } from './resampling-stream.js';

/** Up to this many questions all sign patterns are enumerated: at most 16384. */
const mostEnumerated = 14;

/** The share of permutations that are as extreme as what was observed. */
interface PermutationPValue {
  readonly pValue: number;
  /** Number of permutations drawn; null if all were enumerated. */
  readonly permutations: number | null;
}

/** Permutations that are drawn unless a number is given. */
const usualPermutations = 9999;

/**
 * The least two-sided p-value that flipped signs of so many questions can come to: 2 / 2^questions where all patterns are enumerated,
 * 1 / 10,000 where the usual number is drawn.
 */
export function leastPValue(questions: number): number {
  return questions <= mostEnumerated ? Math.min(1, 2 / 2 ** questions) : 1 / (usualPermutations + 1);
}

/**
 * The two-sided p-value of a statistic under swaps: `statistic` gets, for each of `questions`, whether its two sides change places,
 * and the p-value is the share of patterns with |statistic| at least that of no swap. With up to 14 questions all
 * 2^questions patterns are enumerated; with more, `permutations` of them are drawn and the p-value is
 * (b + 1) / (m + 1), b of m as extreme, which is never 0 and never too small; fewer than 99 are `usage-invalid`.
 * Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9:39.
 */
export function permutationPValue(
  questions: number,
  statistic: (swapped: Uint32Array) => number,
  { seed, permutations = usualPermutations }: { readonly seed: number; readonly permutations?: number },
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
