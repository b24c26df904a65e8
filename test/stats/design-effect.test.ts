import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterStandardError } from '../../src/stats/cluster-standard-error.js';
import { designEffect } from '../../src/stats/design-effect.js';
import { anyClusters, clustersOf } from './some-clusters.js';

describe('designEffect', () => {
  it('is what follows by hand', () => {
    // p = 1/2; B = 2 (1/4 + 0 + 1/4) / 2 = 1/2, W = 2 * 1/4 / 3 = 1/6, m = 2: correlation (1/3) / (2/3). Standard error
    // sqrt(3/2 (1 + 0 + 1)) / 6 = sqrt(3) / 6, its square 1/12; p (1 - p) / n = 1/24.
    const { intraClassCorrelation, kishDesignEffect, standardError, ...rest } = designEffect(
      clustersOf([0, 2], [1, 2], [2, 2]),
    );
    expect(intraClassCorrelation).toBeCloseTo(1 / 2, 14);
    expect(kishDesignEffect).toBeCloseTo(3 / 2, 14);
    expect(standardError).toBeCloseTo(Math.sqrt(3) / 6, 14);
    expect(rest.designEffect).toBeCloseTo(2, 14);
    expect(rest.effectiveAnswers).toBeCloseTo(3, 14);
    expect(rest).toMatchObject({ clusters: 3, n: 6, k: 3, refusal: null });
  });

  it('is 1, and the correlation 1, at the extremes', () => {
    const whole = designEffect(clustersOf([4, 4], [0, 4], [4, 4], [0, 4]));
    expect(whole.intraClassCorrelation).toBeCloseTo(1, 14);
    expect(whole.kishDesignEffect).toBeCloseTo(4, 14);
    expect(whole.effectiveAnswers).toBeCloseTo(3, 14);
  });

  it('does not count answers as more than they are', () => {
    const alike = designEffect(clustersOf([5, 10], [5, 10], [6, 10]));
    expect(alike.designEffect).toBeLessThan(1);
    expect(alike.intraClassCorrelation).toBeLessThan(0);
    expect(alike.effectiveAnswers).toBe(30);
  });

  it.each([
    ['no answers', clustersOf([0, 0]), 'no answers'],
    ['one cluster', clustersOf([3, 9], [0, 0]), 'one cluster'],
    ['no successes', clustersOf([0, 9], [0, 9]), 'all 18 answers are the same'],
    ['nothing but successes', clustersOf([9, 9], [9, 9]), 'all 18 answers are the same'],
    ['one answer a cluster', clustersOf([1, 1], [0, 1]), 'one answer a cluster'],
    ['the same share everywhere', clustersOf([1, 2], [2, 4]), 'the same share'],
  ])('says why there is none: %s', (_, clusters, reason) => {
    expect(designEffect(clusters).refusal).toContain(reason);
  });

  it('is never NaN, and depends on no order', () => {
    fc.assert(
      fc.property(anyClusters({ maxLength: 10 }), (clusters) => {
        const effect = designEffect(clusters);
        for (const value of Object.values(effect)) expect(value).not.toBeNaN();
        expect(designEffect([...clusters].reverse())).toEqual(effect);
        expect(designEffect([...clusters, { name: 'empty', successes: 0, trials: 0 }])).toEqual(effect);
      }),
    );
  });
});

describe('clusterStandardError', () => {
  it('of single answers is that of their mean', () => {
    // Each answer its own cluster: sqrt(p (1 - p) / (n - 1)), the standard deviation of the mean.
    const clusters = clustersOf([1, 1], [0, 1], [0, 1], [1, 1], [0, 1]);
    expect(clusterStandardError(clusters)).toBeCloseTo(Math.sqrt(0.24 / 4), 14);
  });

  it('is not there for one cluster, and 0 for equal ones', () => {
    expect(clusterStandardError(clustersOf([1, 3]))).toBeNull();
    expect(clusterStandardError([])).toBeNull();
    expect(clusterStandardError(clustersOf([1, 3], [2, 6], [3, 9]))).toBe(0);
  });
});
