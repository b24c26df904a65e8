import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fitLogistic,
  fitLogisticMany,
  predictLogistic,
  predictLogisticMany,
  scoreForecasts,
} from '../../src/stats/fit-logistic.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const scores = [0.9, 0.8, 0.7, 0.4, 0.6, 0.6, 0.1, 0.3, 0.6, 0.2, 0.5, 0.4, 0.35];
const items = scores.map((score, index) => ({ score, isPositive: index < 6 }));

describe('fitLogistic', () => {
  it("is scikit-learn's fit to Platt's targets", () => {
    // x = (s - s.mean()) / s.std(); t = where(y, 7 / 8, 1 / 9); LogisticRegression(C=inf, tol=1e-12).fit(each x twice, [1] * 13 + [0] * 13,
    // sample_weight=[t, 1 - t])
    const fit = fitLogistic(items);
    expect(fit?.intercept).toBeCloseTo(-0.20127148, 6);
    expect(fit?.slope).toBeCloseTo(1.41842084, 6);
    expect(fit?.centre).toBeCloseTo(0.49615384615384617, 12);
    expect(fit?.scale).toBeCloseTo(0.22400338120863134, 12);
  });

  it('gives the same chances whatever the unit of the scores', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 1000, noNaN: true }),
        fc.double({ min: -100, max: 100, noNaN: true }),
        (factor, shift) => {
          const moved = items.map(({ score, isPositive }) => ({ score: factor * score + shift, isPositive }));
          const [plain, other] = [fitLogistic(items), fitLogistic(moved)];
          if (plain === null || other === null) throw new Error('there is no fit');
          for (const [index, { score }] of items.entries())
            expect(predictLogistic(other, moved[index]?.score ?? 0)).toBeCloseTo(predictLogistic(plain, score), 6);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('stays finite where scores separate without exception', () => {
    const fit = fitLogistic([1, 2, 3, 4].map((score) => ({ score, isPositive: score > 2 })));
    if (fit === null) throw new Error('there is no fit');
    expect(fit.slope).toBeGreaterThan(0);
    expect(fit.slope).toBeLessThan(10);
    expect(predictLogistic(fit, 4)).toBeGreaterThan(0.7);
    expect(predictLogistic(fit, 4)).toBeLessThan(1);
  });

  it('is nothing where there is nothing to fit', () => {
    expect(fitLogistic([])).toBeNull();
    expect(fitLogistic(items.slice(0, 6))).toBeNull();
    expect(fitLogistic(items.map(({ isPositive }) => ({ score: 1, isPositive })))).toBeNull();
  });
});

describe('fitLogisticMany', () => {
  const others = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9];
  const rows = items.map(({ score, isPositive }, index) => ({ features: [score, others[index]!], isPositive }));

  it.each([
    // X = np.c_[scores, others]; X = (X - X.mean(0)) / X.std(0); t as above; LogisticRegression(C=1 / ridge, tol=1e-14,
    // solver='newton-cholesky').fit(each row twice, [1] * 13 + [0] * 13, sample_weight=[t, 1 - t])
    [0, -0.12991825, 1.39804898, -0.47399886],
    [0.5, -0.14239826, 1.06591308, -0.37821174],
  ])("is scikit-learn's fit with a ridge of %d", (ridge, intercept, first, second) => {
    const fit = fitLogisticMany(rows, ridge);
    expect(fit?.intercept).toBeCloseTo(intercept, 6);
    expect(fit?.features[0]?.slope).toBeCloseTo(first, 6);
    expect(fit?.features[1]?.slope).toBeCloseTo(second, 6);
  });

  it('has no slope left in any direction', () => {
    const row = fc.record({
      features: fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 3, maxLength: 3 }),
      isPositive: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 4, maxLength: 30 }), fc.constantFrom(0.1, 1, 10), (drawn, ridge) => {
        const fit = fitLogisticMany(drawn, ridge);
        if (fit === null) return;
        const positives = drawn.filter(({ isPositive }) => isPositive).length;
        const rests = drawn.map(({ features, isPositive }) => {
          const target = isPositive ? (positives + 1) / (positives + 2) : 1 / (drawn.length - positives + 2);
          return predictLogisticMany(fit, features) - target;
        });
        expect(rests.reduce((sum, rest) => sum + rest, 0)).toBeCloseTo(0, 6);
        for (const [index, { slope, centre, scale }] of fit.features.entries()) {
          const pull = rests.reduce(
            (sum, rest, at) => sum + (rest * (drawn[at]!.features[index]! - centre)) / scale,
            0,
          );
          expect(pull + ridge * slope).toBeCloseTo(0, 6);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('gives a feature that never varies no slope, and shares one that is there twice', () => {
    const fit = fitLogisticMany(
      items.map(({ score, isPositive }) => ({ features: [0.1, score, score], isPositive })),
      1e-6,
    );
    const alone = fitLogistic(items);
    expect(fit?.features[0]).toEqual({ slope: 0, centre: 0.1, scale: 1 });
    expect(fit?.features[1]?.slope).toBeCloseTo(fit?.features[2]?.slope ?? 0, 6);
    for (const { score } of items)
      expect(predictLogisticMany(fit!, [0.1, score, score])).toBeCloseTo(predictLogistic(alone!, score), 4);
  });

  it('is nothing where there is nothing to fit, and refuses rows that are none', async () => {
    expect(fitLogisticMany([])).toBeNull();
    expect(fitLogisticMany(rows.slice(0, 6))).toBeNull();
    expect(fitLogisticMany(rows.map(({ isPositive }) => ({ features: [0.1, 7], isPositive })))).toBeNull();
    for (const wrong of [
      () => fitLogisticMany(rows, -1),
      () => fitLogisticMany([...rows, { features: [1], isPositive: true }]),
      () => fitLogisticMany([...rows, { features: [1, NaN], isPositive: true }]),
      () => predictLogisticMany(fitLogisticMany(rows)!, [1]),
    ])
      expect((await errorOf(wrong)).code).toBe('usage-invalid');
  });
});

describe('scoreForecasts', () => {
  it("is scikit-learn's", async () => {
    // brier_score_loss([1, 1, 0, 1, 0, 1], p), log_loss([1, 1, 0, 1, 0, 1], p)
    const outcomes = [true, true, false, true, false, true];
    const found = scoreForecasts(
      [0.9, 0.8, 0.3, 0.6, 0.2, 0.1].map((chance, index) => ({ chance, isPositive: outcomes[index] ?? false })),
    );
    expect(found?.brier).toBeCloseTo(0.19166666666666668, 12);
    expect(found?.log).toBeCloseTo(0.6202888798308357, 12);
    expect(scoreForecasts([])).toBeNull();
    expect((await errorOf(() => scoreForecasts([{ chance: Number.NaN, isPositive: true }]))).code).toBe(
      'usage-invalid',
    );
  });

  it('is least for the chances that are true', () => {
    const mean = (chance: number) => {
      const [came, not] = [
        scoreForecasts([{ chance, isPositive: true }]),
        scoreForecasts([{ chance, isPositive: false }]),
      ];
      return {
        brier: 0.3 * (came?.brier ?? 0) + 0.7 * (not?.brier ?? 0),
        log: 0.3 * (came?.log ?? 0) + 0.7 * (not?.log ?? 0),
      };
    };
    for (const other of [0.05, 0.2, 0.4, 0.9]) {
      expect(mean(other).brier).toBeGreaterThan(mean(0.3).brier);
      expect(mean(other).log).toBeGreaterThan(mean(0.3).log);
    }
  });
});
