import { DriftlineError } from '../foundation/driftline-error.js';

/** Ranks of values, and how many share each. */
export interface CentredRanks {
  /** Twice the distance of each rank from the mean rank: whole numbers, of which no rounding makes a variance that is not there. */
  readonly centred: readonly number[];
  /** Sizes of the groups of equal values, from the smallest value on. */
  readonly ties: readonly number[];
}

/** Equal values share the mean of the ranks that they take up. A value that is not finite is `usage-invalid`. */
export function rankValues(values: readonly number[]): CentredRanks {
  for (const value of values) {
    if (Number.isFinite(value)) continue;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${String(value)} has no rank`,
      hint: 'Leave out what has no number.',
    });
  }
  const order = values.map((_, index) => index).sort((left, right) => values[left]! - values[right]!);
  const centred = new Array<number>(values.length).fill(0);
  const ties: number[] = [];
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end += 1;
    // Ranks start + 1 .. end are shared: their mean is (start + 1 + end) / 2.
    for (let place = start; place < end; place += 1) centred[order[place]!] = start + end - values.length;
    ties.push(end - start);
    start = end;
  }
  return { centred, ties };
}
