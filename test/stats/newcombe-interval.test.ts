import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { newcombeInterval } from '../../src/stats/newcombe-interval.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const share = (successes: number, trials: number) => ({ successes, trials });
const someShare = fc
  .tuple(fc.integer({ min: 1, max: 300 }), fc.nat(300))
  .map(([trials, successes]) => share(Math.min(successes, trials), trials));

describe('newcombeInterval', () => {
  // statsmodels 0.15.0: confint_proportions_2indep(a, m, b, n, method='newcomb', compare='diff', alpha=0.05 and 0.1); the first is also
  // the example of Newcombe's paper.
  it.each([
    [56, 70, 48, 80, 0.05243147240236498, 0.33387265403690614, 0.07656419154407207, 0.31364458358294384],
    [9, 10, 3, 10, 0.1705227239345029, 0.809017973535488, 0.24211240088494457, 0.7896235073721287],
    [0, 50, 0, 50, -0.07134759913335874, 0.07134759913335874, -0.051333185786270163, 0.051333185786270163],
    [3, 50, 0, 50, -0.021496383126533014, 0.16217091688838173, -0.0025659566899963043, 0.14094194646069935],
    [20, 400, 2, 400, 0.023250992085126057, 0.0712158519668276, 0.026895920199762804, 0.06640420586785348],
    [10, 10, 0, 20, 0.6790860371419145, 1, 0.755985916743429, 1],
  ])('of %i of %i less %i of %i is that of statsmodels', (a, m, b, n, low95, high95, low90, high90) => {
    const { interval, estimate } = newcombeInterval(share(a, m), share(b, n));
    expect(estimate).toBeCloseTo(a / m - b / n, 15);
    expect(interval![0]).toBeCloseTo(low95, 12);
    expect(interval![1]).toBeCloseTo(high95, 12);
    const narrower = newcombeInterval(share(a, m), share(b, n), 0.9).interval!;
    expect(narrower[0]).toBeCloseTo(low90, 12);
    expect(narrower[1]).toBeCloseTo(high90, 12);
  });

  it('holds the difference, stays within -1 to 1, has a width, and turns with the order', () => {
    fc.assert(
      fc.property(someShare, someShare, (first, second) => {
        const { estimate, interval } = newcombeInterval(first, second);
        const [low, high] = interval!;
        expect(low <= estimate! && estimate! <= high && low < high).toBe(true);
        expect(low).toBeGreaterThanOrEqual(-1 - 1e-12);
        expect(high).toBeLessThanOrEqual(1 + 1e-12);
        const turned = newcombeInterval(second, first).interval!;
        expect(-turned[1]).toBeCloseTo(low, 12);
        expect(-turned[0]).toBeCloseTo(high, 12);
      }),
    );
  });

  it('covers a true difference about 95 times of 100, where the textbook interval of small shares does not', () => {
    const random = createRandomStream(0, 'newcombe');
    const draw = (trials: number, truth: number): number => {
      let successes = 0;
      for (let trial = 0; trial < trials; trial += 1) if (random.uniform() < truth) successes += 1;
      return successes;
    };
    const [repeats, trials] = [3000, 100];
    let covered = 0;
    let coveredByTextbook = 0;
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const [a, b] = [draw(trials, 0.04), draw(trials, 0.01)];
      const [low, high] = newcombeInterval(share(a, trials), share(b, trials)).interval!;
      if (low <= 0.03 && 0.03 <= high) covered += 1;
      const [p, q] = [a / trials, b / trials];
      const spread = 1.96 * Math.sqrt((p * (1 - p) + q * (1 - q)) / trials);
      if (Math.abs(p - q - 0.03) <= spread) coveredByTextbook += 1;
    }
    expect(covered / repeats).toBeGreaterThan(0.94);
    expect(covered / repeats).toBeLessThan(0.99);
    expect(coveredByTextbook / repeats).toBeLessThan(covered / repeats);
  });

  it('refuses a side without answers in words, and what is no share by an error', async () => {
    const refused = newcombeInterval(share(0, 0), share(1, 2));
    expect(refused).toMatchObject({ estimate: null, interval: null, n: 2, k: 1 });
    expect(refused.refusal).toContain('no answers');
    expect((await errorOf(() => newcombeInterval(share(3, 2), share(1, 2)))).code).toBe('usage-invalid');
    expect((await errorOf(() => newcombeInterval(share(1, 2), share(1, 2), 1))).code).toBe('usage-invalid');
  });
});
