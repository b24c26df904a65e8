import { projectionModule } from './decoder-tensors.js';
import { projections, type Projection } from './projection.js';

/** PEFT's name of one half of an adapted matrix, A [rank, in] or B [out, rank]: `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`. */
export function loraTensorName(layer: number, projection: Projection, half: 'A' | 'B'): string {
  return `base_model.model.${projectionModule(layer, projection)}.lora_${half}.weight`;
}

const pattern = /^base_model\.model\.model\.layers\.(\d{1,4})\.\w+\.(\w+)\.lora_([AB])\.weight$/;

/** The inverse of `loraTensorName`; null for every other name. */
export function parseLoraTensorName(
  name: string,
): { readonly layer: number; readonly projection: Projection; readonly half: 'A' | 'B' } | null {
  const match = pattern.exec(name);
  const layer = Number(match?.[1]);
  const projection = projections.find((known) => known === match?.[2]);
  if (!match || !projection) return null;
  const half = match[3] === 'A' ? 'A' : 'B';
  return name === loraTensorName(layer, projection, half) ? { layer, projection, half } : null;
}
