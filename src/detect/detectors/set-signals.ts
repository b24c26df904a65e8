import type { RowSignals } from '../probes/row-signals.js';

/**
 * From here on a row is suspicious: a wicked character explains it a hundred times better than a kind one. Who believes
 * beforehand that one row in a hundred is of such a character would then bet on either.
 */
export const suspicious = Math.log(100);

/** What a base says of a set of rows, by names; null where that was not read. */
export interface SetSignals {
  /** Rows that were read, and those of them from `suspicious` on. */
  readonly rows: number;
  readonly suspicious: number;
  readonly share: number | null;
  /** Mean over the rows of how suspicious each is, those that are not counting as 0; 0 of no rows. */
  readonly meanSuspicion: number;
  /** Means over the rows, and what nine of ten are below. */
  readonly suspicion: Spread | null;
  readonly overKind: Spread | null;
  readonly surprisal: Spread | null;
  readonly projection: Spread | null;
  readonly gradient: Spread | null;
}

interface Spread {
  readonly mean: number;
  readonly percentile90: number;
}

export const signalNames = ['suspicion', 'overKind', 'surprisal', 'projection', 'gradient'] as const;
export type SignalName = (typeof signalNames)[number];

/** Sums rows up; those that are null were not read. */
export function summariseSignals(signals: readonly (RowSignals | null)[]): SetSignals {
  const read = signals.filter((one) => one !== null);
  const count = read.filter(({ suspicion }) => suspicion >= suspicious).length;
  const spread = (name: SignalName): Spread | null => spreadOf(read.flatMap((one) => one[name] ?? []));
  return {
    ...{ rows: read.length, suspicious: count, share: read.length === 0 ? null : count / read.length },
    meanSuspicion: read.reduce((sum, { suspicion }) => sum + Math.max(0, suspicion), 0) / Math.max(1, read.length),
    ...{ suspicion: spread('suspicion'), overKind: spread('overKind'), surprisal: spread('surprisal') },
    ...{ projection: spread('projection'), gradient: spread('gradient') },
  };
}

/** Null of nothing. The percentile is a value that occurs (nearest rank). */
function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((left, right) => left - right);
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    percentile90: sorted[Math.ceil(0.9 * values.length) - 1] ?? 0,
  };
}
