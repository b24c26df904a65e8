import { describe, expect, it } from 'vitest';
import { normalCumulative, normalQuantile } from '../../src/stats/normal-distribution.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { relativeError } from './relative-error.js';

describe('normalQuantile', () => {
  // SciPy 1.17.1: special.ndtri(p)
  it.each([
    [1e-300, -37.0470962993612],
    [1e-20, -9.262340089798409],
    [1e-5, -4.264890793922825],
    [0.025, -1.9599639845400545],
    [0.075, -1.4395314709384563],
    [0.3, -0.5244005127080409],
    [0.5, 0],
    [0.6, 0.2533471031357997],
    [0.925, 1.4395314709384563],
    [0.975, 1.959963984540054],
    [0.999999, 4.753424308817087],
  ])('of %d is that of SciPy', (probability, expected) => {
    expect(relativeError(normalQuantile(probability), expected)).toBeLessThan(2e-15);
  });
});

describe('normalCumulative', () => {
  // SciPy 1.17.1: special.ndtr(x)
  it.each([
    [-37, 5.7255712225239266e-300],
    [-8, 6.22096057427174e-16],
    [-3, 0.0013498980316300933],
    [-2.9, 0.0018658133003840375],
    [-1, 0.15865525393145707],
    [-0.9, 0.18406012534675947],
    [0, 0.5],
    [0.3, 0.6179114221889526],
    [2, 0.9772498680518208],
    [3.5, 0.9997673709209645],
    [8, 0.9999999999999993],
    [-Infinity, 0],
    [Infinity, 1],
  ])('of %d is that of SciPy', (value, expected) => {
    expect(relativeError(normalCumulative(value), expected)).toBeLessThan(value < -30 ? 2e-13 : 1e-14);
  });

  it('undoes the quantile, and refuses what is no number or probability', async () => {
    for (let probability = 0.01; probability < 1; probability += 0.01) {
      expect(normalCumulative(normalQuantile(probability))).toBeCloseTo(probability, 14);
    }
    for (const call of [() => normalQuantile(0), () => normalQuantile(1), () => normalCumulative(NaN)]) {
      expect((await errorOf(call)).code).toBe('usage-invalid');
    }
  });
});
