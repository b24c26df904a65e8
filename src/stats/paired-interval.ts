import { type ClusterCounts, tallyClusters } from './share-counts.js';
import { intervalOfTally } from './cluster-interval.js';
import { addUpQuestions } from './weigh-questions.js';

/** A number with bounds. */
interface Bounded {
  readonly estimate: number;
  readonly interval: readonly [low: number, high: number];
}

/**
 * The difference of two rates over the same questions (at least two, in the same order), weighed as `weighQuestions`
 * does: sum_q w_q (s_1q / n_1q - s_2q / n_2q) with w_q = v_q / sum v, v_q = n_1q n_2q / (n_1q + n_2q). The interval is
 * `combineIntervals` of the two `clusterInterval`s and of their `residualShares`, shifted to this difference.
 */
export function pairedInterval(
  first: readonly ClusterCounts[],
  second: readonly ClusterCounts[],
  confidence: number,
): Bounded {
  const bound = (questions: readonly ClusterCounts[]): Bounded => {
    const tally = tallyClusters(questions);
    return { estimate: tally.k / tally.n, interval: intervalOfTally(tally, confidence) };
  };
  const [one, other] = [bound(first), bound(second)];
  const [low, high] = combineIntervals(one, other, residualShares(first), residualShares(second));
  const estimate = addUpQuestions([first, second], [1, -1]).reduce((sum, value) => sum + value, 0);
  const shift = estimate - (one.estimate - other.estimate);
  return { estimate, interval: [Math.max(-1, low + shift), Math.min(1, high + shift)] };
}

/**
 * The interval of the difference of two estimates over the same questions, from their intervals and the residuals of
 * the questions, whose means are 0. With independent parts it is `moverInterval` with correlation 0. Correlation
 * changes it as follows, r being Pearson's of the residuals and S the sums of their squares:
 *  - r < 0 widens it: `moverInterval` with r.
 *  - r > 0 scales both reaches by the standard error of the paired difference over that of an unpaired one,
 *      sqrt(1 - 2 c sqrt(S1 S2) / (S1 + S2)), c = max(0, tanh(artanh r - 1 / sqrt(Q - 3))), 0 for Q <= 3 questions:
 *    r less one standard error of Fisher's z, because few questions show little of it.
 * For symmetric intervals that is MOVER with c. For lopsided ones, MOVER with r > 0 subtracts the far reach of one side
 * from the near reach of the other, as if they belonged to the same questions: it is too narrow, by much. Scaling
 * subtracts nothing, and does not jump where one side has its first success. Coverage: docs/comparison-coverage.md.
 */
export function combineIntervals(
  first: Bounded,
  second: Bounded,
  firstResiduals: Float64Array,
  secondResiduals: Float64Array,
): readonly [low: number, high: number] {
  const correlation = correlate(firstResiduals, secondResiduals);
  if (correlation <= 0) return moverInterval(first, second, correlation);
  const [low, high] = moverInterval(first, second, 0);
  const [ofFirst, ofSecond] = [
    sumProducts(firstResiduals, firstResiduals),
    sumProducts(secondResiduals, secondResiduals),
  ];
  const trusted = lowerCorrelation(correlation, firstResiduals.length);
  const scale = Math.sqrt(1 - (2 * trusted * Math.sqrt(ofFirst * ofSecond)) / (ofFirst + ofSecond));
  const difference = first.estimate - second.estimate;
  return [difference - scale * (difference - low), difference + scale * (high - difference)];
}

/** A positive correlation less one standard error of Fisher's z, at least 0. Fisher 1921, Metron 1:3. */
function lowerCorrelation(correlation: number, questions: number): number {
  if (questions <= 3) return 0;
  return Math.max(0, Math.tanh(Math.atanh(correlation) - 1 / Math.sqrt(questions - 3)));
}

/**
 * The interval of a difference of two estimates e with bounds l, u and correlation r:
 *   low = d - sqrt((e1 - l1)^2 - 2 r (e1 - l1) (u2 - e2) + (u2 - e2)^2), d = e1 - e2,
 *   high = d + sqrt((u1 - e1)^2 - 2 r (u1 - e1) (e2 - l2) + (e2 - l2)^2).
 * It is as lopsided as its parts. Not for r > 0 where they are lopsided: see `combineIntervals`. Zou and Donner 2008,
 * Statistics in Medicine 27:1693 (MOVER).
 */
export function moverInterval(
  first: Bounded,
  second: Bounded,
  correlation: number,
): readonly [low: number, high: number] {
  const difference = first.estimate - second.estimate;
  const reach = (side: number, opposite: number): number =>
    Math.sqrt(Math.max(0, side ** 2 - 2 * correlation * side * opposite + opposite ** 2));
  return [
    difference - reach(first.estimate - first.interval[0], second.interval[1] - second.estimate),
    difference + reach(first.interval[1] - first.estimate, second.estimate - second.interval[0]),
  ];
}

/** The residual of each question: its successes beyond the overall rate, as a share of all trials. */
export function residualShares(questions: readonly ClusterCounts[]): Float64Array {
  const { k, n } = tallyClusters(questions);
  return Float64Array.from(questions, ({ successes, trials }) => (successes - (k / n) * trials) / n);
}

/** Pearson's correlation of values whose means are 0, within +-0.99; 0 if one side does not vary. */
function correlate(first: Float64Array, second: Float64Array): number {
  const squares = sumProducts(first, first) * sumProducts(second, second);
  // Shares below 1e-9 are only what rounding leaves of 0.
  if (squares < 1e-36) return 0;
  return Math.min(0.99, Math.max(-0.99, sumProducts(first, second) / Math.sqrt(squares)));
}

function sumProducts(left: Float64Array, right: Float64Array): number {
  return left.reduce((sum, value, index) => sum + value * right[index]!, 0);
}
