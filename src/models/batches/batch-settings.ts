import type { Clock } from '../../foundation/clock.js';

/** How far the batches are that somebody waits for. */
export interface BatchProgress {
  readonly host: string;
  /** As the provider spells it. */
  readonly model: string;
  /** Those that are under way. */
  readonly batches: readonly string[];
  /** Requests that have been done, of all that were asked for together. */
  readonly done: number;
  readonly total: number;
}

/** That a model is asked in batches, and what that takes. */
export interface BatchSettings {
  /** Where it is written down which batches there are: whoever is killed finds them again. */
  readonly folder: string;
  readonly clock: Clock;
  readonly onProgress?: (progress: BatchProgress) => void;
  readonly onNotice?: (notice: string) => void;
  /** Of one batch; those of OpenAI if not given. */
  readonly limits?: BatchLimits;
}

export interface BatchLimits {
  readonly requests: number;
  /** Of the file of requests. */
  readonly bytes: number;
}

export const usualBatchLimits: BatchLimits = { requests: 50_000, bytes: 200_000_000 };
