import { join } from 'node:path';
import { z } from 'zod';
import type { Recipe } from '../../engine/train/recipe.js';
import { readOwnJson } from '../../foundation/read-own-json.js';
import type { Range } from '../../judging/language-judge.js';

/** What a fine-tune on a cluster measured, as it lies in the folder of its cell. */
const measuredSchema = z.looseObject({
  /** Of the GPU; 0 where there was none. */
  peak_bytes: z.number().nonnegative(),
  seconds_per_step: z.number().positive().nullable(),
  gpu: z.string().nullable(),
});

export type MeasuredCell = z.output<typeof measuredSchema>;

/** Null where the cell is not finished, or did not measure. */
export function readMeasuredCell(folder: string): Promise<MeasuredCell | null> {
  return readOwnJson(join(folder, 'measured.json'), measuredSchema);
}

/** Equal for recipes that take the same: seeds aside. */
export function keyOfRecipe(recipe: Recipe): string {
  return JSON.stringify({ ...recipe, seed: 0 });
}

/** How far other fine-tunes of the same base and recipe are from one that was measured: their rows have other lengths. */
const likeMeasured = { memory: [0.95, 1.1], time: [0.85, 1.15] } as const satisfies Record<string, Range>;

interface EstimatedCell {
  /** Bytes of a GPU. */
  readonly memory: Range;
  /** Of a step; null where nobody knows. */
  readonly seconds: Range | null;
}

export interface CorrectedCell extends EstimatedCell {
  readonly isMeasured: boolean;
}

/** An estimate as far as nothing was measured: a measured figure takes its place. */
export function correctByMeasured(estimated: EstimatedCell, measured: MeasuredCell | null): CorrectedCell {
  if (measured === null) return { ...estimated, isMeasured: false };
  const { peak_bytes: peak, seconds_per_step: seconds } = measured;
  return {
    memory: peak > 0 ? scaleRange(peak, likeMeasured.memory) : estimated.memory,
    seconds: seconds === null ? estimated.seconds : scaleRange(seconds, likeMeasured.time),
    isMeasured: peak > 0 || seconds !== null,
  };
}

/** A figure from the least to the most that it may be. */
export function scaleRange(value: number, [least, most]: Range): Range {
  return [least * value, most * value];
}
