import { describe, expect, it } from 'vitest';
import { studentCumulative, studentQuantile } from '../../src/stats/student-distribution.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { relativeError } from './relative-error.js';

describe('studentQuantile', () => {
  // SciPy 1.17.1: stats.t.ppf(p, v)
  it.each([
    [0.975, 1, 12.706204736174694],
    [0.975, 2, 4.302652729749462],
    [0.975, 4, 2.7764451051977934],
    [0.975, 7, 2.364624251592784],
    [0.975, 14, 2.144786687917804],
    [0.975, 47, 2.0117405137297655],
    [0.95, 4.5, 2.065575888878524],
    [0.6, 3, 0.2766706623326898],
    [0.0005, 7, -5.407882520861726],
    [0.995, 1000, 2.580754698065951],
    [0.975, 1e6, 1.959966356814107],
  ])('of %d with %d degrees of freedom is that of SciPy', (probability, degreesOfFreedom, expected) => {
    expect(relativeError(studentQuantile(probability, degreesOfFreedom), expected)).toBeLessThan(1e-12);
  });

  it('is 0 in the middle, and turns around', () => {
    expect(studentQuantile(0.5, 3)).toBe(0);
    expect(studentQuantile(0.25, 3)).toBeCloseTo(-studentQuantile(0.75, 3), 14);
  });
});

describe('studentCumulative', () => {
  // SciPy 1.17.1: stats.t.cdf(t, v)
  it.each([
    [0.3, 1, 0.5927735790777423],
    [-2, 4, 0.05805826175840778],
    [2.5, 7.5, 0.9805898708631873],
    [-4, 30, 0.0001909228180418782],
    [1, 0.7, 0.7248066637400143],
    [1.96, 1e5, 0.9750007184028492],
    [0, 5, 0.5],
    [-Infinity, 5, 0],
  ])('of %d with %d degrees of freedom is that of SciPy', (value, degreesOfFreedom, expected) => {
    expect(relativeError(studentCumulative(value, degreesOfFreedom), expected)).toBeLessThan(1e-12);
  });

  it('refuses what is no number, probability or degree of freedom', async () => {
    const calls = [
      () => studentQuantile(0, 3),
      () => studentQuantile(0.5, 0),
      () => studentCumulative(NaN, 3),
      () => studentCumulative(1, -1),
    ];
    for (const call of calls) expect((await errorOf(call)).code).toBe('usage-invalid');
  });
});
