import { driftEProcess, driftSequence } from '../../stats/drift-sequence.js';
import type { ShareCounts } from '../../stats/share-counts.js';
import { shareSequence } from '../../stats/share-sequence.js';

/** Of all intervals of an audit together, at all looks. */
export const auditConfidence = 0.95;

/** What an audit computes of counts. */
export interface CountWeigher {
  /** Against: no drift. */
  readonly eValue: (tuned: ShareCounts, base: ShareCounts) => number;
  /** Of the drift, for a context with this part of the error. */
  readonly interval: (tuned: ShareCounts, base: ShareCounts, weight: number) => readonly [low: number, high: number];
  /** The upper end of the share, by which contexts are chosen. */
  readonly highest: (tuned: ShareCounts) => number;
}

export const weighCounts: CountWeigher = {
  eValue: (tuned, base) => driftEProcess(tuned, base, 0),
  interval: (tuned, base, weight) => driftSequence(tuned, base, confidenceOf(weight)),
  highest: (tuned) => shareSequence(tuned)[1],
};

/** Of the interval of a context with this part of the error. */
export function confidenceOf(weight: number): number {
  return 1 - (1 - auditConfidence) * weight;
}

/** The same, computed once for equal counts: who replays an audit comes to the same counts again and again. */
export function rememberWeights({ eValue, interval, highest }: CountWeigher = weighCounts): CountWeigher {
  const eValues = new Map<string, number>();
  const intervals = new Map<string, readonly [number, number]>();
  const ends = new Map<string, number>();
  return {
    eValue: (tuned, base) => remember(eValues, nameCounts(tuned, base), () => eValue(tuned, base)),
    interval: (tuned, base, weight) =>
      remember(intervals, `${nameCounts(tuned, base)} ${String(weight)}`, () => interval(tuned, base, weight)),
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
