import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rankCorrelation } from '../../src/stats/rank-correlation.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

type Pairs = readonly (readonly [number, number])[];

const zip = (first: readonly number[], second: readonly number[]): Pairs =>
  first.map((value, index) => [value, second[index]!] as const);
const score = fc.integer({ min: 0, max: 12 });
const somePairs = fc.array(fc.tuple(score, score), { maxLength: 30 });

describe('rankCorrelation', () => {
  it('is that of SciPy with ties', () => {
    // SciPy's documentation: spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]).statistic
    expect(rankCorrelation(zip([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]))).toBeCloseTo(0.8207826816681233, 15);
  });

  it('is what follows by hand', () => {
    // Without ties it is 1 - 6 sum d^2 / (n (n^2 - 1)): d = 1, 1, 1, 1, 0, so 1 - 24/120.
    expect(rankCorrelation(zip([10, 20, 30, 40, 50], [2, 1, 4, 3, 5]))).toBeCloseTo(0.8, 15);
    // Ranks 1.5 1.5 3 4 and 1 2.5 2.5 4, less 2.5: products 1.5, 0, 0, 2.25; squares 4.5 and 4.5.
    expect(rankCorrelation(zip([0, 0, 7, 9], [3, 5, 5, 6]))).toBeCloseTo(3.75 / 4.5, 15);
    // Ranks 2 2 2 4 and 1 2 3 4, less 2.5: products 0.75, 0.25, -0.25, 2.25; squares 3 and 5.
    expect(rankCorrelation(zip([5, 5, 5, 8], [1, 2, 3, 4]))).toBeCloseTo(3 / Math.sqrt(15), 15);
  });

  it('is exactly 1 or -1 for the same or the reverse order, ties included', () => {
    const values = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];
    const alike = zip(
      values,
      values.map((value) => value ** 3),
    );
    const reverse = zip(
      values,
      values.map((value) => -value),
    );
    expect(rankCorrelation(alike)).toBe(1);
    expect(rankCorrelation(reverse)).toBe(-1);
  });

  it('has no value where one side does not vary', () => {
    expect(rankCorrelation([])).toBeNull();
    expect(rankCorrelation([[1, 2]])).toBeNull();
    expect(rankCorrelation(zip([1, 2, 3], [4, 4, 4]))).toBeNull();
    expect(rankCorrelation(zip([4, 4, 4], [1, 2, 3]))).toBeNull();
    // Seven equal tenths do not sum to 0.7: with ranks there is nothing to round.
    expect(rankCorrelation(zip([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], [1, 2, 3, 4, 5, 6, 7]))).toBeNull();
  });

  it('is symmetric, within -1 to 1, and sees the order of values alone', () => {
    fc.assert(
      fc.property(somePairs, (pairs) => {
        const value = rankCorrelation(pairs);
        expect(rankCorrelation(pairs.map(([first, second]) => [second, first] as const))).toBe(value);
        expect(rankCorrelation(pairs.map(([first, second]) => [Math.exp(first), second / 7 - 2] as const))).toBe(value);
        const turned = rankCorrelation(pairs.map(([first, second]) => [first, -second] as const));
        if (value === null) expect(turned).toBeNull();
        else {
          expect(Math.abs(value)).toBeLessThanOrEqual(1);
          expect(turned).toBeCloseTo(-value, 12);
        }
        expect(rankCorrelation([...pairs].reverse()) ?? 2).toBeCloseTo(value ?? 2, 12);
      }),
    );
  });

  it.each([NaN, Infinity, -Infinity])('refuses %d', async (value) => {
    const error = await errorOf(() => rankCorrelation([[1, value]]));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(String(value));
  });
});
