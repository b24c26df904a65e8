import { requireAlternative, type TestAlternative, type HypothesisTest } from './estimate.js';
import { normalCumulative } from './normal-distribution.js';
import { rankValues } from './rank-correlation.js';
import { requireList, requireNumber } from '../foundation/require-arguments.js';

export interface MannWhitneyTest extends HypothesisTest {
  /** U of the first sample: pairs in which its value is the larger, equal ones counted half. */
  readonly statistic: number;
  /** The effect size, U / (n1 n2): the chance that a value of the first sample exceeds one of the second. Null where one is empty. */
  readonly auroc: number | null;
}

/** With no more values than this in the smaller sample, and no ties, all orders are counted, as SciPy does ... */
const mostExactValues = 8;
/** ... unless there are more pairs than this: then the normal distribution is as good. */
const mostExactPairs = 4000;

/**
 * The Mann-Whitney U test of two samples of independent numbers; `greater` looks for larger values in the first. Small samples without ties
 * are tested exactly, others by the normal distribution with mean n1 n2 / 2, variance n1 n2 / 12 (N + 1 - sum (t^3 - t)
 * / (N (N - 1))), t the sizes of groups of equal values, and continuity correction 1/2. If all values are equal, p is
 * 1. Throws `usage-invalid` for a value that is not finite. Answers to one question are not independent: compare
 * questions by their means. Mann and Whitney 1947, Annals of Mathematical Statistics 18:50.
 */
export function mannWhitney(
  first: readonly number[],
  second: readonly number[],
  alternative: TestAlternative = 'two-sided',
): MannWhitneyTest {
  requireList(first, 'first', requireNumber);
  requireList(second, 'second', requireNumber);
  requireAlternative(alternative);
  const [size, other] = [first.length, second.length];
  const { centred, ties } = rankValues([...first, ...second]);
  const pairs = size * other;
  // Twice the ranks' distances from their mean sum to 2 U - n1 n2.
  const twiceExcess = centred.slice(0, size).reduce((sum, value) => sum + value, 0);
  const statistic = (twiceExcess + pairs) / 2;
  const isExact = ties.length === size + other && Math.min(size, other) <= mostExactValues && pairs <= mostExactPairs;
  const common = {
    alternative,
    n: size + other,
    unit: 'answer',
    method: isExact ? 'Mann-Whitney U, exact' : 'Mann-Whitney U, normal approximation with continuity correction',
    statistic,
  } as const;
  if (pairs === 0) return { ...common, auroc: null, pValue: null, refusal: 'one sample is empty' };
  const auroc = statistic / pairs;
  const atLeast = isExact ? countExactly(size, other) : approximate(size, other, ties);
  const pValue =
    alternative === 'greater'
      ? atLeast(statistic)
      : alternative === 'less'
        ? atLeast(pairs - statistic)
        : Math.min(1, 2 * atLeast(Math.max(statistic, pairs - statistic)));
  return { ...common, auroc, pValue: Math.min(1, Math.max(Number.MIN_VALUE, pValue)), refusal: null };
}

/** P(U >= u) under the null, which is the same for both samples. */
type UpperTail = (u: number) => number;

/**
 * P(U = u) for samples of i and j different values, all orders equally likely: the largest value is in the first sample
 * with probability i / (i + j), and then exceeds j others,
 *   P(i, j, u) = i / (i + j) P(i - 1, j, u - j) + j / (i + j) P(i, j - 1, u).
 */
function countExactly(size: number, other: number): UpperTail {
  const [smaller, larger] = size < other ? [size, other] : [other, size];
  const pairs = smaller * larger;
  // Element [i][u] is P(i, j, u), for one j after the other.
  let ofOthers: Float64Array[] = Array.from({ length: smaller + 1 }, () => Float64Array.of(1));
  for (let others = 1; others <= larger; others += 1) {
    const next: Float64Array[] = [Float64Array.of(1)];
    for (let own = 1; own <= smaller; own += 1) {
      const share = own / (own + others);
      const isFirst = next[own - 1]!;
      const isSecond = ofOthers[own]!;
      const probabilities = new Float64Array(own * others + 1);
      for (const [u, probability] of isSecond.entries()) probabilities[u]! += (1 - share) * probability;
      for (const [u, probability] of isFirst.entries()) probabilities[u + others]! += share * probability;
      next.push(probabilities);
    }
    ofOthers = next;
  }
  const probabilities = ofOthers[smaller]!;
  return (u) => {
    let sum = 0;
    for (let value = pairs; value >= u; value -= 1) sum += probabilities[value]!;
    return sum;
  };
}

function approximate(size: number, other: number, ties: readonly number[]): UpperTail {
  const [pairs, all] = [size * other, size + other];
  const tied = ties.reduce((sum, count) => sum + (count ** 3 - count), 0);
  const deviation = Math.sqrt((pairs / 12) * (all + 1 - tied / (all * (all - 1))));
  if (ties.length === 1) return () => 1;
  return (u) => normalCumulative(-(u - pairs / 2 - 0.5) / deviation);
}
