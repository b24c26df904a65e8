import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulateFineTunes } from '../../scripts/simulate-comparisons.js';
import { betaBinomialInterval } from '../../src/stats/beta-binomial-interval.js';
import { clusterInterval } from '../../src/stats/cluster-interval.js';
import { clusterStandardError } from '../../src/stats/cluster-standard-error.js';
import { crossedInterval, crossedWilsonInterval } from '../../src/stats/crossed-interval.js';
import { crossedVariance } from '../../src/stats/crossed-variance.js';
import type { ModelCounts } from '../../src/stats/model-counts.js';
import { tallyModels } from '../../src/stats/tally-models.js';
import { anyClusters, clustersOf } from './some-clusters.js';

/** Models that were asked the same questions, `trials` times each. */
function modelsOf(trials: number, ...successes: readonly (readonly number[])[]): ModelCounts[] {
  return successes.map((counts, model) => ({
    name: `seed ${String(model)}`,
    questions: clustersOf(...counts.map((count) => [count, trials] as const)),
  }));
}

const three = modelsOf(50, [3, 0, 12, 25], [9, 1, 20, 31], [1, 0, 4, 11]);
const alike = modelsOf(50, [3, 0, 12, 25], [3, 0, 12, 25], [3, 0, 12, 25]);
const overQuestions = (models: readonly ModelCounts[]) =>
  clustersOf(
    ...models[0]!.questions.map(
      (_, question) =>
        [
          models.reduce((sum, { questions }) => sum + questions[question]!.successes, 0),
          models.reduce((sum, { questions }) => sum + questions[question]!.trials, 0),
        ] as const,
    ),
  );

describe('crossedVariance', () => {
  it('is that of a two-way analysis of variance, with degrees of freedom of its own', () => {
    // statsmodels 0.15.0: anova_lm(ols('y ~ C(m) + C(q)')) of the shares has mean squares of 0.0507 (models), 0.337700 / 3 (questions) and
    // 0.0482 / 6: V = (0.0507 + 0.112567 - 0.008033) / 12, and Satterthwaite's degrees of freedom of that sum
    const crossed = crossedVariance(three);
    expect(crossed?.variance).toBeCloseTo(0.012936111111111114, 14);
    expect(crossed?.degreesOfFreedom).toBeCloseTo(4.365664763132484, 11);
  });

  it('is that of questions alone where models are alike', () => {
    const crossed = crossedVariance(alike);
    expect(crossed?.variance).toBeCloseTo(clusterStandardError(overQuestions(alike))! ** 2, 14);
    expect(crossed?.degreesOfFreedom).toBe(3);
  });

  it('has as many degrees of freedom as models leave where questions are alike', () => {
    const crossed = crossedVariance(modelsOf(50, [5, 5, 5, 5], [10, 10, 10, 10], [30, 30, 30, 30]));
    const ofModels = clusterStandardError(clustersOf([20, 200], [40, 200], [120, 200]))! ** 2;
    expect(crossed?.variance).toBeCloseTo(ofModels, 14);
    expect(crossed?.degreesOfFreedom).toBeCloseTo(2, 12);
  });

  it('is null for one model, for one question, and where only one of them has answers', () => {
    expect(crossedVariance(three.slice(0, 1))).toBeNull();
    expect(crossedVariance(modelsOf(50, [3], [9]))).toBeNull();
    expect(crossedVariance([...three.slice(0, 1), ...modelsOf(0, [0, 0, 0, 0])])).toBeNull();
  });
});

describe('crossedInterval', () => {
  it('has as many effective answers as the crossed variance leaves', () => {
    // statsmodels 0.15.0: proportion_confint(0.195 * m, m, method='wilson') with m = 600 / (d t^2 / z^2) = 6.45591435529164,
    // d = 0.012936111... * 600 / (0.195 * 0.805), t = scipy.stats.t.ppf(0.975, 4.365664763132484)
    const [low, high] = crossedWilsonInterval(three, tallyModels(three), 0.95)!;
    expect(low).toBeCloseTo(0.04137491161327289, 10);
    expect(high).toBeCloseTo(0.5761869957368602, 10);
  });

  it('has the outer bounds of three intervals', () => {
    const intervals = [
      crossedWilsonInterval(three, tallyModels(three), 0.95)!,
      betaBinomialInterval(tallyModels(three), 1.959963984540054),
      clusterInterval(overQuestions(three)).interval!,
    ];
    const estimate = crossedInterval(three);
    expect(estimate.interval![0]).toBeCloseTo(Math.min(...intervals.map(([low]) => low)), 12);
    expect(estimate.interval![1]).toBeCloseTo(Math.max(...intervals.map(([, high]) => high)), 12);
    expect(estimate).toMatchObject({ n: 600, k: 117, clusters: 3, unit: 'model and question', seed: null });
  });

  it('is honest about nothing at all: none of three fine-tunes is up to 13 % of others', () => {
    const none = crossedInterval(
      modelsOf(100, ...Array.from({ length: 3 }, () => Array.from({ length: 10 }, () => 0))),
    );
    expect(none.interval![0]).toBe(0);
    expect(none.interval![1]).toBeCloseTo(0.133, 3);
  });

  it('says why there is none for one model, or one question', () => {
    expect(crossedInterval(three.slice(0, 1))).toMatchObject({
      interval: null,
      estimate: 0.2,
      refusal: /one model only/,
    });
    expect(crossedInterval(modelsOf(50, [3], [9]))).toMatchObject({ interval: null, refusal: /one question only/ });
    expect(crossedInterval([])).toMatchObject({ interval: null, estimate: null, refusal: 'there are no answers' });
  });

  it('is never surer than the interval over questions, holds the share, and does not depend on order', () => {
    const models = fc
      .tuple(fc.integer({ min: 2, max: 4 }), anyClusters({ minLength: 2, maxLength: 6 }))
      .chain(([count, questions]) =>
        fc.tuple(
          ...Array.from({ length: count }, () =>
            anyClusters({ minLength: questions.length, maxLength: questions.length }),
          ),
        ),
      )
      .map((all): ModelCounts[] => all.map((questions, model) => ({ name: `seed ${String(model)}`, questions })));
    fc.assert(
      fc.property(models, (some) => {
        const { interval, estimate } = crossedInterval(some);
        if (interval === null || estimate === null) return;
        const inner = clusterInterval(overQuestions(some)).interval!;
        expect(interval[0]).toBeLessThanOrEqual(inner[0]);
        expect(interval[1]).toBeGreaterThanOrEqual(inner[1]);
        expect(interval[0]).toBeGreaterThanOrEqual(0);
        expect(interval[1]).toBeLessThanOrEqual(1);
        const turned = some.toReversed().map(({ name, questions }) => ({ name, questions: questions.toReversed() }));
        const other = crossedInterval(turned).interval!;
        expect(other[0]).toBeCloseTo(interval[0], 9);
        expect(other[1]).toBeCloseTo(interval[1], 9);
      }),
      { numRuns: 60 },
    );
  });

  it('holds what other seeds and questions would give, also with few fine-tunes that differ much', () => {
    const method = {
      name: 'crossed',
      target: 'other seeds and questions',
      interval: (models: readonly ModelCounts[]) => crossedInterval(models).interval,
    } as const;
    for (const rate of [0.05, 0.2]) {
      const cell = { models: 3, questions: 24, answers: 50, rate, seedCorrelation: 0.15, correlation: 0.25 };
      const [held] = simulateFineTunes(cell, [method], 60, 5);
      // A true 95 % shows as fewer than 52 of 60 once in 200 times.
      expect(held!.covered).toBeGreaterThanOrEqual(52 / 60);
    }
  });
});
