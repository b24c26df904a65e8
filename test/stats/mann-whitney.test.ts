import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import type { TestAlternative } from '../../src/stats/estimate.js';
import { mannWhitney } from '../../src/stats/mann-whitney.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const alternatives: readonly TestAlternative[] = ['two-sided', 'greater', 'less'];
const range = (start: number, end: number, step = 1): number[] =>
  Array.from({ length: Math.ceil((end - start) / step) }, (_, index) => start + index * step);
const someScores = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 20 });

describe('mannWhitney', () => {
  // SciPy 1.17.1: mannwhitneyu(first, second, alternative=...).pvalue with its default method, and .statistic
  it.each<[readonly number[], readonly number[], number, readonly [number, number, number], 'exact' | 'approximation']>(
    [
      [[1.1, 2.2, 3.3, 4.4], [0.5, 0.7, 5.1], 8, [0.6285714285714286, 0.3142857142857143, 0.8], 'exact'],
      [
        [19, 22, 16, 29, 24],
        [20, 11, 17, 12],
        17,
        [0.1111111111111111, 0.05555555555555555, 0.9682539682539683],
        'exact',
      ],
      [[0.1, 0.2, 0.3], [1, 2, 3, 4, 5], 0, [0.03571428571428571, 1, 0.017857142857142856], 'exact'],
      [[1.5, 2.5, 9.5], range(0, 300), 15, [7.580789321369046e-5, 0.9999679777002805, 3.790394660684523e-5], 'exact'],
      [
        [1, 2, 2, 3, 5],
        [2, 4, 4, 6, 7, 8],
        5,
        [0.07934368319771502, 0.9737610105144929, 0.03967184159885751],
        'approximation',
      ],
      [
        range(1, 31, 3),
        [2, 6, 10, 14, 18, 22, 26, 30, 34, 38],
        36,
        [0.3071254747827329, 0.8636622624037424, 0.15356273739136644],
        'approximation',
      ],
      [
        [80, 90, 95, 10, 10],
        [10, 10, 10, 10, 30],
        19,
        [0.15793931050013044, 0.07896965525006522, 0.9502595596218177],
        'approximation',
      ],
    ],
  )('of %j and others is that of SciPy', (first, second, statistic, expected, how) => {
    for (const [index, alternative] of alternatives.entries()) {
      const test = mannWhitney(first, second, alternative);
      expect(test.pValue).toBeCloseTo(expected[index]!, 12);
      expect(test.statistic).toBe(statistic);
      expect(test.auroc).toBeCloseTo(statistic / (first.length * second.length), 15);
      expect(test.method).toContain(how);
    }
  });

  it('finds nothing where all values are equal, or one sample is empty', () => {
    expect(mannWhitney([7, 7, 7], [7, 7])).toMatchObject({ pValue: 1, auroc: 0.5, n: 5 });
    const refused = mannWhitney([], [1, 2]);
    expect(refused).toMatchObject({ pValue: null, auroc: null });
    expect(refused.refusal).toContain('empty');
  });

  it('counts pairs, turns with the order of the samples, and sees the order of values alone', () => {
    fc.assert(
      fc.property(someScores, someScores, (first, second) => {
        let pairs = 0;
        for (const one of first) for (const other of second) pairs += one > other ? 1 : one === other ? 0.5 : 0;
        const test = mannWhitney(first, second);
        expect(test.statistic).toBe(pairs);
        expect(mannWhitney(second, first).pValue).toBeCloseTo(test.pValue!, 12);
        expect(mannWhitney(second, first, 'less').pValue).toBeCloseTo(
          mannWhitney(first, second, 'greater').pValue!,
          12,
        );
        const warp = (values: readonly number[]) => values.map((value) => Math.exp(value / 3) - 5);
        expect(mannWhitney(warp(first), warp(second)).pValue).toBe(test.pValue);
      }),
    );
  });

  it.each([
    [5, 7],
    [20, 30],
  ])('has p-values at most alpha with probability alpha at most, and hardly less, for %i and %i values', (m, n) => {
    const random = createRandomStream(0, 'mann-whitney', m);
    const repeats = 4000;
    const pValues = range(0, repeats).map(
      () => mannWhitney(range(0, m).map(random.uniform), range(0, n).map(random.uniform)).pValue!,
    );
    for (const alpha of [0.05, 0.2, 0.5]) {
      const share = pValues.filter((pValue) => pValue <= alpha).length / repeats;
      expect(share).toBeLessThan(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / repeats));
      expect(share).toBeGreaterThan(0.7 * alpha);
    }
  });

  it('refuses what has no rank', async () => {
    expect((await errorOf(() => mannWhitney([1, NaN], [2]))).code).toBe('usage-invalid');
  });
});
