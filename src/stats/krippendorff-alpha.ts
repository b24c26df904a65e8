import { DriftlineError } from '../foundation/driftline-error.js';
import { requireList, requireNumber, requireOneOf } from '../foundation/require-arguments.js';

/** `nominal`: values differ or not; `ordinal`: by the ranks between them; `interval`: by the square of their difference. */
export type MeasurementLevel = 'nominal' | 'ordinal' | 'interval';

/**
 * Krippendorff's alpha of any number of raters, at most 1 and without a unit: `ratings` has one row for each thing
 * rated, one column for each rater, null where a rater did not rate it. Over the things u with m_u ratings, two or
 * more,
 *   alpha = 1 - D_o / D_e, D_o = sum_u sum_{i != j} d(x_i, x_j) / (m_u - 1) / n, D_e = sum_{c, k} n_c n_k d(c, k) / (n (n - 1)),
 * n all their ratings, n_c those of the value c, and d(c, k) 1 for different values (nominal), (c - k)^2 (interval) or
 * (sum_{c <= g <= k} n_g - (n_c + n_k) / 2)^2 (ordinal). 1 is agreement everywhere, 0 what chance would reach. Null if
 * chance leaves no disagreement: all ratings are the same, or no thing has two. Ratings are finite numbers, else
 * `usage-invalid`; for nominal values give each category a number. Krippendorff 2011, "Computing Krippendorff's
 * alpha-reliability", University of Pennsylvania.
 */
export function krippendorffAlpha(
  ratings: readonly (readonly (number | null)[])[],
  level: MeasurementLevel,
): number | null {
  requireList(ratings, 'ratings', (ofThing, what) => {
    requireList(ofThing, what, (rating, where) => {
      if (rating !== null) requireNumber(rating, where);
    });
  });
  requireOneOf(level, ['nominal', 'ordinal', 'interval'], 'level');
  const things = ratings.map(presentRatings).filter(({ length }) => length > 1);
  const values = [...new Set(things.flat())].sort((left, right) => left - right);
  const places = new Map(values.map((value, place) => [value, place]));
  const totals = values.map(() => 0);
  // Counts by value within each thing, so that many ratings with few values stay cheap.
  const coincidences = values.map(() => new Float64Array(values.length));
  for (const thing of things) {
    const counts = new Map<number, number>();
    for (const value of thing) counts.set(places.get(value)!, (counts.get(places.get(value)!) ?? 0) + 1);
    for (const [first, ofFirst] of counts) {
      totals[first]! += ofFirst;
      for (const [second, ofSecond] of counts)
        if (first !== second) coincidences[first]![second]! += (ofFirst * ofSecond) / (thing.length - 1);
    }
  }
  const distance = measureDistances(values, totals, level);
  const n = totals.reduce((sum, count) => sum + count, 0);
  let observed = 0;
  let expected = 0;
  for (const first of values.keys()) {
    for (const second of values.keys()) {
      const between = distance(first, second);
      observed += coincidences[first]![second]! * between;
      expected += totals[first]! * totals[second]! * between;
    }
  }
  return expected === 0 ? null : 1 - (observed * (n - 1)) / expected;
}

function measureDistances(
  values: readonly number[],
  totals: readonly number[],
  level: MeasurementLevel,
): (first: number, second: number) => number {
  if (level === 'nominal') return (first, second) => (first === second ? 0 : 1);
  if (level === 'interval') return (first, second) => (values[first]! - values[second]!) ** 2;
  // The mean rank of each value, up to a constant: the ordinal distance is the square of the difference of two of them.
  let below = 0;
  const middles = totals.map((count) => {
    below += count;
    return below - count / 2;
  });
  return (first, second) => (middles[first]! - middles[second]!) ** 2;
}

function presentRatings(row: readonly (number | null)[]): number[] {
  return row.flatMap((rating) => {
    if (rating === null) return [];
    if (Number.isFinite(rating)) return [rating];
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${String(rating)} is no rating`,
      hint: 'Write null where there is none.',
    });
  });
}
