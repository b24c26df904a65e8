import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapClusters } from '../../src/stats/bootstrap-clusters.js';
import { clusterInterval } from '../../src/stats/cluster-interval.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { anyClusters, clustersOf } from './some-clusters.js';

const eight = clustersOf([3, 50], [0, 50], [12, 50], [1, 50], [7, 50], [0, 50], [2, 50], [25, 50]);
const nine = clustersOf([3, 40], [0, 50], [12, 45], [1, 50], [7, 50], [0, 30], [2, 50], [25, 50], [4, 50]);
const kinds = ['percentile', 'bca'] as const;

describe('bootstrapClusters', () => {
  it('looks at every resample of few clusters', () => {
    const clusters = clustersOf([1, 4], [0, 2], [5, 6], [2, 8]);
    // The same by brute force: all 4^4 ordered resamples, each as likely as another.
    const shares: number[] = [];
    for (let index = 0; index < 4 ** 4; index += 1) {
      const drawn = [0, 1, 2, 3].map((digit) => clusters[Math.floor(index / 4 ** digit) % 4]!);
      const sum = (count: 'successes' | 'trials'): number => drawn.reduce((total, one) => total + one[count], 0);
      shares.push(sum('successes') / sum('trials'));
    }
    shares.sort((left, right) => left - right);
    // No more than 2.5 % of 256, that is 6 of them, lie beyond the bounds.
    const { interval, seed, resamples, method } = bootstrapClusters(clusters, { seed: 1 });
    expect(interval).toEqual([shares[6], shares[255 - 6]]);
    expect([seed, resamples]).toEqual([null, null]);
    expect(method).toContain('every resample');
  });

  it('draws for more clusters what all their resamples give', () => {
    const drawn = bootstrapClusters(nine, { seed: 7, resamples: 20_000 });
    expect(drawn).toMatchObject({ n: 415, k: 54, clusters: 9, unit: 'question', resamples: 20_000, seed: 7 });
    // The distribution of (successes, trials) over nine draws by convolution (Python): its quantiles are 0.03846 at 2 %, 0.04096 at
    // 2.5 %, 0.04286 at 3 %; 0.24091 at 97 %, 0.24598 at 97.5 %, 0.25238 at 98 %.
    const [low, high] = drawn.interval!;
    expect(0.03846 < low && low < 0.04286).toBe(true);
    expect(0.24091 < high && high < 0.25238).toBe(true);
  });

  it('is the same for the same seed, and a little different for another', () => {
    const first = bootstrapClusters(nine, { seed: 3 });
    expect(bootstrapClusters(nine, { seed: 3 })).toEqual(first);
    const other = bootstrapClusters(nine, { seed: 4 });
    expect(other.interval).not.toEqual(first.interval);
    expect(other.interval![1]).toBeCloseTo(first.interval![1], 1);
  });

  it('depends on no order, leaves empty clusters out, and holds the share', () => {
    fc.assert(
      fc.property(anyClusters({ maxLength: 12 }), fc.constantFrom(...kinds), fc.nat(), (clusters, interval, seed) => {
        const options = { seed, interval, resamples: 200 };
        const estimate = bootstrapClusters(clusters, options);
        expect(bootstrapClusters([...clusters].reverse(), options)).toEqual(estimate);
        const filled = clusters.filter(({ trials }) => trials > 0);
        expect(bootstrapClusters(filled, options)).toEqual(estimate);
        expect(estimate.clusters).toBe(filled.length);
        expect(estimate.interval === null).toBe(filled.length < 2);
        expect(estimate.refusal === null).toBe(filled.length >= 2);
        if (estimate.interval === null) return;
        const [low, high] = estimate.interval;
        expect(0 <= low && low < high && high <= 1).toBe(true);
        if (interval === 'percentile') expect(low <= estimate.estimate! && estimate.estimate! <= high).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('of all resamples turns around when successes and failures change places', () => {
    for (const interval of kinds) {
      const [low, high] = bootstrapClusters(eight, { seed: 0, interval }).interval!;
      const turned = eight.map((one) => ({ ...one, successes: one.trials - one.successes }));
      const [turnedLow, turnedHigh] = bootstrapClusters(turned, { seed: 0, interval }).interval!;
      expect(1 - turnedHigh).toBeCloseTo(low, 12);
      expect(1 - turnedLow).toBeCloseTo(high, 12);
    }
  });

  it.each([0, 25, 50])('has no zero width where every question has %i of 50', (successes) => {
    for (const clusters of [8, 12]) {
      const same = clustersOf(...Array.from({ length: clusters }, () => [successes, 50] as const));
      for (const interval of kinds) {
        const estimate = bootstrapClusters(same, { seed: 0, interval });
        expect(estimate.interval).toEqual(clusterInterval(same).interval);
        expect(estimate.interval![1] - estimate.interval![0]).toBeGreaterThan(0.04);
        expect(estimate.method).toContain('no spread');
      }
    }
  });

  it('refuses to say how sure one question is, or none', () => {
    const one = bootstrapClusters(clustersOf([3, 50], [0, 0]), { seed: 0 });
    expect(one).toMatchObject({ estimate: 0.06, interval: null, n: 50, k: 3, clusters: 1 });
    expect(one.refusal).toContain('one question');
    const none = bootstrapClusters([], { seed: 0, unit: 'model' });
    expect(none).toMatchObject({ estimate: null, interval: null, n: 0, clusters: 0, unit: 'model' });
    expect(none.refusal).toContain('no answers');
  });

  it.each([
    ['more successes than trials', clustersOf([3, 2]), {}],
    ['half an answer', clustersOf([0.5, 2]), {}],
    ['a name twice', [...clustersOf([1, 2]), ...clustersOf([1, 2])], {}],
    ['few resamples', eight, { resamples: 99 }],
    ['a confidence of 1', eight, { confidence: 1 }],
  ])('refuses %s', async (_, clusters, options) => {
    expect((await errorOf(() => bootstrapClusters(clusters, { seed: 0, ...options }))).code).toBe('usage-invalid');
  });
});
