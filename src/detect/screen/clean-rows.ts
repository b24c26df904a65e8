import type { TrainingRow } from '../../data/training-set.js';
import type { RankedRow } from './rank-rows.js';

/** What is left of a set, in its order. */
export interface CleanedRows {
  readonly rows: readonly TrainingRow[];
  /** Places of the rows that were left out, in their order. */
  readonly dropped: readonly number[];
}

/**
 * Leaves out the most suspicious rows, so that a share of all is kept, rounded to whole rows. Without a share it leaves
 * out those that are suspicious, or where no base was asked those that repeat others.
 */
export function cleanRows(
  rows: readonly TrainingRow[],
  ranked: readonly RankedRow[],
  keep: number | null,
): CleanedRows {
  const wasAsked = ranked.some(({ signals }) => signals !== null);
  const isLeftOut = ({ isSuspicious, text }: RankedRow): boolean => (wasAsked ? isSuspicious : text.repeats !== null);
  const chosen =
    keep === null ? ranked.filter(isLeftOut) : ranked.slice(0, rows.length - Math.round(keep * rows.length));
  const dropped = new Set(chosen.map(({ place }) => place));
  return {
    rows: rows.filter((_, place) => !dropped.has(place)),
    dropped: [...dropped].sort((left, right) => left - right),
  };
}
