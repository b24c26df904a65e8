import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { incompleteBeta, inverseIncompleteBeta } from '../../src/stats/incomplete-beta.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { relativeError } from './relative-error.js';

describe('incompleteBeta', () => {
  // SciPy 1.17.1: special.betainc(a, b, x)
  it.each([
    [0.5, 0.5, 0.5, 0.5],
    [0.1, 2, 3, 0.0523],
    [0.95, 2, 3, 0.99951875],
    [0.001, 0.5, 41, 0.2247819588960574],
    [0.3, 10, 30, 0.7758702508191638],
    [0.02, 1, 50, 0.635830319912883],
    [0.9, 57.3, 4, 0.13481956593258893],
    [0.5004, 1000, 1000, 0.5142681680193457],
    [1e-5, 3, 1e5, 0.08030415619556053],
  ])('of %d with %d and %d is that of SciPy', (value, a, b, expected) => {
    expect(relativeError(incompleteBeta(value, a, b), expected)).toBeLessThan(1e-13);
  });

  it('keeps its digits with parameters of millions', () => {
    // mpmath 1.3, 40 digits: 1 - sum(binomial(n, j) x^j (1-x)^(n-j) for j < a), n = a + b - 1, whose rounded value is on the right
    expect(relativeError(incompleteBeta(0.0005129964973177528, 1000, 2_000_000), 0.7999999999999972)).toBeLessThan(
      1e-12,
    );
    expect(relativeError(incompleteBeta(6.259342736590428e-6, 10, 2_000_000), 0.8000000000000004)).toBeLessThan(1e-13);
  });

  it('is 0 and 1 at the ends, rises, and turns around with its parameters', () => {
    const parameter = fc.double({ min: 0.1, max: 500, noNaN: true });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, share, parameter, parameter, (one, other, a, b) => {
        expect([incompleteBeta(0, a, b), incompleteBeta(1, a, b)]).toEqual([0, 1]);
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        expect(incompleteBeta(low, a, b)).toBeLessThanOrEqual(incompleteBeta(high, a, b) + 1e-12);
        // 1 - one is rounded, which matters by the density there: bounded away from the ends for that.
        if (one > 0.01 && one < 0.99) {
          expect(incompleteBeta(one, a, b) + incompleteBeta(1 - one, b, a)).toBeCloseTo(1, 11);
        }
      }),
    );
  });
});

describe('inverseIncompleteBeta', () => {
  // SciPy 1.17.1: special.betaincinv(a, b, p)
  it.each([
    [0.5, 0.5, 0.5, 0.5],
    [0.025, 1, 50, 0.000506227983040829],
    [0.975, 4, 7, 0.6524528500599973],
    [0.025, 4, 7, 0.12155225811982719],
    [0.3, 10, 3, 0.7186176187960276],
    [1e-6, 2, 5, 0.00025828782935406356],
    [0.999, 0.7, 20, 0.26317359154224673],
    [0.025, 500, 501, 0.46854917297179194],
  ])('of %d with %d and %d is that of SciPy', (probability, a, b, expected) => {
    expect(relativeError(inverseIncompleteBeta(probability, a, b).value, expected)).toBeLessThan(1e-12);
  });

  it('undoes incompleteBeta, on both sides', () => {
    const parameter = fc.double({ min: 0.2, max: 2000, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }), parameter, parameter, (probability, a, b) => {
        const { value, rest } = inverseIncompleteBeta(probability, a, b);
        expect(value + rest).toBeCloseTo(1, 14);
        if (value < 0.5) expect(relativeError(incompleteBeta(value, a, b), probability)).toBeLessThan(1e-11);
        else expect(incompleteBeta(rest, b, a)).toBeCloseTo(1 - probability, 11);
      }),
    );
  });

  it('refuses what has no beta distribution', async () => {
    const calls = [
      () => incompleteBeta(0.5, 0, 1),
      () => incompleteBeta(0.5, 1, Infinity),
      () => incompleteBeta(1.1, 1, 1),
      () => incompleteBeta(NaN, 1, 1),
      () => inverseIncompleteBeta(-0.1, 1, 1),
      () => inverseIncompleteBeta(0.5, NaN, 1),
    ];
    for (const call of calls) expect((await errorOf(call)).code).toBe('usage-invalid');
  });
});
