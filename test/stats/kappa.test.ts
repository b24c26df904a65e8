import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kappa, type KappaWeights } from '../../src/stats/kappa.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

type Table = readonly (readonly number[])[];

const allWeights: readonly KappaWeights[] = ['none', 'linear', 'quadratic'];
const tables = fc
  .integer({ min: 1, max: 5 })
  .chain((size) =>
    fc.array(fc.array(fc.nat(30), { minLength: size, maxLength: size }), { minLength: size, maxLength: size }),
  );
const transpose = (table: Table): Table => table.map((_, row) => table.map((other) => other[row]!));

describe('kappa', () => {
  // Tables of scikit-learn's documentation and of its test_cohen_kappa, which has three or four decimals of
  // cohen_kappa_score(y1, y2, weights=...) for those marked so; the fractions are the formula of the docstring by exact arithmetic
  // (fractions.Fraction of Python), as is the last table, which is published nowhere.
  const documented: Table = [
    [2, 0, 0],
    [0, 1, 0],
    [1, 0, 1],
  ];
  const artsteinTwo: Table = [
    [20, 20],
    [10, 50],
  ];
  const artsteinThree: Table = [
    [46, 0, 0],
    [6, 32, 6],
    [0, 0, 10],
  ];
  const weighted: Table = [
    [46, 0, 0],
    [4, 40, 0],
    [0, 0, 10],
  ];
  const uneven: Table = [
    [5, 2, 1],
    [1, 4, 3],
    [0, 2, 7],
  ];
  it.each<[string, Table, KappaWeights, number]>([
    ['0.6875, documented', documented, 'none', 11 / 16],
    ['0.348, published', artsteinTwo, 'none', 8 / 23],
    ['0.8013, published', artsteinThree, 'none', 121 / 151],
    ['0.9315, published', weighted, 'none', 68 / 73],
    ['0.9412, published', weighted, 'linear', 16 / 17],
    ['0.9541, published', weighted, 'quadratic', 104 / 109],
    ['21/46', uneven, 'none', 21 / 46],
    ['153/278', uneven, 'linear', 153 / 278],
    ['9/14', uneven, 'quadratic', 9 / 14],
  ])('is %s', (_, table, weights, expected) => {
    expect(kappa(table, weights)).toBeCloseTo(expected, 14);
  });

  it('is 1 where raters agree, 0 where they are independent and -1 where they share two categories crosswise', () => {
    for (const weights of allWeights) {
      const agreed = [
        [4, 0],
        [0, 3],
      ];
      const independent = [
        [2, 4],
        [3, 6],
      ];
      const crossed = [
        [0, 5],
        [5, 0],
      ];
      expect([agreed, independent, crossed].map((table) => kappa(table, weights))).toEqual([1, 0, -1]);
    }
  });

  it('has no value without anything that chance could get wrong', () => {
    const oneCategory = [
      [7, 0],
      [0, 0],
    ];
    for (const weights of allWeights) {
      expect(kappa([], weights)).toBeNull();
      expect(kappa([[9]], weights)).toBeNull();
      expect(kappa([[0]], weights)).toBeNull();
      expect(kappa(oneCategory, weights)).toBeNull();
    }
  });

  it('depends on neither the order of the raters, nor the direction of the categories, nor repeats, and is at most 1', () => {
    fc.assert(
      fc.property(tables, fc.constantFrom(...allWeights), (table, weights) => {
        const value = kappa(table, weights);
        const backwards = table.map((row) => [...row].reverse()).reverse();
        const repeated = table.map((row) => row.map((count) => 3 * count));
        for (const other of [transpose(table), backwards, repeated]) {
          const same = kappa(other, weights);
          if (value === null) expect(same).toBeNull();
          else expect(same).toBeCloseTo(value, 10);
        }
        if (value !== null) expect(value <= 1).toBe(true);
      }),
    );
  });

  it('weighs two categories alike, and without weights takes them in any order', () => {
    fc.assert(
      fc.property(fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20), fc.nat(20)), ([a, b, c, d]) => {
        const table = [
          [a, b],
          [c, d],
        ];
        expect(kappa(table, 'linear')).toBe(kappa(table, 'none'));
        expect(kappa(table, 'quadratic')).toBe(kappa(table, 'none'));
      }),
    );
    const swapped = [1, 0, 2].map((row) => [1, 0, 2].map((column) => uneven[row]![column]!));
    expect(kappa(swapped)).toBeCloseTo(21 / 46, 14);
    expect(kappa(swapped, 'linear')).not.toBeCloseTo(153 / 278, 3);
  });

  it.each<[string, Table]>([
    ['not square', [[1, 2]]],
    ['ragged', [[1, 2], [3]]],
    ['negative', [[-1]]],
    ['not whole', [[0.5]]],
    ['not a number', [[NaN]]],
  ])('refuses a table that is %s', async (_, table) => {
    expect((await errorOf(() => kappa(table))).code).toBe('usage-invalid');
  });
});
