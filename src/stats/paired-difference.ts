import { type ClusterCounts, matchQuestions, tallyClusters } from './share-counts.js';
import { refuseFewClusters } from './cluster-interval.js';
import { confidenceSetting, type Estimate, requireConfidence } from './estimate.js';
import { pairedInterval } from './paired-interval.js';
import { permutationPValue } from './permutation-p-value.js';
import { addUpQuestions, flipSigns } from './weigh-questions.js';
import { optionally, requireNumber, requireSettings } from '../foundation/require-arguments.js';

export interface PairedOptions {
  /** Seed of the permutations, if they are drawn. */
  readonly seed: number;
  /** Default 9999; with up to 14 questions all are enumerated instead. */
  readonly permutations?: number;
  /** Confidence of the interval. Default 0.95. */
  readonly confidence?: number;
}

/** The checks of these settings. */
export const pairedSettings = {
  seed: requireNumber,
  permutations: optionally(requireNumber),
  confidence: confidenceSetting,
};

/** A difference of rates between conditions that were asked the same questions. */
export interface PairedDifference extends Estimate {
  /** Rates of the conditions in the order given, over the questions that all have answers to; empty without any. */
  readonly rates: readonly number[];
  /** Two-sided, for the hypothesis of no difference at all; null with fewer than two questions. */
  readonly pValue: number | null;
  /** How the p-value was found. */
  readonly test: string;
  /** Number of permutations drawn; null if all were enumerated, or none. */
  readonly permutations: number | null;
  /** Questions that one of the conditions has no answers to, and that are left out. */
  readonly unmatched: readonly string[];
}

/**
 * The rate of `first` minus that of `second`, over the questions that both have answers to, with an interval that says
 * what other questions of the kind would give, and a p-value.
 *
 * Estimate: sum_q w_q (s_1q / n_1q - s_2q / n_2q) for s of n answers to question q, w_q = v_q / sum v,
 * v_q = n_1q n_2q / (n_1q + n_2q) (Mantel and Haenszel 1959, JNCI 22:719): both sides weigh questions alike. If they
 * have unequal numbers of answers to some, the estimate is not the difference of `rates`.
 *
 * Interval: with e, l, u the rate and `clusterInterval` of each side, and d = e1 - e2,
 *   d - f sqrt((e1 - l1)^2 + (u2 - e2)^2) to d + f sqrt((u1 - e1)^2 + (e2 - l2)^2),
 * shifted to the estimate (MOVER, Zou and Donner 2008, Statistics in Medicine 27:1693). It is as lopsided as rare
 * successes make it. If the same questions stand out on both sides, that is if Pearson's correlation r of the Q
 * questions' residuals is above 0, then f = sqrt(1 - 2 c sqrt(S1 S2) / (S1 + S2)), S the sums of squared residuals and
 * c = max(0, tanh(artanh r - 1 / sqrt(Q - 3))), 0 for Q <= 3; otherwise f = 1, and with r < 0 it is wider, MOVER with r.
 * It is no better than the intervals that it is made of: docs/comparison-coverage.md has its coverage.
 *
 * P-value: if the conditions do not differ, what each question adds to the difference may as well have the other sign.
 * The p-value is the share of patterns of signs whose sum is at least as far from 0. `n` and `k` are sums over both
 * conditions.
 */
export function pairedDifference(
  first: readonly ClusterCounts[],
  second: readonly ClusterCounts[],
  options: PairedOptions,
): PairedDifference {
  requireSettings(options, 'options', pairedSettings);
  const { confidence = 0.95 } = options;
  requireConfidence(confidence);
  const { conditions, unmatched } = matchQuestions([first, second]);
  const tallies = conditions.map((questions) => tallyClusters(questions));
  const [one, other] = [tallies[0]!, tallies[1]!];
  const clusters = one.clusters;
  const rates = clusters === 0 ? [] : [one.k / one.n, other.k / other.n];
  const added = addUpQuestions(conditions, [1, -1]);
  const difference = clusters === 0 ? null : added.reduce((sum, value) => sum + value, 0);
  const common = {
    estimate: difference,
    confidence,
    n: one.n + other.n,
    k: one.k + other.k,
    clusters,
    unit: 'question',
    method: 'paired by question, from the cluster intervals of both (MOVER)',
    resamples: null,
    rates,
    unmatched,
  } as const;
  const refusal = refuseFewClusters(one, 'question');
  if (refusal !== null || difference === null) {
    return { ...common, interval: null, seed: null, pValue: null, test: 'none', permutations: null, refusal };
  }
  const { interval } = pairedInterval(conditions[0]!, conditions[1]!, confidence);
  const { pValue, permutations } = permutationPValue(clusters, flipSigns(added), options);
  const test =
    permutations === null ? 'signs of questions flipped, all patterns' : 'signs of questions flipped, patterns drawn';
  const seed = permutations === null ? null : options.seed;
  return { ...common, interval, seed, pValue, test, permutations, refusal: null };
}
