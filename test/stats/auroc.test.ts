import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { auroc, type ScoredItem } from '../../src/stats/auroc.js';
import { mannWhitney } from '../../src/stats/mann-whitney.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const items = (positives: readonly number[], negatives: readonly number[]): ScoredItem[] => [
  ...positives.map((score) => ({ score, isPositive: true })),
  ...negatives.map((score) => ({ score, isPositive: false })),
];
const positives = [0.9, 0.8, 0.7, 0.4, 0.6, 0.6];
const negatives = [0.1, 0.3, 0.6, 0.2, 0.5, 0.4, 0.35];
const inClusters = (list: readonly ScoredItem[], clusters: string): ScoredItem[] =>
  list.map((item, index) => ({ ...item, cluster: clusters[index]! }));

describe('auroc', () => {
  it("is scikit-learn's, with DeLong's interval by NumPy", () => {
    // scikit-learn: roc_auc_score([1] * 6 + [0] * 7, positives + negatives). With M[i, j] = (p_i > n_j) + (p_i == n_j) / 2:
    // v = M.mean(1).var(ddof=1) / 6 + M.mean(0).var(ddof=1) / 7, logit(A) -+ norm.ppf(.975) sqrt(v) / (A (1 - A))
    const result = auroc(items(positives, negatives));
    expect(result).toMatchObject({ n: 13, k: 6, clusters: null, unit: 'answer', method: 'DeLong, logit scale' });
    expect(result.estimate).toBeCloseTo(0.9166666666666666, 14);
    expect(result.interval![0]).toBeCloseTo(0.6205770824475333, 12);
    expect(result.interval![1]).toBeCloseTo(0.9866630759007781, 12);
  });

  it('takes clusters as wholes', () => {
    // NumPy: s[c] sums (M.mean(1) - A) / 6 and (M.mean(0) - A) / 7 over cluster c; v = 4 / 3 sum s^2, and t.ppf(.975, 3)
    const result = auroc(inClusters(items(positives, negatives), 'aabbccabbcddd'));
    expect(result).toMatchObject({ clusters: 4, unit: 'question' });
    expect(result.interval![0]).toBeCloseTo(0.27407939584110363, 12);
    expect(result.interval![1]).toBeCloseTo(0.996889366404839, 12);
    const byModel = auroc(inClusters(items(positives, negatives), 'aabbccabbcddd'), { unit: 'model' });
    expect(byModel.method).toContain('by model');
  });

  it('has a width where scores separate without exception, and says how', () => {
    const apart = auroc(items([5, 6, 7], [1, 2, 3]));
    expect(apart.estimate).toBe(1);
    expect(apart.interval![1]).toBe(1);
    expect(apart.interval![0]).toBeGreaterThan(0.3);
    expect(apart.interval![0]).toBeLessThan(0.8);
    expect(apart.method).toContain('Newcombe');
    // The bound is where (1 - A)^2 = z^2 V(A): 3 items a side, so that N* is 2.
    const low = apart.interval![0];
    const variance = (low * (1 - low) * (1 + 2 * ((1 - low) / (2 - low) + low / (1 + low)))) / 9;
    expect((1 - low) ** 2).toBeCloseTo(1.959963984540054 ** 2 * variance, 10);
    const reversed = auroc(items([1, 2, 3], [5, 6, 7]));
    expect(reversed.estimate).toBe(0);
    expect(reversed.interval![1]).toBeCloseTo(1 - low, 10);
    const ofClusters = auroc(inClusters(items([5, 6, 7], [1, 2, 3]), 'aabbab'));
    expect(ofClusters.interval![0]).toBeLessThan(low);
  });

  it("agrees with Mann and Whitney's U, and sees the order of scores alone", () => {
    const scores = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(scores, scores, (first, second) => {
        const { estimate, interval } = auroc(items(first, second));
        expect(estimate).toBeCloseTo(mannWhitney(first, second).auroc!, 12);
        const [low, high] = interval!;
        expect(low <= estimate! + 1e-12 && estimate! <= high + 1e-12 && low < high).toBe(true);
        const warped = auroc(items(first.map(Math.exp), second.map(Math.exp)));
        expect(warped.interval![0]).toBeCloseTo(low, 12);
        const turned = auroc(items(second, first)).interval!;
        expect(1 - turned[1]).toBeCloseTo(low, 8);
      }),
    );
  });

  it('covers the true area about 95 times of 100', () => {
    // Normal scores one deviation apart: the area is P(1 / sqrt 2) = 0.7602.
    const random = createRandomStream(0, 'auroc');
    const repeats = 1500;
    let covered = 0;
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const draw = (count: number, mean: number) => Array.from({ length: count }, () => random.normal() + mean);
      const [low, high] = auroc(items(draw(30, 1), draw(40, 0))).interval!;
      if (low <= 0.7602499389065233 && 0.7602499389065233 <= high) covered += 1;
    }
    expect(covered / repeats).toBeGreaterThan(0.935);
    expect(covered / repeats).toBeLessThan(0.975);
  });

  it('says in words what it cannot say', async () => {
    expect(auroc(items([], [1])).refusal).toContain('no positive');
    expect(auroc(items([1], [])).refusal).toContain('no negative');
    const single = auroc(inClusters(items([2], [1]), 'aa'));
    expect(single).toMatchObject({ estimate: 1, interval: null });
    expect(single.refusal).toContain('one question');
    const partly = [...items([2], []), ...inClusters(items([], [1]), 'a')];
    expect((await errorOf(() => auroc(partly))).message).toContain('1 of 2 items');
    expect((await errorOf(() => auroc(items([NaN], [1])))).code).toBe('usage-invalid');
  });
});
