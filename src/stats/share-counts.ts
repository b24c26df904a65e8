import { DriftlineError } from '../foundation/driftline-error.js';

/** Successes among a number of trials that are taken for independent. */
export interface ShareCounts {
  readonly successes: number;
  readonly trials: number;
}

/** What is not two counts, the first at most the second, is `usage-invalid`. */
export function requireShareCounts({ successes, trials }: ShareCounts): void {
  if (Number.isSafeInteger(successes) && Number.isSafeInteger(trials) && successes >= 0 && successes <= trials) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${String(successes)} of ${String(trials)} is not a share`,
    hint: 'Give two counts, the first of which is not the larger.',
  });
}

/** The answers to one question, or of one model, as counts: what is resampled as a whole, because such answers resemble each other. */
export interface ClusterCounts {
  readonly name: string;
  readonly successes: number;
  /** Clusters without trials are left out of everything. */
  readonly trials: number;
}

/** One model of a condition, such as one fine-tuning seed, with its answers by question. */
export interface ModelCounts {
  readonly name: string;
  readonly questions: readonly ClusterCounts[];
}
