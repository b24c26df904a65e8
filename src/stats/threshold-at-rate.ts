import { DriftlineError } from '../foundation/driftline-error.js';

/**
 * The lowest threshold with at most this share of false alarms, an alarm being a score above it: of n scores of
 * negatives in falling order, the one behind the floor(rate n) that may be above. Null without negatives. With 1 / rate
 * negatives or more it allows a false alarm; with fewer it allows none, and is the highest score of all. It is the
 * threshold of the largest true-positive rate among those points of scikit-learn's roc_curve whose false-positive rate
 * is at most `rate`. That is a share of these negatives; a further one like them is above it with a probability of up
 * to (floor(rate n) + 1) / (n + 1): `conformalThreshold` keeps that within the rate.
 */
export function thresholdAtRate(negatives: readonly number[], rate: number): number | null {
  requireFalseAlarmRate(rate);
  const falling = negatives.toSorted((left, right) => right - left);
  // 0.29 * 100 is a little less than 29.
  return falling[Math.floor(rate * falling.length + 1e-9)] ?? null;
}

/** Throws `usage-invalid` unless the rate is 0 or more and below 1. */
export function requireFalseAlarmRate(rate: number): void {
  if (rate >= 0 && rate < 1) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${String(rate)} is not a rate of false alarms`,
    hint: 'Give a number from 0 to below 1, such as 0.01.',
  });
}
