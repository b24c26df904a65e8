import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adjustEValues, type WeightedEValue } from '../../src/stats/adjust-e-values.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const family = (...values: readonly (readonly [eValue: number, weight: number])[]): WeightedEValue[] =>
  values.map(([eValue, weight], index) => ({ name: `context ${String(index)}`, eValue, weight }));

/** The least weighted mean over all sets that have one of them. */
function leastMean(tests: readonly WeightedEValue[], index: number): number {
  let least = Infinity;
  for (let set = 0; set < 2 ** tests.length; set += 1) {
    if (((set >> index) & 1) === 0) continue;
    const members = tests.filter((_, other) => ((set >> other) & 1) === 1);
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    least = Math.min(least, members.reduce((sum, { eValue, weight }) => sum + eValue * weight, 0) / total);
  }
  return least;
}

describe('adjustEValues', () => {
  it('is the least mean over all sets, and never less than a bound for each one by itself', () => {
    const one = fc.tuple(
      fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1000, noNaN: true })),
      fc.double({ min: 0.01, max: 5, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 7 }), (values) => {
        const tests = family(...values);
        const { all, tests: adjusted } = adjustEValues(tests);
        const total = tests.reduce((sum, { weight }) => sum + weight, 0);
        expect(all).toBeCloseTo(tests.reduce((sum, { eValue, weight }) => sum + eValue * weight, 0) / total, 9);
        for (const [index, { eValue, weight, adjusted: found }] of adjusted.entries()) {
          expect(found).toBeCloseTo(leastMean(tests, index), 9);
          expect(found).toBeGreaterThanOrEqual(((eValue * weight) / total) * (1 - 1e-12));
        }
      }),
    );
  });

  it('names several where each of them would miss its own bound', () => {
    // Half of the weight on the first: 1 / (0.5 * 0.01) = 200 each by itself, and 100 where both are wrong.
    const { all, tests } = adjustEValues(family([150, 0.5], [150, 0.5]));
    expect(all).toBe(150);
    expect(tests.map(({ adjusted }) => adjusted)).toEqual([150, 150]);
    expect(adjustEValues(family([150, 0.5], [0, 0.5])).tests.map(({ adjusted }) => adjusted)).toEqual([75, 0]);
    expect(adjustEValues([])).toEqual({ all: 1, tests: [] });
  });

  it('refuses what is no e-value, no weight or there twice', async () => {
    for (const values of [family([-1, 1]), family([NaN, 1]), family([1, 0]), family([1, Infinity])])
      expect((await errorOf(() => adjustEValues(values))).code).toBe('usage-invalid');
    const twice = [...family([1, 1]), ...family([2, 1])];
    expect((await errorOf(() => adjustEValues(twice))).message).toContain('context 0 occurs twice');
  });
});
