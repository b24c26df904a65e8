import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulateCoverage } from '../../scripts/simulate-coverage.js';
import { betaBinomialInterval } from '../../src/stats/beta-binomial-interval.js';
import { clusterInterval, effectiveWilsonInterval } from '../../src/stats/cluster-interval.js';
import { tallyClusters } from '../../src/stats/share-counts.js';
import { wilsonInterval } from '../../src/stats/wilson-interval.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { anyClusters, clustersOf } from './some-clusters.js';

const z = 1.959963984540054;
const eight = clustersOf([3, 50], [0, 50], [12, 50], [1, 50], [7, 50], [0, 50], [2, 50], [25, 50]);

describe('betaBinomialInterval', () => {
  // SciPy 1.17.1: scipy.integrate.quad of the product of scipy.special.gammaln terms over r in 13 pieces, the maximum over asin(sqrt(p)) by
  // scipy.optimize.minimize_scalar and the bounds by scipy.optimize.brentq
  it.each([
    ['eight questions', eight, 0.0534260621, 0.3186376252],
    ['no successes', clustersOf(...Array.from({ length: 8 }, () => [0, 50] as const)), 0, 0.0709918573],
    ['unequal sizes', clustersOf([1, 5], [4, 20], [0, 10], [2, 7], [9, 30]), 0.0983011176, 0.4132081655],
  ])('of %s is that of numerical integration', (_, clusters, low, high) => {
    const interval = betaBinomialInterval(tallyClusters(clusters), z);
    expect(Math.abs(interval[0] - low)).toBeLessThan(1e-5);
    expect(Math.abs(interval[1] - high)).toBeLessThan(1e-5);
  });

  it('of single answers is that of a binomial share', () => {
    // Nothing tells how alike they are, and nothing needs to. 2 log(L(p^) / L(p)) = z^2 for 3 of 5 by bisection.
    const [low, high] = betaBinomialInterval(tallyClusters(clustersOf([0, 1], [1, 1], [0, 1], [1, 1], [1, 1])), z);
    for (const share of [low, high]) {
      const fall = 3 * Math.log(0.6 / share) + 2 * Math.log(0.4 / (1 - share));
      expect(2 * fall).toBeCloseTo(z ** 2, 4);
    }
  });
});

describe('clusterInterval', () => {
  it('has the outer bounds of two intervals', () => {
    const tally = tallyClusters(eight);
    const likely = betaBinomialInterval(tally, z);
    const robust = effectiveWilsonInterval(tally, 0.95)!;
    const estimate = clusterInterval(eight);
    expect(estimate.interval![0]).toBeCloseTo(Math.min(likely[0], robust[0]), 12);
    expect(estimate.interval![1]).toBeCloseTo(Math.max(likely[1], robust[1]), 12);
    expect(estimate).toMatchObject({ estimate: 0.125, n: 400, k: 50, clusters: 8, unit: 'question', seed: null });
  });

  it('has as many effective answers as the design effect and few clusters leave', () => {
    // statsmodels 0.15.0: proportion_confint(share * m, m, method='wilson') with m = n / (d t^2 / z^2) = 20.25054...,
    // d = 13.570612244897958 (of the same questions in the test of designEffect's formula), t = scipy.stats.t.ppf(0.975, 7)
    const m = 400 / (13.570612244897958 * (2.364624251592784 / z) ** 2);
    const [low, high] = effectiveWilsonInterval(tallyClusters(eight), 0.95)!;
    for (const bound of [low, high]) expect((bound - 0.125) ** 2).toBeCloseTo((z ** 2 * bound * (1 - bound)) / m, 12);
  });

  it('is honest about nothing at all: 0 of 400 is no more than 7 % of other questions', () => {
    const none = clusterInterval(clustersOf(...Array.from({ length: 8 }, () => [0, 50] as const)));
    expect(none.interval![0]).toBe(0);
    expect(none.interval![1]).toBeCloseTo(0.071, 3);
    expect(none.interval![1]).toBeGreaterThan(wilsonInterval(0, 400)[1]);
    const all = clusterInterval(clustersOf(...Array.from({ length: 8 }, () => [50, 50] as const)));
    expect(all.interval![0]).toBeCloseTo(1 - none.interval![1], 6);
    expect(all.interval![1]).toBe(1);
  });

  it('holds the share, lies within 0..1, has width, and depends on no order', () => {
    fc.assert(
      fc.property(anyClusters({ maxLength: 9 }), fc.constantFrom(0.5, 0.95, 0.99), (clusters, confidence) => {
        const estimate = clusterInterval(clusters, { confidence });
        expect(clusterInterval([...clusters].reverse(), { confidence })).toEqual(estimate);
        expect(estimate.interval === null).toBe(estimate.refusal !== null);
        if (estimate.interval === null) return;
        const [low, high] = estimate.interval;
        expect(0 <= low && low <= estimate.estimate! && estimate.estimate! <= high && high <= 1).toBe(true);
        expect(high - low).toBeGreaterThan(0.01);
        const turned = clusters.map((one) => ({ ...one, successes: one.trials - one.successes }));
        const [turnedLow, turnedHigh] = clusterInterval(turned, { confidence }).interval!;
        expect(1 - turnedHigh).toBeCloseTo(low, 5);
        expect(1 - turnedLow).toBeCloseTo(high, 5);
      }),
      {
        numRuns: 60,
        // A parabola through three points far apart had its top on the middle one by chance, and the search for the peak ended there.
        examples: [[clustersOf([0, 30], [1, 1], [14, 23], [5, 28]), 0.5]],
      },
    );
  });

  it('refuses one question, none, and what is no confidence', async () => {
    expect(clusterInterval(clustersOf([3, 50])).refusal).toContain('one question');
    expect(clusterInterval([], { unit: 'model' })).toMatchObject({ estimate: null, refusal: 'there are no answers' });
    expect((await errorOf(() => clusterInterval(eight, { confidence: 95 }))).code).toBe('usage-invalid');
  });

  // A small part of what `npm run coverage` does, whose page has all of it.
  it.each([
    [{ clusters: 8, answers: 50, unequal: false, rate: 0.05, correlation: 0.25 }, 0.6],
    [{ clusters: 15, answers: 50, unequal: false, rate: 0.2, correlation: 0.25 }, 0.6],
    [{ clusters: 24, answers: 10, unequal: false, rate: 0.5, correlation: 0.1 }, 0.9],
    [{ clusters: 5, answers: 50, unequal: true, rate: 0.2, correlation: 0.4 }, 0.6],
  ])('covers at least 93.5 %% where answers resemble each other, and Wilson does not: %o', (cell, mostOfWilson) => {
    const repeats = 400;
    const error = Math.sqrt((0.95 * 0.05) / repeats);
    const [recommended, wilson] = simulateCoverage(
      cell,
      [
        {
          name: 'clusterInterval',
          repeats,
          interval: (clusters) => clusterInterval(clusters).interval,
          surelyHolds: (clusters, rate) => {
            const inner = effectiveWilsonInterval(tallyClusters(clusters), 0.95);
            return inner !== null && inner[0] <= rate && rate <= inner[1];
          },
        },
        {
          name: 'Wilson',
          repeats,
          interval: (clusters) => {
            const { k, n } = tallyClusters(clusters);
            return wilsonInterval(k, n);
          },
        },
      ],
      repeats,
      1,
    );
    // 93.5 %, less what so few repeats leave open.
    expect(recommended!.covered).toBeGreaterThan(0.935 - 2 * error);
    expect(wilson!.covered).toBeLessThan(mostOfWilson);
  });
});
