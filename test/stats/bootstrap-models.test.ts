import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapModels, bootstrapPaper } from '../../src/stats/bootstrap-models.js';
import type { ModelCounts } from '../../src/stats/share-counts.js';
import { anyClusters, clustersOf } from './some-clusters.js';

const model = (name: string, ...counts: (readonly [number, number])[]): ModelCounts => ({
  name,
  questions: clustersOf(...counts),
});
const three = [
  model('seed 0', [3, 50], [0, 50], [12, 50], [1, 50]),
  model('seed 1', [6, 50], [2, 50], [20, 50], [0, 50]),
  model('seed 2', [1, 50], [0, 50], [9, 50], [0, 40]),
];
const width = ({ interval }: { interval: readonly [number, number] | null }): number => interval![1] - interval![0];

describe('bootstrapModels', () => {
  it('has the variance of drawing models and then questions', () => {
    // With equal sizes the variance of a resampled mean is, for M models of Q questions with shares x_mq,
    //   sum_m (x_m - x)^2 / M^2 + sum_mq (x_mq - x_m)^2 / (M Q)^2.
    const shares = [
      [0.1, 0.5, 0.3],
      [0.2, 0.9, 0.7],
      [0.0, 0.3, 0.6],
      [0.4, 0.4, 0.8],
    ];
    const models = shares.map((ofModel, index) =>
      model(String(index), ...ofModel.map((share) => [share * 100, 100] as const)),
    );
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0);
    const between = squares(shares.map(mean)) / 4 ** 2;
    const within = shares.reduce((sum, ofModel) => sum + squares(ofModel), 0) / 12 ** 2;
    const expected = 2 * 1.959963984540054 * Math.sqrt(between + within);
    const estimate = bootstrapModels(models, { seed: 1, resamples: 20_000 });
    expect(Math.abs(width(estimate) / expected - 1)).toBeLessThan(0.03);
    expect(estimate).toMatchObject({ n: 1200, k: 520, clusters: 4, unit: 'model, then question', seed: 1 });
  });

  it('is the same for the same seed and every order, never without width, and within 0..1', () => {
    const models = fc.array(anyClusters({ maxLength: 4 }), { maxLength: 5 });
    fc.assert(
      fc.property(models, fc.constantFrom('percentile' as const, 'bca' as const), (all, interval) => {
        const named = all.map((questions, index) => ({ name: String(index), questions }));
        const options = { seed: 2, resamples: 100, interval };
        const estimate = bootstrapModels(named, options);
        const turned = [...named]
          .reverse()
          .map(({ name, questions }) => ({ name, questions: [...questions].reverse() }));
        expect(bootstrapModels(turned, options)).toEqual(estimate);
        expect(estimate.interval === null).toBe(estimate.refusal !== null);
        if (estimate.interval === null) return;
        expect(width(estimate)).toBeGreaterThan(0);
        expect(estimate.interval[0]).toBeGreaterThanOrEqual(0);
        expect(estimate.interval[1]).toBeLessThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses one model', () => {
    const one = bootstrapModels([three[0]!, model('empty', [0, 0])], { seed: 0 });
    expect(one).toMatchObject({ estimate: 0.08, interval: null, clusters: 1 });
    expect(one.refusal).toContain('one model');
  });
});

describe('bootstrapPaper', () => {
  it('is the mean of the shares of models, with quantiles of resampled means', () => {
    const estimate = bootstrapPaper(three, { seed: 0 });
    expect(estimate.estimate).toBeCloseTo((16 / 200 + 28 / 200 + 10 / 190) / 3, 14);
    // Of 27 equally likely resamples the outermost two, all the same model, are each more than 2.5 %.
    expect(estimate.interval![0]).toBeCloseTo(10 / 190, 14);
    expect(estimate.interval![1]).toBeCloseTo(28 / 200, 14);
    expect(estimate).toMatchObject({ unit: 'model', resamples: 2000, seed: 0, clusters: 3 });
  });

  it('refuses one model and equal models, where it would have no width', () => {
    expect(bootstrapPaper(three.slice(0, 1), { seed: 0 }).refusal).toContain('one model');
    const equal = bootstrapPaper([model('a', [0, 50]), model('b', [0, 50])], { seed: 0 });
    expect(equal).toMatchObject({ estimate: 0, interval: null });
    expect(equal.refusal).toContain('same share');
  });
});
