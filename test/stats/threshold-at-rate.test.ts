import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thresholdAtRate } from '../../src/stats/threshold-at-rate.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const positives = [0.9, 0.8, 0.7, 0.4, 0.6, 0.6];
const negatives = [0.1, 0.3, 0.6, 0.2, 0.5, 0.4, 0.35];

describe('thresholdAtRate', () => {
  it.each([
    // scikit-learn: fpr, tpr, _ = roc_curve([1] * 6 + [0] * 7, positives + negatives, drop_intermediate=False); tpr[fpr <= rate].max()
    [0, 0.5],
    [0.15, 0.8333333333333334],
    [0.3, 0.8333333333333334],
    [0.5, 1],
  ])("has at %d the true-positive rate of scikit-learn's curve", (rate, expected) => {
    const threshold = thresholdAtRate(negatives, rate) ?? Infinity;
    expect(positives.filter((score) => score > threshold).length / positives.length).toBe(expected);
  });

  it('never has more false alarms than it may, and could not be lower', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0, 0.01, 0.05, 0.29, 0.5),
        (scores, rate) => {
          const threshold = thresholdAtRate(scores, rate) ?? Infinity;
          const share = (limit: number) => scores.filter((score) => score > limit).length / scores.length;
          expect(share(threshold)).toBeLessThanOrEqual(rate + 1e-9);
          const lower = Math.max(...scores.filter((score) => score < threshold), -Infinity);
          expect(share(lower)).toBeGreaterThan(lower === -Infinity ? -1 : rate - 1e-9);
        },
      ),
    );
  });

  it('is nothing without negatives, and refuses what is no rate', async () => {
    expect(thresholdAtRate([], 0.05)).toBeNull();
    expect((await errorOf(() => thresholdAtRate(negatives, 1.5))).code).toBe('usage-invalid');
  });
});
