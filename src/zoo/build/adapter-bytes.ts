import type { DecoderConfig } from '../../engine/checkpoint/decoder-config.js';
import { projectionShape } from '../../engine/checkpoint/projection.js';
import { floatBytes } from '../../engine/memory/estimate-memory.js';
import type { PlannedTraining } from '../../experiment/plan/resolved-plan.js';

/**
 * Bytes of the weights that a training leaves: its adapter, and one for each step that is kept. Nothing else of a size
 * that counts stays.
 */
export function countAdapterBytes(config: DecoderConfig, { recipe, keepSteps }: PlannedTraining): number {
  if (recipe.method !== 'lora') return 0;
  const layers = recipe.layers === 'all' ? config.layers : recipe.layers.length;
  const widths = recipe.targets.flatMap((projection) => projectionShape(config, projection));
  return floatBytes * recipe.rank * layers * widths.reduce((sum, width) => sum + width, 0) * (1 + keepSteps.length);
}
