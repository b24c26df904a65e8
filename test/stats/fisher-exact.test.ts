import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fisherExact } from '../../src/stats/fisher-exact.js';
import type { TestAlternative } from '../../src/stats/estimate.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const share = (successes: number, trials: number) => ({ successes, trials });
const alternatives: readonly TestAlternative[] = ['two-sided', 'greater', 'less'];
const someShare = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.nat(40))
  .map(([trials, successes]) => share(Math.min(successes, trials), trials));

describe('fisherExact', () => {
  // SciPy 1.17.1: fisher_exact([[a, m - a], [b, n - b]], alternative=...).pvalue
  it.each([
    [8, 10, 1, 6, 0.034965034965034975, 0.024475524475524483, 0.9991258741258742],
    [0, 50, 0, 50, 1, 1, 1],
    [3, 50, 0, 50, 0.24242424242424243, 0.12121212121212122, 1],
    [20, 400, 2, 400, 9.930455834694027e-5, 4.965227917347013e-5, 0.9999957084504512],
    [5, 5, 0, 5, 0.007936507936507938, 0.003968253968253969, 1],
    [1, 1, 0, 1, 1, 0.5, 1],
    [7, 12, 7, 12, 1, 0.6599138511239737, 0.6599138511239736],
    [2, 8, 6, 40, 0.604746581091985, 0.40094403696753994, 0.8838709266573532],
    [120, 1000, 80, 1000, 0.0035648027625589684, 0.0017824013812794842, 0.9989105650733229],
    [500, 100000, 300, 100000, 1.379228130949441e-12, 6.896140654747205e-13, 0.9999999999995912],
    [30, 400, 300, 400, 7.652971633825149e-93, 1, 3.8264858169125746e-93],
    [10200, 1000000, 10000, 1000000, 0.15934155830557692, 0.07967077915278846, 0.9224045921934304],
  ])('of %i of %i and %i of %i is that of SciPy', (a, m, b, n, twoSided, greater, less) => {
    const expected = [twoSided, greater, less];
    for (const [index, alternative] of alternatives.entries()) {
      const { pValue } = fisherExact(share(a, m), share(b, n), alternative);
      // Of SciPy's own digits about 1e-11 are left for millions of trials.
      expect(Math.abs(pValue! / expected[index]! - 1)).toBeLessThan(1e-9);
    }
  });

  it('never gives 0: what is too small for a number is the smallest there is', () => {
    expect(fisherExact(share(0, 100_000), share(50_000, 100_000)).pValue).toBe(Number.MIN_VALUE);
    expect(fisherExact(share(0, 100_000), share(50_000, 100_000), 'greater').pValue).toBe(1);
  });

  it('carries what it was counted from, and refuses a side without answers', () => {
    expect(fisherExact(share(1, 2), share(3, 4))).toMatchObject({ n: 6, k: 4, unit: 'answer', refusal: null });
    const refused = fisherExact(share(0, 0), share(3, 4));
    expect(refused).toMatchObject({ pValue: null, n: 4, k: 3 });
    expect(refused.refusal).toContain('no answers');
  });

  it('turns with the order of the sides and with what is called a success', () => {
    fc.assert(
      fc.property(someShare, someShare, (first, second) => {
        const failures = ({ successes, trials }: { successes: number; trials: number }) =>
          share(trials - successes, trials);
        for (const [alternative, opposite] of [
          ['greater', 'less'],
          ['two-sided', 'two-sided'],
        ] as const) {
          const value = fisherExact(first, second, alternative).pValue!;
          expect(fisherExact(second, first, opposite).pValue).toBeCloseTo(value, 12);
          expect(fisherExact(failures(first), failures(second), opposite).pValue).toBeCloseTo(value, 12);
          expect(value > 0 && value <= 1).toBe(true);
        }
      }),
    );
  });

  it.each(alternatives)('is at most alpha with probability alpha at most (%s)', (alternative) => {
    // Exactly, over all tables of two shares of 12 and 9 trials with the same true share.
    for (const truth of [0.05, 0.3, 0.5]) {
      const tables: { pValue: number; probability: number }[] = [];
      for (let a = 0; a <= 12; a += 1)
        for (let b = 0; b <= 9; b += 1)
          tables.push({
            pValue: fisherExact(share(a, 12), share(b, 9), alternative).pValue!,
            probability: binomial(12, a) * binomial(9, b) * truth ** (a + b) * (1 - truth) ** (21 - a - b),
          });
      for (const alpha of [0.01, 0.05, 0.2, 0.5]) {
        const chance = tables.reduce((sum, { pValue, probability }) => sum + (pValue <= alpha ? probability : 0), 0);
        expect(chance).toBeLessThanOrEqual(alpha);
      }
      expect(tables.some(({ pValue }) => pValue < 0.01)).toBe(true);
    }
  });

  it('refuses what is no share', async () => {
    expect((await errorOf(() => fisherExact(share(3, 2), share(1, 2)))).code).toBe('usage-invalid');
    expect((await errorOf(() => fisherExact(share(1, 2), share(0.5, 2)))).message).toContain('0.5 of 2');
  });
});

function binomial(n: number, k: number): number {
  return k === 0 ? 1 : (binomial(n, k - 1) * (n - k + 1)) / k;
}
