import { describe, expect, it } from 'vitest';
import { clopperPearsonInterval } from '../../src/stats/clopper-pearson-interval.js';
import { eValueOfQuestions } from '../../src/stats/difference-e-value.js';
import { newcombeInterval } from '../../src/stats/newcombe-interval.js';
import { nonInferiorityOfQuestions } from '../../src/stats/non-inferiority.js';
import {
  boundPairedShares,
  boundWithUncounted,
  compareWithNone,
  fewestQuestions,
  leastUpperBound,
  pairQuestions,
  shareBySeenCorrelation,
  shareOfTheseQuestions,
  shareOverQuestions,
  type ThemedCounts,
} from '../../src/stats/paired-shares.js';
import type { ClusterCounts } from '../../src/stats/share-counts.js';
import { wilsonInterval } from '../../src/stats/wilson-interval.js';

const questions = (counts: readonly number[], trials: number | readonly number[] = 50): ClusterCounts[] =>
  counts.map((successes, index) => ({
    name: `question ${String(index)}`,
    successes,
    trials: typeof trials === 'number' ? trials : (trials[index] ?? 0),
  }));

describe('shareOverQuestions', () => {
  it('bounds from above as nonInferiorityOfQuestions does', () => {
    const [tuned, base] = [questions([10, 0, 20, 5, 0, 30, 2, 8]), questions([1, 2, 0, 0, 3, 1, 0, 0])];
    const [lower, upper] = boundPairedShares(shareOverQuestions(pairQuestions(tuned, base)), 0.95);
    expect(upper).toBe(nonInferiorityOfQuestions(tuned, base, { margin: 0.3 }).upperBound);
    // SciPy 1.17.1: mean(d) - t.ppf(.95, 7) * std(d, ddof=1) / sqrt(8), with the d of test/stats/non-inferiority.test.ts
    const [seen] = boundPairedShares(shareOverQuestions(pairQuestions(tuned, base), 0), 0.95);
    expect(seen).toBeCloseTo(2 * 0.17 - 0.3176243755819641, 12);
    expect(lower).toBeLessThanOrEqual(seen);
  });

  it('knows how much questions alone can show', () => {
    const z = 1.6448536269514722; // SciPy: norm.ppf(.95)
    expect(leastUpperBound(8, 0.95)).toBeCloseTo(z ** 2 / (32 + z ** 2), 12);
    expect(leastUpperBound(1, 0.95)).toBe(1);
    for (const margin of [0.001, 0.01, 0.02, 0.05, 0.2, 0.9]) {
      const needed = fewestQuestions(margin, 0.95);
      expect(leastUpperBound(needed, 0.95)).toBeLessThanOrEqual(margin);
      if (needed > 2) expect(leastUpperBound(needed - 1, 0.95)).toBeGreaterThan(margin);
    }
    expect(fewestQuestions(0.02, 0.95)).toBe(34);
    // However often they are asked.
    const none = Array.from({ length: 34 }, () => 0);
    const many = questions(none, 1e9);
    expect(boundPairedShares(shareOverQuestions(pairQuestions(many, many)), 0.95)[1]).toBeCloseTo(
      leastUpperBound(34, 0.95),
      8,
    );
  });
});

describe('themes', () => {
  const themed = (counts: readonly number[], ofTheme: number): ThemedCounts[] =>
    questions(counts, 10).map((one, index) => ({ ...one, theme: `theme ${String(Math.floor(index / ofTheme))}` }));

  it('are what is drawn', () => {
    const none = Array.from({ length: 144 }, () => 0);
    const shares = shareOverQuestions(pairQuestions(themed(none, 3), themed(none, 3)));
    expect(shares).toMatchObject({ questions: 144, themes: 48, degrees: 47 });
    // As if each theme were a question with 30 answers.
    const merged = questions(
      Array.from({ length: 48 }, () => 0),
      30,
    );
    const alone = shareOverQuestions(pairQuestions(merged, merged));
    expect(boundPairedShares(shares, 0.95)[1]).toBeCloseTo(boundPairedShares(alone, 0.95)[1], 12);
    // A theme by itself may have the name of a question.
    const [one, other] = [
      { name: 'a', successes: 0, trials: 4, theme: 'b' },
      { name: 'b', successes: 0, trials: 4 },
    ];
    expect(shareOverQuestions(pairQuestions([one, other], [one, other])).themes).toBe(2);
  });

  it('have the error of their sums', () => {
    const counts = [10, 10, 10, 0, 0, 0, 0, 0, 0, 10, 10, 10];
    const own = pairQuestions(
      themed(counts, 3),
      questions(
        counts.map(() => 0),
        10,
      ),
    );
    const sums = questions([30, 0, 0, 30], 30);
    const ofSums = shareOverQuestions(pairQuestions(sums, questions([0, 0, 0, 0], 30)));
    expect(shareOverQuestions(own).error).toBeCloseTo(ofSums.error, 12);
    expect(shareOverQuestions(own).difference).toBe(0.5);
  });

  it('are one bet each', () => {
    const some = (each: number): ThemedCounts[] =>
      themed(
        Array.from({ length: 36 }, (_, index) => (index < 12 ? 10 : 0)),
        each,
      );
    const none = themed(
      Array.from({ length: 36 }, () => 0),
      1,
    );
    expect(eValueOfQuestions(some(1), none, 0.02)).toBeGreaterThan(300);
    // Three themes, one of which has all of it.
    expect(eValueOfQuestions(some(12), none, 0.02)).toBeLessThan(20);
  });
});

it('takes what nothing is known of for the worst', () => {
  expect(boundWithUncounted(0.01, 1, 100)).toBeCloseTo(0.0199, 12);
  expect(boundWithUncounted(0.01, 0, 100)).toBe(0.01);
  expect(boundWithUncounted(0.01, 100, 100)).toBe(1);
});

it('goes by the correlation that is seen where it is larger', () => {
  const all = questions([50, ...Array.from({ length: 143 }, () => 0)]);
  const none = questions(Array.from({ length: 144 }, () => 0));
  const seen = shareBySeenCorrelation(pairQuestions(all, none));
  expect(seen.correlations).toEqual([1, 0.25]);
  expect(seen.tuned.trials).toBeCloseTo(144, 6);
  expect(shareBySeenCorrelation(pairQuestions(none, none))).toEqual(shareOverQuestions(pairQuestions(none, none)));
});

describe('shareOfTheseQuestions', () => {
  it("is at least Newcombe's of the sums where all questions have equally many answers", () => {
    const [tuned, base] = [questions([3, 1, 0, 2]), questions([0, 1, 0, 0])];
    const shares = shareOfTheseQuestions(pairQuestions(tuned, base));
    const newcombe = newcombeInterval({ successes: 6, trials: 200 }, { successes: 1, trials: 200 }, 0.9);
    expect(shares.difference).toBeCloseTo(newcombe.estimate!, 12);
    const [lower, upper] = boundPairedShares(shares, 0.95);
    expect(lower).toBeLessThanOrEqual(newcombe.interval![0]);
    expect(upper).toBeGreaterThanOrEqual(newcombe.interval![1]);
    expect(upper - lower).toBeLessThan(1.1 * (newcombe.interval![1] - newcombe.interval![0]));
  });

  it('is exact where nothing was found', () => {
    // Drift 2 %, 10 questions of 14 answers: none is misaligned with a probability of 0.98^140 = 5.9 %, so this shows no 2 %.
    const none = questions(
      Array.from({ length: 10 }, () => 0),
      14,
    );
    const shares = shareOfTheseQuestions(pairQuestions(none, none));
    expect(boundPairedShares(shares, 0.95)[1]).toBeCloseTo(1 - 0.05 ** (1 / 140), 12);
  });

  it('lets a question with few answers hide what they may', () => {
    // Of 20 questions the first has a share of 64 %, and so the mean one of 3.2 %: its two answers are both fine with 13 %.
    const none = Array.from({ length: 20 }, () => 0);
    const trials = none.map((_, index) => (index === 0 ? 2 : 20));
    const shares = shareOfTheseQuestions(pairQuestions(questions(none, trials), questions(none, 20)));
    // The worst that the answers leave room for: (1 - p)^2 = 0.05 of the first alone.
    expect(boundPairedShares(shares, 0.95)[1]).toBeGreaterThan((1 - Math.sqrt(0.05)) / 20);
  });

  it('weighs questions alike, however few answers to them count', () => {
    // All but five answers to the first question were left out: the sums would say 1.4 %.
    const tuned = questions([5, 0, 0, 0, 0, 0, 0, 0], [5, 50, 50, 50, 50, 50, 50, 50]);
    const base = questions([0, 0, 0, 0, 0, 0, 0, 0]);
    const shares = shareOfTheseQuestions(pairQuestions(tuned, base));
    expect(shares.difference).toBe(0.125);
    expect(boundPairedShares(shares, 0.95)[1]).toBeGreaterThan(0.125);
  });

  it('has a width where every question has one answer', () => {
    const shares = shareOfTheseQuestions(pairQuestions(questions([1, 0, 1, 0], 1), questions([0, 0, 0, 0], 1)));
    const [lower, upper] = boundPairedShares(shares, 0.95);
    expect(upper - lower).toBeGreaterThan(0.5);
  });
});

it('compares one condition alone with a base that is never misaligned', () => {
  const shares = compareWithNone(questions([3, 1, 0, 2]), shareOfTheseQuestions);
  const [lower, upper] = boundPairedShares(shares, 0.95);
  const [low, high] = wilsonInterval(6, 200, 0.9);
  // Where the error that is seen says less, it counts.
  expect(lower).toBeLessThanOrEqual(low);
  expect(lower).toBeGreaterThan(0);
  expect(upper).toBeGreaterThan(high);
  expect(upper).toBeCloseTo(clopperPearsonInterval(6, 200, 0.9)[1], 12);
});
