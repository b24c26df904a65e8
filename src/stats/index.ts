/** `driftline/stats`: how sure a share is, from counts of clustered answers. Pure functions. */

export { DriftlineError, type DriftlineErrorOptions } from '../foundation/driftline-error.js';
export { errorCodes, type ErrorCode } from '../foundation/error-codes.js';

export type { ClusterCounts } from './cluster-counts.js';
export type { Estimate, ResampledUnit } from './estimate.js';

export { wilsonInterval } from './wilson-interval.js';
export { bootstrapClusters, type BootstrapOptions } from './bootstrap-clusters.js';
export type { BootstrapInterval } from './bootstrap-distribution.js';
export { clusterStandardError } from './cluster-standard-error.js';
export { designEffect, type DesignEffect } from './design-effect.js';
export { normalCumulative, normalQuantile } from './normal-distribution.js';

export { confusionCounts } from './confusion-counts.js';
export { kappa, type KappaWeights } from './kappa.js';
export { rankCorrelation } from './rank-correlation.js';
