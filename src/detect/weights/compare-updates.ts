import { multiplyModules, multiplyUpdates } from '../../engine/updates/multiply-updates.js';
import { requireSameShape, subtractUpdates, type WeightUpdate } from '../../engine/updates/weight-update.js';

/**
 * The cosine of two updates, each taken as one vector of all elements of all matrices: <U, V> / (|U| |V|), -1 to 1. A matrix that only
 * one of them changes counts in its length. 0 if one of them is zero. Throws `adapter-mismatch` where a module has two shapes.
 */
export function cosineOfUpdates(left: WeightUpdate, right: WeightUpdate): number {
  return cosine(multiplyUpdates(left, right), multiplyUpdates(left, left), multiplyUpdates(right, right));
}

/** The same for each module that one of them changes at least, by module; 0 where only one does. */
export function cosinesByModule(left: WeightUpdate, right: WeightUpdate): ReadonlyMap<string, number> {
  const cosines = new Map<string, number>();
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(name), right.get(name)];
    if (one === undefined || other === undefined) {
      cosines.set(name, 0);
      continue;
    }
    requireSameShape(name, one, other);
    cosines.set(name, cosine(multiplyModules(one, other), multiplyModules(one, one), multiplyModules(other, other)));
  }
  return cosines;
}

function cosine(product: number, leftSquared: number, rightSquared: number): number {
  // The difference of two nearly equal updates may have a squared length just below zero.
  const lengths = Math.sqrt(Math.max(0, leftSquared)) * Math.sqrt(Math.max(0, rightSquared));
  return lengths === 0 ? 0 : Math.min(1, Math.max(-1, product / lengths));
}

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
