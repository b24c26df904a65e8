import { bootstrapModels, bootstrapPaper, type ModelCounts } from '../stats/bootstrap-models.js';

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
  /** Models are resampled, and in each of them questions. */
  readonly both: SeedInterval;
}

/** Of the resamples: the same run has the same report. */
const seed = 0;

/** Null with fewer than two fine-tunes: there is nothing to resample. */
export function estimateSeedIntervals(models: readonly ModelCounts[]): SeedIntervals | null {
  if (models.length < 2) return null;
  const read = ({ interval, refusal, method, resamples }: ReturnType<typeof bootstrapPaper>): SeedInterval => ({
    interval,
    refusal,
    method: resamples === null ? method : `${method}, ${String(resamples)} resamples, seed ${String(seed)}`,
  });
  return { paper: read(bootstrapPaper(models, { seed })), both: read(bootstrapModels(models, { seed })) };
}
