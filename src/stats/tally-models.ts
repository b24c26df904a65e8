import type { ModelCounts } from './model-counts.js';
import { tallyClusters, type ClusterTally } from './tally-clusters.js';

/** Models as clusters, each with all its answers. */
export function tallyModels(models: readonly ModelCounts[]): ClusterTally {
  const totals = models.map(({ name, questions }) => {
    const { k, n } = tallyClusters(questions);
    return { name, successes: k, trials: n };
  });
  return tallyClusters(totals);
}
