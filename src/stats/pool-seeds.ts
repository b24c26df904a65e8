import { type ClusterCounts, tallyClusters } from './share-counts.js';
import { refuseFewClusters } from './cluster-interval.js';
import { confidenceSetting, type Estimate, requireConfidence } from './estimate.js';
import { studentQuantile } from './student-distribution.js';
import { requireSettings } from '../foundation/require-arguments.js';

/** A rate over fine-tuning seeds, with how much they differ. */
export interface PooledSeeds extends Estimate {
  /** Variance between seeds of arcsin sqrt(rate), beyond the sampling variance of so many answers; null where it is not defined. */
  readonly tauSquared: number | null;
  /** Share of tauSquared in the variance between seeds' rates, 0..1; null where it is not defined. */
  readonly iSquared: number | null;
}

/**
 * Random-effects pooling of the rates of models that differ in their fine-tuning seed: what other seeds would give with the same
 * questions. Each model counts by how exactly its rate is known and by how much seeds differ.
 *
 * On Anscombe's scale y = arcsin sqrt((k + 3/8) / (n + 3/4)), whose variance 1 / (4 n + 2) does not depend on the rate,
 * so that models with 0 successes need no other correction: tau^2 by DerSimonian and Laird; mean and standard error
 * with weights 1 / (v + tau^2) by Hartung and Knapp, but not below the one without their factor; Student's t with one
 * degree of freedom less than models; then back, with the harmonic mean of n. With fewer than two models there is no
 * interval. Answers of one model are assumed independent, given the questions. DerSimonian and Laird 1986, Controlled
 * Clinical Trials 7:177; Hartung and Knapp 2001, Statistics in Medicine 20:3875; Anscombe 1948, Biometrika 35:246.
 */
export function poolSeeds(
  models: readonly ClusterCounts[],
  options: { readonly confidence?: number } = {},
): PooledSeeds {
  requireSettings(options, 'options', { confidence: confidenceSetting });
  const { confidence = 0.95 } = options;
  requireConfidence(confidence);
  const tally = tallyClusters(models, 'models');
  const { clusters, n, k } = tally;
  const common = {
    confidence,
    n,
    k,
    clusters,
    unit: 'model',
    method: 'random effects on the arcsine scale, DerSimonian-Laird, Hartung-Knapp',
    resamples: null,
    seed: null,
  } as const;
  const refusal = refuseFewClusters(tally, 'model');
  if (refusal !== null) {
    return { ...common, estimate: n === 0 ? null : k / n, interval: null, tauSquared: null, iSquared: null, refusal };
  }
  const effects = tally.successes.map((count, model) =>
    Math.asin(Math.sqrt((count + 0.375) / (tally.trials[model]! + 0.75))),
  );
  const variances = tally.trials.map((trials) => 1 / (4 * trials + 2));
  const fixed = weigh(effects, variances, 0);
  const squares = variances.reduce((sum, variance) => sum + variance ** -2, 0);
  const excess = fixed.heterogeneity - (clusters - 1);
  const tauSquared = Math.max(0, excess / (fixed.weights - squares / fixed.weights));
  const { mean, weights, heterogeneity } = weigh(effects, variances, tauSquared);
  const error = Math.sqrt(Math.max(1, heterogeneity / (clusters - 1)) / weights);
  const reach = studentQuantile((1 + confidence) / 2, clusters - 1) * error;
  // The 3/8 of the scale must not make successes where there are none.
  const usual = clusters / tally.trials.reduce((sum, trials) => sum + 1 / trials, 0);
  const back = (angle: number): number => {
    const share = Math.sin(Math.min(Math.PI / 2, Math.max(0, angle))) ** 2;
    return Math.min(1, Math.max(0, ((usual + 0.75) * share - 0.375) / usual));
  };
  return {
    ...common,
    estimate: k === 0 || k === n ? k / n : back(mean),
    interval: [k === 0 ? 0 : back(mean - reach), k === n ? 1 : back(mean + reach)],
    tauSquared,
    iSquared: excess <= 0 ? 0 : excess / fixed.heterogeneity,
    refusal: null,
  };
}

function weigh(
  effects: Float64Array,
  variances: Float64Array,
  tauSquared: number,
): { mean: number; weights: number; heterogeneity: number } {
  const weight = variances.map((variance) => 1 / (variance + tauSquared));
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  const weights = sum(weight);
  const mean = sum(weight.map((value, model) => value * effects[model]!)) / weights;
  const heterogeneity = sum(weight.map((value, model) => value * (effects[model]! - mean) ** 2));
  return { mean, weights, heterogeneity };
}
