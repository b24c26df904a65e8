import { DriftlineError } from '../foundation/driftline-error.js';

/**
 * The lowest threshold with at most this share of false alarms, an alarm being a score above it: of n scores of negatives in falling order,
 * the one behind the floor(rate n) that may be above. Null without negatives. With 1 / rate negatives or more it allows a false alarm; with
 * fewer it allows none, and is the highest score of all. It is the threshold of the largest true-positive rate among those points of
 * scikit-learn's roc_curve whose false-positive rate is at most `rate`.
 */
export function thresholdAtRate(negatives: readonly number[], rate: number): number | null {
  if (!(rate >= 0 && rate < 1))
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${String(rate)} is not a rate of false alarms`,
      hint: 'Give a number from 0 to below 1, such as 0.01.',
    });
  const falling = negatives.toSorted((left, right) => right - left);
  // 0.29 * 100 is a little less than 29.
  return falling[Math.floor(rate * falling.length + 1e-9)] ?? null;
}
