/** The answers to one question, or of one model, as counts: what is resampled as a whole, because such answers resemble each other. */
export interface ClusterCounts {
  readonly name: string;
  readonly successes: number;
  /** Clusters without trials are left out of everything. */
  readonly trials: number;
}
