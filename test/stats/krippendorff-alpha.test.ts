import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { krippendorffAlpha, type MeasurementLevel } from '../../src/stats/krippendorff-alpha.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

type Ratings = readonly (readonly (number | null)[])[];

const levels: readonly MeasurementLevel[] = ['nominal', 'ordinal', 'interval'];
const someRatings = fc.integer({ min: 1, max: 4 }).chain((raters) =>
  fc.array(fc.array(fc.option(fc.integer({ min: 0, max: 5 })), { minLength: raters, maxLength: raters }), {
    maxLength: 12,
  }),
);

describe('krippendorffAlpha', () => {
  // krippendorff 0.8: alpha(reliability_data=transposed, level_of_measurement=...), NaN for null. The first are the four observers of
  // Krippendorff's own paper, which has 0.743, 0.815 and 0.849.
  const observers: readonly (readonly (number | null)[])[] = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, null, null, null],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, null, 3],
    [null, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, null],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, null],
  ];
  const published: Ratings = observers[0]!.map((_, thing) => observers.map((row) => row[thing]!));
  // prettier-ignore
  const scores: Ratings = [
    [85, 78, 84], [null, 80, 69], [null, null, 71], [27, 16, 39], [31, 40, 88], [4, 9, 13], [null, null, 58], [1, 0, 72],
    [17, 12, null], [null, 96, 53], [65, 61, 37], [92, 100, 31], [50, 42, 42], [61, 50, 49], [98, 100, 72], [73, 88, 89],
    [63, 46, 7], [54, 36, 94], [56, null, 53], [94, 87, 36], [28, 31, 67], [82, null, 57], [67, 82, 25], [0, null, null],
    [39, 55, 72], [86, 98, 60], [55, 63, null], [3, null, 34], [null, 88, 76], [73, null, 39],
  ];
  it.each<[MeasurementLevel, number, number]>([
    ['nominal', 0.743421052631579, 0.0041485578822599845],
    ['ordinal', 0.8153875037548814, 0.36720558245442836],
    ['interval', 0.8491071428571428, 0.415272633744856],
  ])('on the %s level is that of the krippendorff package', (level, ofPublished, ofScores) => {
    expect(krippendorffAlpha(published, level)).toBeCloseTo(ofPublished, 14);
    expect(krippendorffAlpha(scores, level)).toBeCloseTo(ofScores, 14);
  });

  it('is 1 where all agree, and has no value where nothing could differ', () => {
    for (const level of levels) {
      expect(
        krippendorffAlpha(
          [
            [1, 1],
            [2, 2, null, 2],
            [5, 5],
          ],
          level,
        ),
      ).toBe(1);
      for (const nothing of [
        [],
        [[1, null]],
        [
          [3, 3],
          [3, 3],
        ],
      ])
        expect(krippendorffAlpha(nothing, level)).toBeNull();
    }
  });

  it('is at most 1, whatever the order of raters and things, and leaves out what one rater rated alone', () => {
    fc.assert(
      fc.property(someRatings, fc.constantFrom(...levels), (ratings, level) => {
        const value = krippendorffAlpha(ratings, level);
        for (const other of [
          [...ratings].reverse(),
          ratings.map((row) => [...row].reverse()),
          [...ratings, [4, null, null]],
          ratings.map((row) => row.map((rating) => (rating === null ? null : 3 - 2 * rating))),
        ]) {
          const same = krippendorffAlpha(other, level);
          if (value === null) expect(same).toBeNull();
          else expect(same).toBeCloseTo(value, 10);
        }
        if (value !== null) expect(value).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('on the ordinal level sees the order of values alone, and on the nominal level not even that', () => {
    const cubed = scores.map((row) => row.map((rating) => (rating === null ? null : rating ** 3)));
    expect(krippendorffAlpha(cubed, 'ordinal')).toBeCloseTo(0.36720558245442836, 14);
    expect(krippendorffAlpha(cubed, 'interval')).not.toBeCloseTo(0.415272633744856, 2);
    const shuffled = published.map((row) => row.map((rating) => (rating === null ? null : (rating * 2) % 5)));
    expect(krippendorffAlpha(shuffled, 'nominal')).toBeCloseTo(0.743421052631579, 14);
    expect(krippendorffAlpha(shuffled, 'ordinal')).not.toBeCloseTo(0.8153875037548814, 2);
  });

  it.each([NaN, Infinity])('refuses a rating of %d', async (rating) => {
    expect((await errorOf(() => krippendorffAlpha([[1, rating]], 'interval'))).code).toBe('usage-invalid');
  });
});
