import { rankValues } from './rank-values.js';

/**
 * Spearman's rank correlation of pairs of numbers, -1 to 1 without a unit: Pearson's correlation of their ranks,
 *   sum (r_i - m)(s_i - m) / sqrt(sum (r_i - m)^2 sum (s_i - m)^2), m = (n + 1) / 2,
 * where equal values share the mean of the ranks that they take up. It depends on the order of the values alone. Null where one side
 * does not vary, and so of fewer than two pairs. A value that is not finite is `usage-invalid`. Spearman 1904, American Journal of
 * Psychology 15:72.
 */
export function rankCorrelation(pairs: readonly (readonly [first: number, second: number])[]): number | null {
  const first = rankValues(pairs.map(([value]) => value)).centred;
  const second = rankValues(pairs.map(([, value]) => value)).centred;
  const spread = sumOfProducts(first, first) * sumOfProducts(second, second);
  if (spread === 0) return null;
  // Rounding must not leave a correlation just beyond what there is.
  return Math.min(1, Math.max(-1, sumOfProducts(first, second) / Math.sqrt(spread)));
}

function sumOfProducts(left: readonly number[], right: readonly number[]): number {
  return left.reduce((total, value, index) => total + value * right[index]!, 0);
}
