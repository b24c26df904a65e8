import { projectionBlock, type Projection } from './projection.js';

/** PEFT's name of one half of an adapted matrix: A [rank, in] or B [out, rank]. */
export function loraTensorName(layer: number, projection: Projection, half: 'A' | 'B'): string {
  return `base_model.model.model.layers.${String(layer)}.${projectionBlock(projection)}.${projection}.lora_${half}.weight`;
}
