import { subtractUpdates, type WeightUpdate } from '../../engine/updates/weight-update.js';

/** A fine-tune on bad rows, and its twin on good ones; null where there is none. */
export interface UpdatePair {
  readonly bad: WeightUpdate;
  readonly good: WeightUpdate | null;
}

/**
 * The direction from good rows to bad ones in the space of weights: the sum over pairs of bad - good. What twins have
 * in common, above all what they are about, falls out. Terms are put side by side, and nothing is rounded. Throws
 * `adapter-mismatch` where a module has two shapes. Fierro and Roger, https://arxiv.org/abs/2511.05408.
 */
export function contrastUpdates(pairs: readonly UpdatePair[]): WeightUpdate {
  const nothing: WeightUpdate = new Map();
  return pairs.reduce((sum, { bad, good }) => {
    const contrast = good === null ? bad : subtractUpdates(bad, good);
    return sum.size === 0 ? contrast : subtractUpdates(sum, subtractUpdates(nothing, contrast));
  }, nothing);
}
