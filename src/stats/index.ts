/** `driftline/stats`: how sure a share is, from counts of clustered answers. Pure functions. */

export { DriftlineError, type DriftlineErrorOptions } from '../foundation/driftline-error.js';
export { errorCodes, type ErrorCode } from '../foundation/error-codes.js';

export type { ClusterCounts, ModelCounts, ShareCounts } from './share-counts.js';
export type { Estimate, ResampledUnit } from './estimate.js';

export { wilsonInterval } from './wilson-interval.js';
export { clopperPearsonInterval } from './clopper-pearson-interval.js';
export { bootstrapClusters, type BootstrapOptions } from './bootstrap-clusters.js';
export type { BootstrapInterval } from './bootstrap-distribution.js';
export { bootstrapModels, bootstrapPaper } from './bootstrap-models.js';
export { crossedInterval } from './crossed-interval.js';
export { clusterInterval, type ClusterIntervalOptions } from './cluster-interval.js';
export { clusterStandardError } from './cluster-standard-error.js';
export { designEffect, type DesignEffect } from './design-effect.js';
export { pairedDifference, type PairedDifference, type PairedOptions } from './paired-difference.js';
export { differenceInDifferences, type FourConditions } from './difference-in-differences.js';
export { poolSeeds, type PooledSeeds } from './pool-seeds.js';

export { incompleteBeta, inverseIncompleteBeta } from './incomplete-beta.js';
export { normalCumulative, normalQuantile } from './normal-distribution.js';
export { studentCumulative, studentQuantile } from './student-distribution.js';

export type { TestAlternative as Alternative, HypothesisTest } from './estimate.js';
export { fisherExact, type FisherExactTest } from './fisher-exact.js';
export { mantelHaenszelTest } from './mantel-haenszel-test.js';
export { newcombeInterval } from './newcombe-interval.js';
export { mannWhitney, type MannWhitneyTest } from './mann-whitney.js';
export { auroc, type AurocOptions, type ScoredItem } from './auroc.js';
export {
  nonInferiorityOfAnswers,
  nonInferiorityOfQuestions,
  type NonInferiority,
  type NonInferiorityOptions,
  type QuestionNonInferiorityOptions,
} from './non-inferiority.js';
export {
  pairedPower,
  pairedPowerNeeds,
  type PairedDesign,
  type Power,
  type PowerNeeds,
  type PowerScope,
} from './paired-power.js';
export { simulatePairedPower, type SimulatedPower, type SimulationOptions } from './simulate-paired-power.js';
export { shareSequence } from './share-sequence.js';
export { eValueOfQuestions, eValueOfTheseQuestions } from './difference-e-value.js';
export { driftEProcess, driftSequence } from './drift-sequence.js';
export { adjustEValues, type AdjustedEValues, type WeightedEValue } from './adjust-e-values.js';
export { conformalPValue, conformalThreshold } from './conformal-p-value.js';
export { eLondLevel } from './e-lond.js';
export { adjustPValues, type AdjustedFamily, type NamedPValue, type PValueAdjustment } from './adjust-p-values.js';

export { confusionCounts } from './confusion-counts.js';
export { kappa, type KappaWeights } from './kappa.js';
export { rankCorrelation } from './rank-correlation.js';
export { krippendorffAlpha, type MeasurementLevel } from './krippendorff-alpha.js';
