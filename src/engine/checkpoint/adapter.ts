import type { FloatTensor } from './float-tensor.js';
import type { Projection } from './projection.js';

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
