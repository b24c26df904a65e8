import { betaBinomialInterval } from './beta-binomial-interval.js';
import { confidenceSetting, type Estimate, requireConfidence, type ResampledUnit, unitSetting } from './estimate.js';
import { standardErrorOfTally } from './cluster-standard-error.js';
import { normalQuantile } from './normal-distribution.js';
import { type ClusterCounts, type ClusterTally, tallyClusters } from './share-counts.js';
import { studentQuantile } from './student-distribution.js';
import { wilsonBounds } from './wilson-interval.js';
import { requireSettings } from '../foundation/require-arguments.js';

export interface ClusterIntervalOptions {
  /** Default 0.95. */
  readonly confidence?: number;
  /** What the clusters are. Default `question`. */
  readonly unit?: ResampledUnit;
}

/**
 * The share of successes with the interval that driftline recommends for totals over clusters: it says what other questions of
 * the kind (or other models) would give. Its bounds are the outer ones of two intervals.
 *  - Wilson's with n / (d t^2 / z^2) answers, at most n: d the design effect (cluster-robust), t the quantile of Student's
 *    distribution with one degree of freedom less than clusters, z the normal one. It assumes little, but has too little spread
 *    where successes are rare. Korn and Graubard 1998, Survey Methodology 24:193; Dean and Pagano 2015, Journal of Survey Statistics
 *    and Methodology 3:484.
 *  - `betaBinomialInterval`, which knows how lopsided rare successes are, but assumes a beta distribution of questions. Where all
 *    answers are the same it stands alone.
 * In simulations it covered at least 93.5 % with 5 to 48 clusters from beta distributions, rates of 1 to 50 % and correlations up to
 * 0.4. Clusters more unlike than that (a correlation of 0.64 and more, or a few that stand out by far) may have none of the rare kind in
 * the sample: with 8 of them it then covers less, with one of ten at 90 % and the others at 0 less than 60 %.
 * docs/interval-coverage.md shows its coverage by questions and rates. It uses no random numbers. With fewer than two
 * clusters there is no interval.
 */
export function clusterInterval(clusters: readonly ClusterCounts[], options: ClusterIntervalOptions = {}): Estimate {
  requireSettings(options, 'options', { confidence: confidenceSetting, unit: unitSetting });
  const { confidence = 0.95, unit = 'question' } = options;
  requireConfidence(confidence);
  const tally = tallyClusters(clusters);
  const { n, k } = tally;
  const refusal = refuseFewClusters(tally, unit);
  return {
    estimate: n === 0 ? null : k / n,
    interval: refusal === null ? intervalOfTally(tally, confidence) : null,
    confidence,
    n,
    k,
    clusters: tally.clusters,
    unit,
    method:
      k === 0 || k === n
        ? 'beta-binomial likelihood'
        : 'Wilson with n / design effect and Student t, and beta-binomial likelihood: the outer bounds',
    resamples: null,
    seed: null,
    refusal,
  };
}

/** Why clusters are too few for any interval over them, in plain words; null where they are not. */
export function refuseFewClusters(
  { clusters, n }: Pick<ClusterTally, 'clusters' | 'n'>,
  unit: ResampledUnit,
): string | null {
  if (n === 0) return 'there are no answers';
  if (clusters >= 2) return null;
  return `there is one ${unit} only: how much one ${unit} differs from another cannot be seen`;
}

/** The interval alone, of a tally with two clusters or more. */
export function intervalOfTally(tally: ClusterTally, confidence: number): readonly [low: number, high: number] {
  const likely = betaBinomialInterval(tally, normalQuantile((1 + confidence) / 2));
  const robust = effectiveWilsonInterval(tally, confidence);
  return robust === null ? likely : [Math.min(likely[0], robust[0]), Math.max(likely[1], robust[1])];
}

/** The first of the two, Wilson's with effective answers; null if all answers are the same or there are fewer than two clusters. */
export function effectiveWilsonInterval(
  tally: ClusterTally,
  confidence: number,
): readonly [low: number, high: number] | null {
  const { clusters, n, k } = tally;
  const error = standardErrorOfTally(tally);
  if (error === null || k === 0 || k === n) return null;
  const normal = normalQuantile((1 + confidence) / 2);
  const share = k / n;
  const independent = (share * (1 - share)) / n;
  const student = studentQuantile((1 + confidence) / 2, clusters - 1);
  return wilsonBounds(share, n / Math.max(1, (error ** 2 / independent) * (student / normal) ** 2), normal);
}
