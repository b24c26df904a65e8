import { DriftlineError } from '../foundation/driftline-error.js';
import type { ClusterCounts, ModelCounts } from './share-counts.js';

/** Clusters that have trials, as columns of counts, in an order that depends on the counts alone. */
export interface ClusterTally {
  readonly clusters: number;
  readonly successes: Float64Array;
  readonly trials: Float64Array;
  /** Sum of successes. */
  readonly k: number;
  /** Sum of trials. */
  readonly n: number;
}

/**
 * Counts of clusters as columns, sorted by trials and successes, so that whatever follows, random draws included, is the same for
 * every order in which clusters are given. What is not a pair of counts, and a name that occurs twice, is `usage-invalid`.
 */
export function tallyClusters(clusters: readonly ClusterCounts[]): ClusterTally {
  const names = new Set<string>();
  for (const { name, successes, trials } of clusters) {
    if (!Number.isSafeInteger(successes) || !Number.isSafeInteger(trials) || successes < 0 || successes > trials) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${name}: ${String(successes)} of ${String(trials)} is not a share`,
        hint: 'Give two counts, the first of which is not the larger.',
      });
    }
    if (names.has(name)) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `the cluster ${name} is listed twice`,
        hint: 'Add up what belongs to one question or model, or give different ones different names.',
      });
    }
    names.add(name);
  }
  const sorted = clusters
    .filter(({ trials }) => trials > 0)
    .sort((left, right) => left.trials - right.trials || left.successes - right.successes);
  const successes = Float64Array.from(sorted, (cluster) => cluster.successes);
  const trials = Float64Array.from(sorted, (cluster) => cluster.trials);
  const sum = (counts: Float64Array): number => counts.reduce((total, count) => total + count, 0);
  return { clusters: sorted.length, successes, trials, k: sum(successes), n: sum(trials) };
}

/** Models as clusters, each with all its answers. */
export function tallyModels(models: readonly ModelCounts[]): ClusterTally {
  const totals = models.map(({ name, questions }) => {
    const { k, n } = tallyClusters(questions);
    return { name, successes: k, trials: n };
  });
  return tallyClusters(totals);
}
