import fc from 'fast-check';
import type { ClusterCounts } from '../../src/stats/share-counts.js';

/** Clusters of these counts, `[successes, trials]` each. */
export function clustersOf(...counts: readonly (readonly [successes: number, trials: number])[]): ClusterCounts[] {
  return counts.map(([successes, trials], index) => ({ name: `question ${String(index)}`, successes, trials }));
}

/** Any clusters, those without trials among them. */
export function anyClusters(bounds: { minLength?: number; maxLength: number }): fc.Arbitrary<ClusterCounts[]> {
  const counts = fc
    .tuple(fc.nat(30), fc.nat(30))
    .map(([one, other]) => [Math.min(one, other), Math.max(one, other)] as const);
  return fc.array(counts, bounds).map((all) => clustersOf(...all));
}
