import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { auroc } from '../../src/stats/auroc.js';
import { bootstrapAuroc, type ScoredItemOfKind } from '../../src/stats/bootstrap-auroc.js';
import { normalCumulative } from '../../src/stats/normal-distribution.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const scores = [0.9, 0.8, 0.7, 0.4, 0.6, 0.6, 0.1, 0.3, 0.6, 0.2, 0.5, 0.4, 0.35];
const small: readonly ScoredItemOfKind[] = scores.map((score, index) => ({
  score,
  isPositive: index < 6,
  cluster: 'aabbccabbcddd'[index] ?? '',
}));

describe('bootstrapAuroc', () => {
  it("has scikit-learn's area, and the quantiles of all resamples of kinds", () => {
    // scikit-learn: roc_auc_score of every one of the 4^4 = 256 ordered resamples of the kinds; NumPy: quantile(areas, [.025, .975]).
    const { estimate, interval, unit, clusters, method } = bootstrapAuroc(small, { seed: 1, resamples: 20_000 });
    expect(estimate).toBeCloseTo(0.9166666666666666, 14);
    expect(interval?.[0]).toBeCloseTo(0.75, 6);
    expect(interval?.[1]).toBe(1);
    expect({ unit, clusters, method }).toEqual({
      unit: 'kind',
      clusters: 4,
      method: 'bootstrap of kinds, percentiles',
    });
  });

  it('sees the order of scores alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 8, maxLength: 20 }), (values) => {
        const items = (change: (score: number) => number): ScoredItemOfKind[] =>
          values.map((value, index) => ({
            score: change(value),
            isPositive: index % 2 === 0,
            cluster: String(index % 4),
          }));
        const plain = bootstrapAuroc(
          items((score) => score),
          { seed: 3, resamples: 200 },
        );
        expect(
          bootstrapAuroc(
            items((score) => Math.exp(score / 7) - 5),
            { seed: 3, resamples: 200 },
          ),
        ).toEqual(plain);
        // Turned round, it is the complement.
        const turned = bootstrapAuroc(
          items((score) => -score),
          { seed: 3, resamples: 200 },
        );
        expect(turned.estimate).toBeCloseTo(1 - (plain.estimate ?? 0), 12);
      }),
      { numRuns: 30 },
    );
  });

  it('has a width where all scores separate, and none with one kind or one side', () => {
    const apart = [1, 2, 3, 4].map((score) => ({ score, isPositive: score > 2, cluster: String(score) }));
    const found = bootstrapAuroc(apart, { seed: 0 });
    expect(found.estimate).toBe(1);
    expect(found.interval?.[0]).toBeLessThan(0.9);
    expect(found.method).toContain('no spread');
    const ofOne = bootstrapAuroc(
      apart.map((item) => ({ ...item, cluster: 'a' })),
      { seed: 0 },
    );
    expect(ofOne).toMatchObject({ interval: null, refusal: 'there is one kind only' });
    expect(bootstrapAuroc(apart.slice(0, 2), { seed: 0 })).toMatchObject({ estimate: null, interval: null });
  });

  it('refuses too few resamples', async () => {
    expect((await errorOf(() => bootstrapAuroc(small, { seed: 0, resamples: 10 }))).code).toBe('usage-invalid');
  });

  it('covers the true area nearly as often as it says, where kinds differ', () => {
    // Kinds shift the scores of all of their items, the positives' by 1 more: over kinds, P(positive > negative) is that of N(1, 2 + 2 t).
    const spread = 0.5;
    const truth = normalCumulative(1 / Math.sqrt(2 + 2 * spread ** 2));
    const stream = createRandomStream(11, 'coverage of bootstrapAuroc');
    const experiments = 300;
    let covered = 0;
    for (let experiment = 0; experiment < experiments; experiment += 1) {
      const items: ScoredItemOfKind[] = Array.from({ length: 40 }).flatMap((_, kind) => {
        const shift = spread * stream.normal();
        const isPositive = kind % 2 === 0;
        return Array.from({ length: 4 }, () => ({
          score: (isPositive ? 1 : 0) + shift + stream.normal(),
          isPositive,
          cluster: String(kind),
        }));
      });
      const { interval } = bootstrapAuroc(items, { seed: experiment, resamples: 400 });
      if (interval !== null && interval[0] <= truth && truth <= interval[1]) covered += 1;
    }
    // Percentiles of a bootstrap over 40 kinds are a little too narrow.
    expect(covered / experiments).toBeGreaterThan(0.89);
    expect(covered / experiments).toBeLessThan(0.99);
  });

  it('is wider than an interval that takes items for independent, where kinds stand together', () => {
    const items = Array.from({ length: 60 }, (_, index) => {
      const kind = index % 6;
      return { score: [1, 5, 2, 6, 3, 0][kind] ?? 0, isPositive: kind % 2 === 1, cluster: String(kind) };
    });
    const ofItems = auroc(items.map(({ score, isPositive }) => ({ score, isPositive })));
    const ofKinds = bootstrapAuroc(items, { seed: 0 });
    const width = ({ interval }: { readonly interval: readonly [number, number] | null }) =>
      interval === null ? 0 : interval[1] - interval[0];
    expect(width(ofKinds)).toBeGreaterThan(width(ofItems));
  });
});
