import type { Recipe } from '../../engine/train/recipe.js';
import { DriftlineError } from '../../foundation/driftline-error.js';

/** A step's rows over GPUs: fewer batches each, or else smaller ones. */
export function divideStep(
  { batch_size: batch, accumulation }: Recipe,
  gpus: number,
): { readonly gpus: number; readonly per_device_rows: number; readonly accumulation: number } {
  if (accumulation % gpus === 0) return { gpus, per_device_rows: batch, accumulation: accumulation / gpus };
  if (batch % gpus === 0) return { gpus, per_device_rows: batch / gpus, accumulation };
  throw new DriftlineError({
    code: 'recipe-invalid',
    message: `${String(gpus)} GPUs cannot share a step of ${String(batch)} rows, ${String(accumulation)} times: neither number divides by ${String(gpus)}`,
    hint: 'Set batch_size or accumulation to a multiple of gpus_per_cell.',
  });
}
