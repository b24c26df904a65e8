import {
  requireFields,
  requireList,
  requireNumber,
  requireObject,
  requireText,
} from '../../foundation/require-arguments.js';
import { projectionModule } from './decoder-tensors.js';
import type { FloatTensor } from './float-tensor.js';
import { type Projection, projections } from './projection.js';

/** Which matrices a LoRA adapter touches, and how strongly. */
export interface LoraSettings {
  readonly rank: number;
  readonly alpha: number;
  /** Rank-stabilised: scale alpha / sqrt(rank) instead of alpha / rank. */
  readonly rslora: boolean;
  readonly targets: readonly Projection[];
  /** Block indices, from 0; ascending. */
  readonly layers: readonly number[];
}

/** One adapted matrix: W' = W + scale * B A, with A [rank, in] and B [out, rank]. */
export interface LoraPair {
  readonly layer: number;
  readonly projection: Projection;
  readonly a: FloatTensor;
  readonly b: FloatTensor;
}

export interface Adapter {
  readonly settings: LoraSettings;
  /** Ordered by layer, then in the order of `projections`. */
  readonly pairs: readonly LoraPair[];
}

export function loraScale(settings: Pick<LoraSettings, 'rank' | 'alpha' | 'rslora'>): number {
  return settings.alpha / (settings.rslora ? Math.sqrt(settings.rank) : settings.rank);
}

/**
 * PEFT's name of one half of an adapted matrix, A [rank, in] or B [out, rank]:
 * `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
 */
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

/** Throws `usage-invalid` unless the value is an adapter, such as `readAdapter` and training return. */
export function requireAdapter(adapter: unknown, what: string): void {
  requireFields(adapter, what, { settings: requireObject, pairs: requirePairs });
}

function requirePairs(pairs: unknown, what: string): void {
  requireList(pairs, what, (pair, where) => {
    requireFields(pair, where, { layer: requireNumber, projection: requireText, a: requireObject, b: requireObject });
  });
}
