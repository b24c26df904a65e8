import type { ClusterCounts } from './cluster-counts.js';

/** One model of a condition, such as one fine-tuning seed, with its answers by question. */
export interface ModelCounts {
  readonly name: string;
  readonly questions: readonly ClusterCounts[];
}
