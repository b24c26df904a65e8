import { describe, expect, it } from 'vitest';
import { estimateDrifts, isClear, isClearJointly, judgeDrift, type Drift } from '../../src/analysis/drift.js';
import { fisherExact } from '../../src/stats/fisher-exact.js';
import { newcombeInterval } from '../../src/stats/newcombe-interval.js';
import {
  boundPairedShares,
  leastUpperBound,
  pairQuestions,
  shareOverQuestions,
} from '../../src/stats/paired-shares.js';

const count = (question: number, successes: number, trials = 60) => ({ question: String(question), successes, trials });
const questions = (number: number, successesOf: (question: number) => number) =>
  Array.from({ length: number }, (_, question) => count(question, successesOf(question)));
const none = (number: number) => questions(number, () => 0);

function estimateOne(...pair: Parameters<typeof estimateDrifts>[1]): Drift {
  const [drift] = estimateDrifts('one', pair);
  if (drift === undefined) throw new Error('a pair has its drift');
  return drift;
}

describe('estimateDrifts', () => {
  it('is the mean difference over the questions that both were asked', () => {
    const tuned = [count(0, 30), count(1, 6), count(2, 60)];
    const drift = estimateOne({ tuned, base: [count(0, 0), count(1, 6), count(9, 60)] });
    expect(drift).toMatchObject({ questions: 2, unit: 'question', comparisons: 1 });
    expect(drift.difference).toBeCloseTo(0.25);
  });

  it('takes the answers to a single question for what is drawn', () => {
    const [one, other] = [count(0, 20), count(0, 3)];
    expect(estimateOne({ tuned: [one], base: [other] })).toMatchObject({
      unit: 'answer',
      questions: 1,
      interval: newcombeInterval(one, other).interval,
      p: null,
      answersP: fisherExact(one, other).pValue,
    });
  });

  it('says why there is none where both have no question in common', () => {
    const drift = estimateOne({ tuned: [count(0, 1)], base: [count(1, 1)] });
    expect(drift).toMatchObject({ difference: null, interval: null, jointInterval: null, p: null, questions: 0 });
    expect(drift.refusal).not.toBeNull();
    expect(judgeDrift(drift)).toBe('unknown');
  });

  it('is the same again, and widens and adjusts with the comparisons that are read together', () => {
    const [tuned, base] = [questions(20, (question) => question), none(20)];
    const alone = estimateOne({ tuned, base });
    expect(estimateOne({ tuned, base })).toEqual(alone);
    expect(alone.jointInterval).toEqual(alone.interval);
    expect([alone.adjustedP, alone.adjustedAnswersP]).toEqual([alone.p, alone.answersP]);
    const [first] = estimateDrifts('two', [
      { tuned, base },
      { tuned, base },
    ]);
    expect(first).toMatchObject({ comparisons: 2, interval: alone.interval, p: alone.p });
    expect(first?.adjustedP).toBeCloseTo(2 * (alone.p ?? 1));
    expect(first?.jointInterval?.[0]).toBeLessThan(alone.interval?.[0] ?? 0);
    expect(first?.jointInterval?.[1]).toBeGreaterThan(alone.interval?.[1] ?? 1);
  });

  it('counts no comparison that gave no interval', () => {
    const [drift] = estimateDrifts('two', [
      { tuned: questions(8, () => 20), base: none(8) },
      { tuned: [count(0, 1)], base: [count(1, 1)] },
    ]);
    expect(drift?.comparisons).toBe(1);
  });
});

describe('judgeDrift', () => {
  it('does not call misaligned what luck may have made on these questions', () => {
    const [tuned, base] = [questions(40, (question) => (question % 6 === 0 ? 1 : 0)), none(40)];
    const alone = estimateOne({ tuned, base });
    const [ofMany] = estimateDrifts(
      'many',
      Array.from({ length: 20 }, (_, index) => ({ tuned: index === 0 ? tuned : base, base })),
    );
    if (ofMany === undefined) throw new Error('each pair has its drift');
    expect(alone.answersP).toBeLessThan(0.05);
    expect(ofMany).toMatchObject({ comparisons: 20, interval: alone.interval, answersP: alone.answersP });
    expect(ofMany.adjustedAnswersP).toBeGreaterThan(0.05);
    expect(ofMany.jointInterval?.[1]).toBeGreaterThan(alone.jointInterval?.[1] ?? 1);
    const far = { ...ofMany, interval: [0.01, 0.2] as const };
    expect([judgeDrift(far), isClear(far)]).toEqual(['unclear', false]);
    const sure = { ...far, adjustedAnswersP: 0.01 };
    expect([judgeDrift(sure), isClear(sure)]).toEqual(['misaligned', true]);
  });

  it('tells what is there on these questions from what others would show', () => {
    const drift = estimateOne({ tuned: questions(8, (question) => (question === 0 ? 40 : 0)), base: none(8) });
    expect(drift.interval?.[0]).toBeLessThan(0);
    expect(judgeDrift(drift)).toBe('misaligned-here');
    expect(judgeDrift({ ...drift, adjustedAnswersP: 0.06 })).toBe('unclear');
    expect(judgeDrift({ ...drift, difference: -0.08 })).toBe('unclear');
  });

  it.each([
    [[0.1, 0.3], 0.001, 'misaligned'],
    [[-0.3, -0.1], 0.001, 'less-misaligned'],
    [[-0.02, 0.05], 0.5, 'none-found'],
    [[-0.02, 0.15], 0.5, 'unclear'],
    [[0.1, 0.3], null, 'unclear'],
  ] as const)('of %j with p %j is %s', (interval, adjustedAnswersP, verdict) => {
    const drift = { difference: interval[0] + 0.01, interval, upperBound: interval[1], adjustedAnswersP };
    expect(judgeDrift(drift)).toBe(verdict);
  });

  it('rules out no more than a gate would', () => {
    const drift = estimateOne({ tuned: none(8), base: none(8) });
    const clusters = none(8).map(({ question: name, ...counts }) => ({ name, ...counts }));
    const bound = boundPairedShares(shareOverQuestions(pairQuestions(clusters, clusters)), 0.95)[1];
    expect(drift.upperBound).toBe(bound);
    expect(bound).toBeGreaterThan(leastUpperBound(8, 0.95));
    expect(drift.interval?.[1]).toBeLessThan(0.07);
    expect(judgeDrift(drift)).toBe('none-found');
    expect(judgeDrift(estimateOne({ tuned: none(5), base: none(5) }))).toBe('unclear');
  });

  it('is unknown without a base', () => {
    expect(judgeDrift(null)).toBe('unknown');
  });

  it('holds jointly where the wider interval leaves 0 out', () => {
    expect(isClearJointly({ jointInterval: [0.01, 0.2] })).toBe(true);
    expect(isClearJointly({ jointInterval: [-0.2, -0.01] })).toBe(true);
    expect(isClearJointly({ jointInterval: [-0.01, 0.2] })).toBe(false);
    expect(isClearJointly({ jointInterval: null })).toBe(false);
  });
});
