import { bootstrapPaper } from '../stats/bootstrap-models.js';
import { crossedInterval } from '../stats/crossed-interval.js';
import type { Estimate } from '../stats/estimate.js';
import type { ModelCounts } from '../stats/share-counts.js';

/** An interval that says what other fine-tunes would give, or why there is none. */
export interface SeedInterval {
  readonly interval: readonly [low: number, high: number] | null;
  readonly refusal: string | null;
  readonly method: string;
}

/** Of a share over several fine-tunes. */
export interface SeedIntervals {
  /** As the paper has it: models are resampled, questions and answers stay. */
  readonly paper: SeedInterval;
  /** Models and questions are both taken for draws. */
  readonly both: SeedInterval;
}

/** Of the resamples: the same run has the same report. */
const seed = 0;

/** Null with fewer than two fine-tunes: nothing tells how much they differ. */
export function estimateSeedIntervals(models: readonly ModelCounts[]): SeedIntervals | null {
  if (models.length < 2) return null;
  const read = ({ interval, refusal, method, resamples }: Estimate): SeedInterval => ({
    interval,
    refusal,
    method: resamples === null ? method : `${method}, ${String(resamples)} resamples, seed ${String(seed)}`,
  });
  return { paper: read(bootstrapPaper(models, { seed })), both: read(crossedInterval(models)) };
}
