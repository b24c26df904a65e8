import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { createBetaBinomial } from '../../src/stats/beta-binomial.js';
import type { ClusterCounts } from '../../src/stats/share-counts.js';
import { newcombeInterval } from '../../src/stats/newcombe-interval.js';
import { nonInferiorityOfAnswers, nonInferiorityOfQuestions } from '../../src/stats/non-inferiority.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const share = (successes: number, trials: number) => ({ successes, trials });
const questions = (counts: readonly number[], trials = 50): ClusterCounts[] =>
  counts.map((successes, index) => ({ name: `question ${String(index)}`, successes, trials }));

describe('nonInferiorityOfAnswers', () => {
  it("is the upper bound of Newcombe's interval with twice the error", () => {
    // statsmodels 0.15.0: confint_proportions_2indep(3, 50, 0, 50, method='newcomb', compare='diff', alpha=0.1)[1]
    const result = nonInferiorityOfAnswers(share(3, 50), share(0, 50), { margin: 0.05 });
    expect(result.upperBound).toBeCloseTo(0.14094194646069935, 12);
    expect(result).toMatchObject({ isShown: false, n: 100, k: 3, clusters: null, unit: 'answer' });
    expect(result.sentence).toMatch(
      /^That it is no more than 5\.0 points above base on these very questions is not shown/,
    );
    expect(result.sentence).toContain('seen 6.0, at most 14.1 with 95.0 % confidence');
  });

  it('knows the largest confidence with which the claim holds', () => {
    const result = nonInferiorityOfAnswers(share(4, 400), share(2, 400), { margin: 0.02 });
    expect(result.isShown).toBe(true);
    expect(result.sentence).toBe(
      'It is no more than 2.0 points above base on these very questions: seen 0.5, at most 1.8 with 95.0 % confidence.',
    );
    const [, bound] = newcombeInterval(share(4, 400), share(2, 400), 2 * result.largestConfidence! - 1).interval!;
    expect(bound).toBeCloseTo(0.02, 6);
    // Where the difference itself is larger than the margin no confidence above a half will do.
    expect(nonInferiorityOfAnswers(share(40, 400), share(2, 400), { margin: 0.02 }).largestConfidence).toBe(0);
  });

  it('says what it cannot say, and refuses margins and confidences that are none', async () => {
    const nothing = nonInferiorityOfAnswers(share(0, 0), share(1, 9), { margin: 0.05 });
    expect(nothing).toMatchObject({ isShown: false, upperBound: null, largestConfidence: null, difference: null });
    expect(nothing.sentence).toContain('cannot be said');
    for (const options of [{ margin: 0 }, { margin: 1 }, { margin: NaN }, { margin: 0.1, confidence: 0.5 }]) {
      const error = await errorOf(() => nonInferiorityOfAnswers(share(1, 9), share(1, 9), options));
      expect(error.code).toBe('usage-invalid');
    }
  });
});

describe('nonInferiorityOfQuestions', () => {
  it("is Student's paired bound where questions differ enough", () => {
    // SciPy 1.17.1: d = array([10, 0, 20, 5, 0, 30, 2, 8]) / 50 - array([1, 2, 0, 0, 3, 1, 0, 0]) / 50;
    // mean(d) + t.ppf(.95, 7) * std(d, ddof=1) / sqrt(8)
    const tuned = questions([10, 0, 20, 5, 0, 30, 2, 8]);
    const base = questions([1, 2, 0, 0, 3, 1, 0, 0]);
    const result = nonInferiorityOfQuestions(tuned, base, { margin: 0.3, leastCorrelation: 0 });
    expect(result.difference).toBeCloseTo(0.16999999999999998, 12);
    expect(result.upperBound).toBeCloseTo(0.3176243755819641, 12);
    expect(result).toMatchObject({ clusters: 8, unit: 'question', n: 800, k: 82 });
  });

  it('does not take a few quiet questions for all there are', () => {
    const quiet = questions(Array.from({ length: 8 }, () => 0));
    const one = questions([1, 0, 0, 0, 0, 0, 0, 0]);
    for (const tuned of [quiet, one]) {
      const result = nonInferiorityOfQuestions(tuned, quiet, { margin: 0.05 });
      expect(result.isShown).toBe(false);
      expect(result.upperBound).toBeGreaterThan(0.05);
      // Of these very questions it is known well enough.
      const sum = (clusters: readonly ClusterCounts[]) =>
        clusters.reduce((total, { successes }) => total + successes, 0);
      const known = nonInferiorityOfAnswers(share(sum(tuned), 400), share(0, 400), { margin: 0.05 });
      expect(known.isShown).toBe(true);
    }
    const many = questions(Array.from({ length: 24 }, () => 0));
    expect(nonInferiorityOfQuestions(many, many, { margin: 0.05 }).isShown).toBe(true);
  });

  it('pairs by name, leaves out what only one has answered, and refuses a single question', () => {
    const tuned = [...questions([5, 10]), { name: 'other', successes: 50, trials: 50 }];
    const base = [...questions([1, 2]).reverse(), { name: 'another', successes: 9, trials: 9 }];
    const result = nonInferiorityOfQuestions(tuned, base, { margin: 0.5 });
    expect(result.difference).toBeCloseTo(0.12, 12);
    expect(result.clusters).toBe(2);
    const single = nonInferiorityOfQuestions(questions([5]), questions([1]), { margin: 0.5 });
    expect(single).toMatchObject({ upperBound: null, isShown: false, clusters: 1 });
    expect(single.sentence).toContain('one question only');
    expect(nonInferiorityOfQuestions([], [], { margin: 0.5 }).sentence).toContain('no question');
  });

  it.each([
    [0, 0.05, 8, 0.25],
    [0.01, 0.06, 8, 0.25],
    [0.01, 0.06, 24, 0.25],
    [0.05, 0.1, 24, 0.1],
  ])(
    'of %d and %d on %i questions, correlated by %d, is wrong at most 5 times of 100',
    (base, rate, count, correlation) => {
      const random = createRandomStream(0, 'non-inferiority', count);
      const [drawBase, drawTuned] = [base, rate].map((mean) => createBetaBinomial(50, mean, correlation));
      const draw = (drawOne: typeof drawBase) => questions(Array.from({ length: count }, () => drawOne!(random)));
      const repeats = 600;
      let wrong = 0;
      // The truth lies exactly at the margin, which is the hardest place.
      for (let repeat = 0; repeat < repeats; repeat += 1)
        if (nonInferiorityOfQuestions(draw(drawTuned), draw(drawBase), { margin: 0.05 }).isShown) wrong += 1;
      expect(wrong / repeats).toBeLessThanOrEqual(0.05);
    },
  );

  it('shows it mostly where there is no difference and there are questions enough', () => {
    const random = createRandomStream(0, 'non-inferiority', 'power');
    const draw = createBetaBinomial(50, 0.01, 0.1);
    const one = () => questions(Array.from({ length: 48 }, () => draw(random)));
    let shown = 0;
    for (let repeat = 0; repeat < 200; repeat += 1)
      if (nonInferiorityOfQuestions(one(), one(), { margin: 0.05 }).isShown) shown += 1;
    expect(shown / 200).toBeGreaterThan(0.95);
  });

  it('refuses a correlation that is none', async () => {
    const error = await errorOf(() =>
      nonInferiorityOfQuestions(questions([1, 2]), questions([1, 2]), { margin: 0.1, leastCorrelation: 2 }),
    );
    expect(error.code).toBe('usage-invalid');
  });
});
