import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { conformalPValue, conformalThreshold } from '../../src/stats/conformal-p-value.js';
import { thresholdAtRate } from '../../src/stats/threshold-at-rate.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

// With ties, as scores that are cut at 0 have them.
const anyScores = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 120 });

describe('conformalPValue', () => {
  it('counts harmless scores that are at least as high, and itself', () => {
    expect(conformalPValue(3, [1, 2, 3, 4])).toBe(3 / 5);
    expect(conformalPValue(5, [1, 2, 3, 4])).toBe(1 / 5);
    expect(conformalPValue(0, [1, 2, 3, 4])).toBe(1);
    expect(conformalPValue(7, [])).toBe(1);
  });

  it('is never below 1 / (n + 1), and falls with the score', () => {
    fc.assert(
      fc.property(anyScores, fc.integer({ min: -1, max: 21 }), (harmless, score) => {
        const p = conformalPValue(score, harmless);
        expect(p).toBeGreaterThanOrEqual(1 / (harmless.length + 1));
        expect(p).toBeLessThanOrEqual(1);
        expect(conformalPValue(score + 1, harmless)).toBeLessThanOrEqual(p);
      }),
    );
  });

  it('is small as rarely as it says, with ties and with few', () => {
    for (const n of [4, 19, 40]) {
      let alarms = 0;
      for (let repeat = 0; repeat < 4000; repeat += 1) {
        const random = createRandomStream(0, 'conformal', n, repeat);
        const score = (): number => Math.max(0, Math.round(8 * random.uniform() - 2));
        if (conformalPValue(score(), Array.from({ length: n }, score)) <= 0.2) alarms += 1;
      }
      expect(alarms / 4000).toBeLessThanOrEqual(0.2 + 2 * Math.sqrt((0.2 * 0.8) / 4000));
    }
  });

  it('refuses what has no place among scores', async () => {
    expect((await errorOf(() => conformalPValue(NaN, [1]))).message).toContain('score is not a number');
    expect((await errorOf(() => conformalPValue(1, [1, NaN]))).message).toContain('harmless[1] is not a number');
    expect((await errorOf(() => conformalThreshold([1, NaN], 0.5))).code).toBe('usage-invalid');
    expect((await errorOf(() => conformalThreshold([1], 1))).code).toBe('usage-invalid');
  });
});

describe('conformalThreshold', () => {
  it('is what a score has to be above for a p-value of at most the rate', () => {
    fc.assert(
      fc.property(anyScores, fc.constantFrom(0, 0.01, 0.05, 0.29, 0.5), (harmless, rate) => {
        const threshold = conformalThreshold(harmless, rate);
        for (let score = -0.5; score <= 21; score += 0.5)
          expect(threshold !== null && score > threshold).toBe(conformalPValue(score, harmless) <= rate + 1e-9);
      }),
    );
  });

  it('claims no rate below 1 / (n + 1), where thresholdAtRate still has one', () => {
    const scores = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
    expect(conformalThreshold(scores(98), 0.01)).toBeNull();
    expect(conformalThreshold(scores(99), 0.01)).toBe(98);
    expect(conformalThreshold(scores(9), 0.1)).toBe(8);
    expect(conformalThreshold(scores(8), 0.1)).toBeNull();
    expect(conformalThreshold([], 0.5)).toBeNull();
    expect(thresholdAtRate(scores(98), 0.01)).toBe(97);
    expect(thresholdAtRate(scores(100), 0.01)).toBe(98);
    expect(conformalThreshold(scores(100), 0.01)).toBe(99);
  });
});
