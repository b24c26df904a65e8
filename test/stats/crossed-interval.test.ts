import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulateFineTunes } from '../../scripts/simulate-comparisons.js';
import { betaBinomialInterval } from '../../src/stats/beta-binomial-interval.js';
import { clusterInterval } from '../../src/stats/cluster-interval.js';
import { clusterStandardError } from '../../src/stats/cluster-standard-error.js';
import { crossedInterval, crossedWilsonInterval } from '../../src/stats/crossed-interval.js';
import { crossedVariance } from '../../src/stats/crossed-variance.js';
import { type ModelCounts, tallyModels } from '../../src/stats/share-counts.js';
import { anyClusters, clustersOf } from './some-clusters.js';

/** Models that were asked the same questions, `trials` times each. */
function modelsOf(trials: number, ...successes: readonly (readonly number[])[]): ModelCounts[] {
  return successes.map((counts, model) => ({
    name: `seed ${String(model)}`,
    questions: clustersOf(...counts.map((count) => [count, trials] as const)),
  }));
}

const three = modelsOf(50, [3, 0, 12, 25, 1, 40], [29, 21, 40, 41, 22, 44], [1, 0, 4, 11, 0, 10]);
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
    // statsmodels 0.15.0: anova_lm(ols('y ~ C(m) + C(q)')) of the shares has mean squares of 0.508022 (models), 0.121529 (questions) and
    // 0.016262 (what is left): V = (0.508022 + 0.121529 - 0.016262) / 18, and V^2 / (Tm^2 / 2 + Tq^2 / 5 + Vqm^2 / 10)
    const crossed = crossedVariance(three);
    expect(crossed?.variance).toBeCloseTo(0.034071604938271605, 14);
    expect(crossed?.degreesOfFreedom).toBeCloseTo(3.054024175072187, 11);
  });

  it('takes off what belongs to a question and a model in proportion to trials, where these differ or are missing', () => {
    // NumPy: the formula of the docstring on matrices of successes and trials
    const counts = [
      [
        [3, 10],
        [0, 5],
        [5, 20],
        [1, 4],
        [6, 8],
      ],
      [
        [19, 20],
        [3, 4],
        [0, 0],
        [9, 10],
        [12, 12],
      ],
      [
        [1, 6],
        [0, 7],
        [3, 30],
        [0, 3],
        [3, 60],
      ],
    ] as const;
    const crossed = crossedVariance(
      counts.map((ofModel, model) => ({ name: `seed ${String(model)}`, questions: clustersOf(...ofModel) })),
    );
    expect(crossed?.variance).toBeCloseTo(0.06033155688572446, 14);
    expect(crossed?.degreesOfFreedom).toBeCloseTo(2.6270578060449816, 11);
  });

  it('is no less than that of models alone where questions differ less than cells do', () => {
    // Both questions have 40 of 100: Vq = 0, Vm = Vqm = 0.04.
    const crossed = crossedVariance(modelsOf(50, [20, 40], [20, 0]));
    expect(crossed?.variance).toBeCloseTo(0.04, 14);
    expect(crossed?.degreesOfFreedom).toBe(1);
  });

  it('changes little where one answer more makes models differ beyond chance', () => {
    // Models differ just less, and just more, than cells do: what says how sure it is must not jump.
    const steps = Array.from({ length: 21 }, (_, more) =>
      crossedVariance(modelsOf(20, [3, 5, 4, 6, 2 + (more >> 1), 4], [4, 5, 5, 4, 5, 4])),
    );
    const freedoms = steps.map((crossed) => crossed?.degreesOfFreedom ?? 0);
    for (const [index, freedom] of freedoms.entries())
      if (index > 0) expect(Math.abs(freedom - freedoms[index - 1]!)).toBeLessThan(2);
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
    // statsmodels 0.15.0: proportion_confint(p * m, m, method='wilson') with p = 304 / 900, m = 900 / (d t^2 / z^2) = 2.5403132327123714,
    // d = 0.034071604938271605 * 900 / (p (1 - p)), t = scipy.stats.t.ppf(0.975, 3.054024175072187)
    const [low, high] = crossedWilsonInterval(three, tallyModels(three), 0.95)!;
    expect(low).toBeCloseTo(0.05571571245403745, 10);
    expect(high).toBeCloseTo(0.8151366920811112, 10);
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
    expect(estimate).toMatchObject({ n: 900, k: 304, clusters: 3, unit: 'model and question', seed: null });
  });

  it('is honest about nothing at all: none of three fine-tunes is up to 13 % of others', () => {
    const none = crossedInterval(
      modelsOf(100, ...Array.from({ length: 3 }, () => Array.from({ length: 10 }, () => 0))),
    );
    expect(none.interval![0]).toBe(0);
    expect(none.interval![1]).toBeCloseTo(0.133, 3);
  });

  it('says why there is none for one model, or one question', () => {
    const one = crossedInterval(three.slice(0, 1));
    expect(one).toMatchObject({ interval: null, estimate: 81 / 300 });
    expect(one.refusal).toContain('one model only');
    expect(crossedInterval(modelsOf(50, [3], [9])).refusal).toContain('one question only');
    expect(crossedInterval([])).toMatchObject({ interval: null, estimate: null, refusal: 'there are no answers' });
  });

  it('names what it is made of', () => {
    expect(crossedInterval(three).method).toContain('Wilson');
    expect(crossedInterval(modelsOf(50, [0, 0], [0, 0])).method).not.toContain('Wilson');
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
        expect(interval[0]).toBeLessThanOrEqual(estimate);
        expect(interval[1]).toBeGreaterThanOrEqual(estimate);
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
      // A true 95 % shows as fewer than 52 of 60 in one of both once in 175 times.
      expect(held!.covered).toBeGreaterThanOrEqual(52 / 60);
    }
  });
});
