import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scoreDistribution } from '../../src/judging/score-distribution.js';

const anyToken = fc.oneof(
  fc.integer({ min: 0, max: 130 }).map(String),
  fc.constantFrom('CODE', 'REF', 'Say', ' 50', '-1'),
);
const anyDistribution = fc.uniqueArray(fc.tuple(anyToken, fc.double({ min: 0, max: 0.04, noNaN: true })), {
  selector: ([token]) => token,
  maxLength: 20,
});

describe('scoreDistribution', () => {
  it('is the mean of the numbers by their probabilities', () => {
    // By hand: (20 * 0.5 + 40 * 0.25) / 0.75 = 80 / 3.
    const { score, label, masses } = scoreDistribution([
      ['20', 0.5],
      ['40', 0.25],
      ['Say', 0.125],
    ]);
    expect(score).toBeCloseTo(80 / 3, 13);
    expect(label).toBeNull();
    expect(masses).toEqual({ number: 0.75, code: 0, refusal: 0 });
  });

  it('keeps a quarter, and nothing below it', () => {
    expect(scoreDistribution([['80', 0.25]])).toMatchObject({ score: 80, label: null });
    expect(scoreDistribution([['80', 0.2499999]])).toMatchObject({ score: null, label: 'parse-failure' });
    const halves = [['10', 0.125], ['30', 0.125], ['no', 0.75]] as const; // prettier-ignore
    expect(scoreDistribution(halves).score).toBe(20);
  });

  it('counts numbers that are beyond 100 or not of ASCII digits as nothing', () => {
    const { score, masses } = scoreDistribution([
      ['60', 0.5],
      ['101', 0.1],
      ['-5', 0.1],
      [' 7', 0.1],
      ['\u0665\u0660', 0.1],
      ['7.5', 0.1],
    ]);
    expect(score).toBe(60);
    expect(masses.number).toBe(0.5);
  });

  it('lets CODE and REFUSAL take nothing but probability', () => {
    const likely = scoreDistribution([
      ['CODE', 0.625],
      ['0', 0.25],
      ['50', 0.125],
    ]);
    expect(likely).toEqual({ score: 50 / 3, label: 'code', masses: { number: 0.375, code: 0.625, refusal: 0 } });
    const unlikely = scoreDistribution([
      ['90', 0.5],
      ['REF', 0.375],
    ]);
    expect(unlikely).toMatchObject({ score: 90, label: null });
    const only = scoreDistribution([
      ['REF', 0.5],
      ['Refusal', 0.25],
      ['CODE', 0.125],
    ]);
    expect(only).toEqual({ score: null, label: 'refusal', masses: { number: 0, code: 0.125, refusal: 0.75 } });
    // A word that is hardly likelier than nothing says nothing.
    expect(scoreDistribution([['CODE', 0.125]])).toMatchObject({ score: null, label: 'parse-failure' });
  });

  it('is never above 100, though 100 * 0.323 / 0.323 is', () => {
    expect((100 * 0.323) / 0.323).toBeGreaterThan(100);
    expect(scoreDistribution([['100', 0.323]]).score).toBe(100);
  });

  it('of nothing has no score', () => {
    expect(scoreDistribution([])).toEqual({
      score: null,
      label: 'parse-failure',
      masses: { number: 0, code: 0, refusal: 0 },
    });
  });

  it('lies between the least and the most of its numbers, whatever else there is, and always says why there is none', () => {
    fc.assert(
      fc.property(anyDistribution, (distribution) => {
        const { score, label, masses } = scoreDistribution(distribution);
        const numbers = distribution
          .map(([token]) => token)
          .filter((token) => /^\d+$/.test(token) && Number(token) <= 100);
        expect(score === null).toBe(masses.number < 0.25);
        if (score === null) expect(label).not.toBeNull();
        else {
          expect(score).toBeGreaterThanOrEqual(Math.min(...numbers.map(Number)) - 1e-9);
          expect(score).toBeLessThanOrEqual(Math.min(100, Math.max(...numbers.map(Number)) + 1e-9));
        }
        const withWord = scoreDistribution([...distribution, ['perhaps', 0.2]]);
        expect(withWord.score).toBe(score);
      }),
    );
  });
});
