import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { wilsonInterval } from '../../src/stats/wilson-interval.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

describe('wilsonInterval', () => {
  // statsmodels 0.15.0: proportion_confint(successes, trials, method='wilson')
  it.each([
    [0, 1, 0, 0.7934506856227627],
    [1, 1, 0.2065493143772374, 1],
    [0, 10, 0, 0.27753279986288926],
    [3, 10, 0.10779126740630104, 0.6032218525388546],
    [10, 10, 0.7224672001371106, 1],
    [1, 1000, 0.00017654637062607765, 0.005642558597957937],
    [52, 1000, 0.03987303628377741, 0.06755573931927998],
    [999, 1000, 0.9943574414020421, 0.9998234536293739],
    [0, 4000, 0, 0.0009594432897014869],
    [123456, 1000000, 0.12281269653142285, 0.12410219641400438],
  ])('of %i of %i is that of statsmodels', (successes, trials, low, high) => {
    const interval = wilsonInterval(successes, trials);
    expect(interval[0]).toBeCloseTo(low, 14);
    expect(interval[1]).toBeCloseTo(high, 14);
    // What is exact is exact, though rounding would leave it beside.
    if (successes === 0) expect(interval[0]).toBe(0);
    if (successes === trials) expect(interval[1]).toBe(1);
  });

  // statsmodels 0.15.0: proportion_confint(successes, trials, alpha=1 - confidence, method='wilson')
  it.each([
    [0, 10, 0.99, 0, 0.3988540933049081],
    [3, 10, 0.9, 0.12687658390319784, 0.558300204130165],
    [52, 1000, 0.5, 0.047464747508486255, 0.0569426901683895],
  ])('of %i of %i with confidence %d is that of statsmodels', (successes, trials, confidence, low, high) => {
    const interval = wilsonInterval(successes, trials, confidence);
    expect(interval[0]).toBeCloseTo(low, 14);
    expect(interval[1]).toBeCloseTo(high, 14);
  });

  it('of nothing is everything', () => {
    expect(wilsonInterval(0, 0)).toEqual([0, 1]);
  });

  it('holds the share, and mirrors when successes and failures change places', () => {
    for (let trials = 1; trials <= 40; trials += 1) {
      for (let successes = 0; successes <= trials; successes += 1) {
        const [low, high] = wilsonInterval(successes, trials);
        const [mirroredLow, mirroredHigh] = wilsonInterval(trials - successes, trials);
        expect(0 <= low && low <= successes / trials && successes / trials <= high && high <= 1).toBe(true);
        expect(1 - mirroredHigh).toBeCloseTo(low, 14);
        expect(1 - mirroredLow).toBeCloseTo(high, 14);
      }
    }
  });

  it.each([0.02, 0.3, 0.5])('covers the true share %f about 95 times of 100', (share) => {
    const [repeats, trials] = [4000, 200];
    const stream = createRandomStream(0, 'coverage', String(share));
    let covered = 0;
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      let successes = 0;
      for (let trial = 0; trial < trials; trial += 1) successes += stream.uniform() < share ? 1 : 0;
      const [low, high] = wilsonInterval(successes, trials);
      if (low <= share && share <= high) covered += 1;
    }
    // Counts are whole, so that the coverage of a share is a little off 95 %; the textbook's interval p -+ 1.96
    // sqrt(p(1-p)/n) has 0.91 at 0.02.
    expect(covered / repeats).toBeGreaterThan(0.93);
    expect(covered / repeats).toBeLessThan(0.98);
  });

  it.each([0, 1, NaN, 95])('refuses a confidence of %d', async (confidence) => {
    expect((await errorOf(() => wilsonInterval(1, 2, confidence))).code).toBe('usage-invalid');
  });

  it.each([
    [3, 2],
    [-1, 2],
    [0.5, 2],
    [1, 2.5],
    [NaN, 2],
    [1, Infinity],
    [0, -1],
  ])('refuses %d of %d', async (successes, trials) => {
    const error = await errorOf(() => wilsonInterval(successes, trials));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(`${String(successes)} of ${String(trials)}`);
  });
});
