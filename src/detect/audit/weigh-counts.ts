import { driftEProcess, driftSequence } from '../../stats/drift-sequence.js';
import type { ShareCounts } from '../../stats/share-counts.js';
import { shareSequence } from '../../stats/share-sequence.js';

/** Of all intervals of an audit together, at all looks. */
export const auditConfidence = 0.95;

/** What an audit computes of counts. */
export interface CountWeigher {
  /** Against: no drift. */
  readonly eValue: (tuned: ShareCounts, base: ShareCounts) => number;
  /** Of the drift, for a context with this part of the error and this limit. */
  readonly interval: (
    tuned: ShareCounts,
    base: ShareCounts,
    context: { readonly weight: number; readonly limit: number },
  ) => readonly [low: number, high: number];
  /** The upper end of the share, by which contexts are chosen. */
  readonly highest: (tuned: ShareCounts) => number;
}

export const weighCounts: CountWeigher = {
  eValue: (tuned, base) => driftEProcess(tuned, base, 0),
  interval: (tuned, base, { weight }) => driftSequence(tuned, base, confidenceOf(weight)),
  highest: (tuned) => shareSequence(tuned)[1],
};

/** Of the interval of a context with this part of the error. */
export function confidenceOf(weight: number): number {
  return 1 - (1 - auditConfidence) * weight;
}

/**
 * The same as far as a replay needs it, computed once for equal counts: intervals lie on the same side of the limit as
 * the true ones do, and say no more.
 */
export function weighForReplays(): CountWeigher {
  const { eValue, highest } = weighCounts;
  const eValues = new Map<string, number>();
  const intervals = new Map<string, readonly [number, number]>();
  const ends = new Map<string, number>();
  return {
    eValue: (tuned, base) => remember(eValues, nameCounts(tuned, base), () => eValue(tuned, base)),
    interval: (tuned, base, { weight, limit }) =>
      remember(intervals, [nameCounts(tuned, base), weight, limit].join(' '), () => {
        // The ends of `driftSequence` are the margins with this evidence against them.
        const needed = 2 / (1 - confidenceOf(weight));
        const isAbove = driftEProcess(tuned, base, limit) >= needed;
        const isBelow = driftEProcess(base, tuned, -limit) >= needed;
        return [isAbove ? limit + 1e-9 : -1, isBelow ? limit - 1e-9 : 1];
      }),
    highest: (tuned) => remember(ends, nameCounts(tuned), () => highest(tuned)),
  };
}

function nameCounts(...counts: readonly ShareCounts[]): string {
  return counts.map(({ successes, trials }) => `${String(successes)}/${String(trials)}`).join(' ');
}

function remember<Value>(known: Map<string, Value>, key: string, compute: () => Value): Value {
  const found = known.get(key);
  if (found !== undefined) return found;
  const value = compute();
  known.set(key, value);
  return value;
}
