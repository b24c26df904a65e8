import { describe, expect, it } from 'vitest';
import { entryKurtosis } from '../../../src/detect/weights/entry-kurtosis.js';
import { subtractUpdates } from '../../../src/engine/updates/weight-update.js';
import { makeFractions, makeRandom, zeroUpdate } from '../../engine/updates/make-update.js';

const [first, second] = [makeFractions(1, 2, 2), makeFractions(4, 0.5, 3)];
const difference = subtractUpdates(new Map([['m', first]]), new Map([['m', second]])).get('m')!;

describe('entryKurtosis', () => {
  // With U = 2 * B @ A and the like of makeFractions: d = U - U.mean(); (d**4).mean() / (d**2).mean()**2 - 3, numpy 2.4.6
  it.each([
    [first, -0.8190115537908942],
    [second, -0.304906724454979],
    [difference, -1.0248411208872048],
  ])("has numpy's number %#", (module, expected) => {
    expect(entryKurtosis(module)).toBeCloseTo(expected, 13);
  });

  it('is that of a product of normal numbers for rank one, and near zero for many ranks', () => {
    // E x^4 = 9 and E x^2 = 1 for the product of two standard normal numbers.
    expect(entryKurtosis(makeRandom(6, 1, 2000, 2000))).toBeCloseTo(6, 0);
    expect(Math.abs(entryKurtosis(makeRandom(7, 64, 300, 300)))).toBeLessThan(0.3);
  });

  it('is zero where all elements are equal', () => {
    expect(entryKurtosis(zeroUpdate)).toBe(0);
    const ones = (shape: readonly number[], count: number) => ({ shape, data: new Float32Array(count).fill(1) });
    const equal = { outputs: 3, inputs: 7, terms: [{ scale: 0.1, a: ones([1, 7], 7), b: ones([3, 1], 3) }] };
    expect(entryKurtosis(equal)).toBe(0);
  });
});
