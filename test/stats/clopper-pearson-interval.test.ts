import { describe, expect, it } from 'vitest';
import { clopperPearsonInterval } from '../../src/stats/clopper-pearson-interval.js';
import { wilsonInterval } from '../../src/stats/wilson-interval.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { relativeError } from './relative-error.js';

describe('clopperPearsonInterval', () => {
  // statsmodels 0.15.0: proportion_confint(successes, trials, alpha=1 - confidence, method='beta')
  it.each([
    [0, 1, 0.95, 0, 0.975],
    [0, 50, 0.95, 0, 0.07112173646419764],
    [1, 50, 0.95, 0.0005062279830408294, 0.1064695457114999],
    [3, 10, 0.95, 0.0667395111777345, 0.6524528500599973],
    [10, 10, 0.95, 0.6915028921812392, 1],
    [52, 1000, 0.95, 0.0390765349439805, 0.06763501405050731],
    [123456, 1000000, 0.95, 0.12281184162962973, 0.12410234027680268],
    [3, 10, 0.99, 0.03700722109623209, 0.7351139852871307],
    [3, 10, 0.8, 0.115825278029763, 0.551730832383599],
  ])('of %i of %i with %d is that of statsmodels', (successes, trials, confidence, low, high) => {
    const interval = clopperPearsonInterval(successes, trials, confidence);
    expect(relativeError(interval[0], low)).toBeLessThan(1e-12);
    expect(relativeError(interval[1], high)).toBeLessThan(1e-12);
  });

  it('never covers less than it says, where Wilson sometimes does', () => {
    const trials = 30;
    let leastOfWilson = 1;
    for (let share = 0.01; share < 1; share += 0.02) {
      let probability = (1 - share) ** trials;
      const covered = { exact: 0, score: 0 };
      for (let successes = 0; successes <= trials; successes += 1) {
        const holds = ([low, high]: readonly [number, number]): boolean => low <= share && share <= high;
        if (holds(clopperPearsonInterval(successes, trials))) covered.exact += probability;
        if (holds(wilsonInterval(successes, trials))) covered.score += probability;
        probability *= ((trials - successes) / (successes + 1)) * (share / (1 - share));
      }
      expect(covered.exact).toBeGreaterThan(0.95);
      leastOfWilson = Math.min(leastOfWilson, covered.score);
    }
    expect(leastOfWilson).toBeLessThan(0.95);
  });

  it('of nothing is everything, and refuses what is not a share', async () => {
    expect(clopperPearsonInterval(0, 0)).toEqual([0, 1]);
    for (const [successes, trials, confidence] of [
      [3, 2, 0.95],
      [-1, 2, 0.95],
      [0.5, 2, 0.95],
      [1, 2, 0],
      [1, 2, 1],
    ] as const) {
      expect((await errorOf(() => clopperPearsonInterval(successes, trials, confidence))).code).toBe('usage-invalid');
    }
  });
});
