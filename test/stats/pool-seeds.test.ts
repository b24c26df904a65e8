import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { poolSeeds } from '../../src/stats/pool-seeds.js';
import { anyClusters, clustersOf } from './some-clusters.js';

/** Takes Anscombe's 3/8 off again, for the harmonic mean of the numbers of answers. */
function undo(share: number, trials: readonly number[]): number {
  const usual = trials.length / trials.reduce((sum, one) => sum + 1 / one, 0);
  return ((usual + 0.75) * share - 0.375) / usual;
}

describe('poolSeeds', () => {
  it('is that of statsmodels where seeds differ', () => {
    // statsmodels 0.15.0: r = combine_effects(asin(sqrt((k + .375) / (n + .75))), 1 / (4 n + 2), method_re='dl',
    // use_t=True): r.tau2, r.i2, and sin^2 of r.mean_effect_re -+ scipy.stats.t.ppf(0.975, 3) * r.sd_eff_w_re_hksj
    const pooled = poolSeeds(clustersOf([16, 200], [28, 200], [10, 190], [40, 400]));
    expect(pooled.tauSquared).toBeCloseTo(0.002242293225321264, 12);
    expect(pooled.iSquared).toBeCloseTo(0.680582612970559, 12);
    expect(pooled.estimate).toBeCloseTo(undo(0.09273519367874439, [200, 200, 190, 400]), 12);
    expect(pooled.interval![0]).toBeCloseTo(undo(0.0443338134449696, [200, 200, 190, 400]), 12);
    expect(pooled.interval![1]).toBeCloseTo(undo(0.1565093487234581, [200, 200, 190, 400]), 12);
    expect(pooled).toMatchObject({ n: 990, k: 94, clusters: 4, unit: 'model', refusal: null });
  });

  it('is not narrower where seeds happen to agree', () => {
    // Their spread is less than chance would give (statsmodels' tau2 is below 0): tau^2 is 0, and the standard error that of the answers.
    const pooled = poolSeeds(clustersOf([16, 200], [18, 200], [15, 190]));
    expect([pooled.tauSquared, pooled.iSquared]).toEqual([0, 0]);
    const scale = [16, 18, 15].map((k, index) => Math.asin(Math.sqrt((k + 0.375) / ([200, 200, 190][index]! + 0.75))));
    const weights = [802, 802, 762];
    const mean = scale.reduce((sum, angle, index) => sum + angle * weights[index]!, 0) / 2366;
    const reach = 4.302652729749462 / Math.sqrt(2366);
    expect(pooled.interval![0]).toBeCloseTo(undo(Math.sin(mean - reach) ** 2, [200, 200, 190]), 12);
    expect(pooled.interval![1]).toBeCloseTo(undo(Math.sin(mean + reach) ** 2, [200, 200, 190]), 12);
  });

  it('gives the share that all seeds have', () => {
    expect(poolSeeds(clustersOf([1, 5], [1, 5], [1, 5])).estimate).toBeCloseTo(0.2, 12);
    expect(poolSeeds(clustersOf([30, 100], [30, 100])).estimate).toBeCloseTo(0.3, 12);
  });

  it('is honest about seeds without successes, one seed, and none', () => {
    const none = poolSeeds(clustersOf([0, 400], [0, 400], [0, 400]));
    expect(none).toMatchObject({ estimate: 0, tauSquared: 0 });
    expect(none.interval![0]).toBe(0);
    expect(none.interval![1]).toBeGreaterThan(0.003);
    expect(poolSeeds(clustersOf([5, 50])).refusal).toContain('one model');
    expect(poolSeeds([])).toMatchObject({ estimate: null, interval: null, tauSquared: null });
  });

  it('depends on no order, has width, and holds its estimate', () => {
    fc.assert(
      fc.property(anyClusters({ maxLength: 6 }), (models) => {
        const pooled = poolSeeds(models);
        expect(poolSeeds([...models].reverse())).toEqual(pooled);
        if (pooled.interval === null) return;
        const [low, high] = pooled.interval;
        expect(0 <= low && low <= pooled.estimate! && pooled.estimate! <= high && high <= 1).toBe(true);
        expect(high - low).toBeGreaterThan(0.001);
        expect(pooled.iSquared! >= 0 && pooled.iSquared! < 1).toBe(true);
      }),
    );
  });
});
