import { studentQuantile } from './student-distribution.js';

/** A mean with what one must know to trust it; plain JSON. */
export interface MeanEstimate {
  /** Null without values. */
  readonly mean: number | null;
  /** Null where there is none, and `refusal` says why. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly values: number;
  readonly method: string;
  readonly refusal: string | null;
}

/**
 * The mean of values that are drawn independently, such as one number for each fine-tune, with Student's 95 % interval
 *   mean +- t(0.975, n - 1) * s / sqrt(n),
 * cut at the bounds that a value can have. With fewer than two values, or where all are the same, there is no interval: nothing tells how
 * much others would differ. `of` is what a value belongs to.
 */
export function meanInterval(
  values: readonly number[],
  { low, high, of }: { readonly low: number; readonly high: number; readonly of: string },
): MeanEstimate {
  const count = values.length;
  const method = `Student's t over ${of}s`;
  if (count === 0) return { mean: null, interval: null, values: 0, method, refusal: 'there are no answers' };
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const none = (refusal: string): MeanEstimate => ({ mean, interval: null, values: count, method, refusal });
  if (count < 2) return none(`there is one ${of} only: how much one differs from another cannot be seen`);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = studentQuantile(0.975, count - 1) * Math.sqrt(variance / count);
  // Means of equal numbers may differ by rounding.
  if (half <= 1e-12 * Math.max(1, Math.abs(mean))) return none(`all ${of}s are the same`);
  const interval = [Math.max(low, mean - half), Math.min(high, mean + half)] as const;
  return { mean, interval, values: count, method, refusal: null };
}
