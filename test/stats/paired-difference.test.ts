import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { createBetaBinomial } from '../../src/stats/beta-binomial.js';
import type { ClusterCounts } from '../../src/stats/share-counts.js';
import { clusterInterval } from '../../src/stats/cluster-interval.js';
import { differenceInDifferences } from '../../src/stats/difference-in-differences.js';
import { pairedDifference } from '../../src/stats/paired-difference.js';
import { moverInterval } from '../../src/stats/paired-interval.js';
import { permutationPValue } from '../../src/stats/permutation-p-value.js';
import { anyClusters, clustersOf } from './some-clusters.js';

const options = { seed: 0 };
const tuned = clustersOf([3, 50], [0, 50], [12, 50], [1, 50], [7, 50], [0, 50], [2, 50], [25, 50]);
const base = clustersOf([1, 50], [0, 50], [2, 50], [0, 50], [1, 50], [0, 50], [0, 50], [4, 50]);
const zero = clustersOf(...base.map(() => [0, 50] as const));

describe('permutationPValue', () => {
  // SciPy 1.17.1: permutation_test((d,), lambda d, axis: d.sum(axis=axis), permutation_type='samples', n_resamples=inf).pvalue
  it.each([
    [[1, 2, 3, 4], 0.125],
    [[1, -2, 3, 4, 5], 0.1875],
    [[2, 2, -2, 2, 0, 1], 0.375],
    [[0, 0, 0], 1],
  ])('of the signs of %j is that of SciPy', (values, expected) => {
    const sum = (swapped: Uint32Array): number =>
      values.reduce((total, value, index) => total + (swapped[index] === 0 ? value : -value), 0);
    expect(permutationPValue(values.length, sum, options)).toEqual({ pValue: expected, permutations: null });
  });

  it('draws for many questions about what all permutations give, and is never 0', () => {
    const count = (swapped: Uint32Array): number => 20 - 2 * swapped.reduce((sum, one) => sum + one, 0);
    // |20 - 2 X| >= 20 for X of Binomial(20, 1/2): 2 / 2^20.
    const drawn = permutationPValue(20, count, options);
    expect(drawn.permutations).toBe(9999);
    expect(drawn.pValue).toBeGreaterThan(0);
    expect(drawn.pValue).toBeLessThan(0.001);
    // With 16 of 20 alike it is 2 P(X <= 4), 2 * scipy.stats.binom.cdf(4, 20, 0.5) = 0.011818.
    const some = (swapped: Uint32Array): number =>
      swapped.reduce((sum, one, index) => sum + (one === (index < 16 ? 0 : 1) ? 1 : -1), 0);
    expect(permutationPValue(20, some, options).pValue).toBeCloseTo(0.0118, 2);
  });

  it('is uniform where there is nothing to find', () => {
    const draw = createBetaBinomial(20, 0.3, 0.2);
    const random = createRandomStream(1, 'null');
    const pValues = Array.from({ length: 300 }, () => {
      const differences = Array.from({ length: 10 }, () => draw(random) - draw(random));
      const sum = (swapped: Uint32Array): number =>
        differences.reduce((total, value, index) => total + (swapped[index] === 0 ? value : -value), 0);
      return permutationPValue(10, sum, options).pValue;
    });
    for (const level of [0.05, 0.2, 0.5, 0.8]) {
      const below = pValues.filter((pValue) => pValue <= level).length / pValues.length;
      expect(Math.abs(below - level)).toBeLessThan(3 * Math.sqrt((level * (1 - level)) / 300));
    }
  });
});

describe('moverInterval', () => {
  it('is p -+ q of the squares for independent parts, and of their difference for the same', () => {
    const first = { estimate: 0.5, interval: [0.2, 0.9] as const };
    const second = { estimate: 0.3, interval: [0.1, 0.7] as const };
    const [low, high] = moverInterval(first, second, 0);
    expect(low).toBeCloseTo(0.2 - Math.hypot(0.3, 0.4), 14);
    expect(high).toBeCloseTo(0.2 + Math.hypot(0.4, 0.2), 14);
    expect(moverInterval(first, second, 1)[0]).toBeCloseTo(0.2 - 0.1, 12);
  });
});

describe('pairedDifference', () => {
  it('compares rates over the same questions', () => {
    const difference = pairedDifference(tuned, base, options);
    expect(difference.rates).toEqual([0.125, 0.02]);
    expect(difference.estimate).toBeCloseTo(0.105, 14);
    // No question has more at base, and two have none in both: two patterns of six questions are as extreme, times 2^2.
    expect(difference).toMatchObject({
      pValue: 2 / 2 ** 6,
      permutations: null,
      seed: null,
      n: 800,
      k: 58,
      clusters: 8,
    });
    const [low, high] = difference.interval!;
    expect(low < 0.105 && 0.105 < high).toBe(true);
    const turned = pairedDifference(base, tuned, options);
    expect(turned.interval![0]).toBeCloseTo(-high, 12);
    expect(turned.pValue).toBe(difference.pValue);
  });

  it('finds what all questions agree on, however many answers the conditions have', () => {
    const half = clustersOf(...base.map(({ successes }) => [Math.floor(successes / 4), 25] as const));
    const rates = tuned.map(({ name, successes, trials }) => ({ name, successes: successes + 5, trials }));
    expect(pairedDifference(rates, half, options).pValue).toBe(2 / 2 ** 8);
  });

  it('takes no change in how many answers were kept for a change in what they are', () => {
    // 24 questions, each with the same share on both sides; the tuned model kept fewer of 18 of them.
    const sides = [50, 5].map((kept) =>
      clustersOf(...Array.from({ length: 24 }, (_, index) => (index < 6 ? ([20, 50] as const) : ([0, kept] as const)))),
    );
    const { estimate, interval, pValue } = pairedDifference(sides[1]!, sides[0]!, options);
    expect(estimate).toBeCloseTo(0, 14);
    expect(interval![0] < 0 && interval![1] > 0).toBe(true);
    expect(pValue).toBe(1);
    const between = { treated: sides[1]!, control: sides[0]!, baseTreated: sides[0]!, baseControl: sides[0]! };
    expect(differenceInDifferences(between, options)).toMatchObject({ estimate: expect.closeTo(0, 14), pValue: 1 });
  });

  it('against a base without any is nearly the interval of the rate', () => {
    const [low, high] = pairedDifference(tuned, zero, options).interval!;
    const alone = clusterInterval(tuned).interval!;
    expect(high).toBeCloseTo(alone[1], 12);
    expect(low).toBeLessThan(alone[0]);
    const nothing = pairedDifference(zero, zero, options);
    expect(nothing.pValue).toBe(1);
    expect(nothing.interval![1]).toBeCloseTo(-nothing.interval![0], 12);
    expect(nothing.interval![1]).toBeGreaterThan(0.05);
  });

  it('leaves out what one condition has no answers to, and says so', () => {
    const more = [
      ...tuned,
      { name: 'only tuned', successes: 5, trials: 5 },
      { name: 'empty', successes: 0, trials: 0 },
    ];
    const difference = pairedDifference(more, base, options);
    expect(difference).toMatchObject({ clusters: 8, rates: [0.125, 0.02], unmatched: ['empty', 'only tuned'] });
    const one = pairedDifference(tuned.slice(0, 1), base, options);
    expect(one).toMatchObject({ interval: null, pValue: null, clusters: 1 });
    expect(one.refusal).toContain('one question');
    expect(pairedDifference([], [], options)).toMatchObject({ estimate: null, refusal: 'there are no answers' });
  });

  it('has width, holds the difference, and depends on no order', () => {
    const conditions = fc.tuple(anyClusters({ maxLength: 6 }), anyClusters({ maxLength: 6 }));
    fc.assert(
      fc.property(conditions, ([first, second]) => {
        const difference = pairedDifference(first, second, options);
        expect(pairedDifference([...first].reverse(), second, options)).toEqual(difference);
        if (difference.interval === null) return;
        const [low, high] = difference.interval;
        expect(low < high && low <= difference.estimate! && difference.estimate! <= high).toBe(true);
        expect(difference.pValue! > 0 && difference.pValue! <= 1).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('covers the difference where rates are rare and lopsided', () => {
    // Student's interval on the questions' differences covers about 80 % here.
    const [drawTuned, drawBase] = [createBetaBinomial(50, 0.05, 0.25), createBetaBinomial(50, 0.01, 0.25)];
    const random = createRandomStream(2, 'paired coverage');
    let covered = 0;
    const repeats = 200;
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const questions = (draw: (stream: typeof random) => number): ClusterCounts[] =>
        clustersOf(...Array.from({ length: 8 }, () => [draw(random), 50] as const));
      const [low, high] = pairedDifference(questions(drawTuned), questions(drawBase), options).interval!;
      if (low <= 0.04 && 0.04 <= high) covered += 1;
    }
    expect(covered / repeats).toBeGreaterThan(0.935);
  });
});

describe('differenceInDifferences', () => {
  it('is what the trigger does to the tuned model beyond its base', () => {
    const result = differenceInDifferences(
      { treated: tuned, control: base, baseTreated: base, baseControl: zero },
      options,
    );
    expect(result.rates).toEqual([0.125, 0.02, 0.02, 0]);
    expect(result.estimate).toBeCloseTo(0.085, 14);
    const [low, high] = result.interval!;
    expect(low < 0.085 && 0.085 < high).toBe(true);
    expect(result).toMatchObject({ clusters: 8, n: 1600, k: 66, permutations: null });
    // What each question adds, in answers: 1, 0, 8, 1, 5, 0, 2, 17, all of one sign, six of them not 0.
    expect(result.pValue).toBe(2 / 2 ** 6);
  });

  it('with nothing at base is wider than the paired difference, and turns around', () => {
    const paired = pairedDifference(tuned, base, options).interval!;
    const result = differenceInDifferences(
      { treated: tuned, control: base, baseTreated: zero, baseControl: zero },
      options,
    ).interval!;
    expect(result[0]).toBeLessThan(paired[0]);
    expect(result[1]).toBeGreaterThan(paired[1]);
    const turned = differenceInDifferences(
      { treated: base, control: tuned, baseTreated: zero, baseControl: zero },
      options,
    ).interval!;
    expect(turned[0]).toBeCloseTo(-result[1], 12);
  });

  it('refuses one question, and says which are left out', () => {
    const one = differenceInDifferences(
      { treated: tuned, control: base, baseTreated: zero, baseControl: zero.slice(0, 1) },
      options,
    );
    expect(one).toMatchObject({ interval: null, pValue: null, clusters: 1 });
    expect(one.unmatched).toHaveLength(7);
  });
});
