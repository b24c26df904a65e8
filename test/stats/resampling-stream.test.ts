import { describe, expect, it } from 'vitest';
import { createResamplingStream, xoshiro128 } from '../../src/stats/resampling-stream.js';

describe('xoshiro128', () => {
  it('gives the words that the reference implementation gives', () => {
    // rand_xoshiro, tests of Xoshiro128StarStar, from xoshiro128starstar.c 1.1 with state {1, 2, 3, 4}
    const expected = [
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ];
    const state = Uint32Array.of(1, 2, 3, 4);
    const words = new Uint32Array(5);
    const drawn = [0, 1].flatMap(() => {
      xoshiro128(state, words, (word) => word);
      return [...words];
    });
    expect(drawn).toEqual(expected);
  });
});

describe('createResamplingStream', () => {
  it('draws every index about as often as any other, and the same for the same seed', () => {
    const indices = new Uint32Array(70_000);
    createResamplingStream(5, 'here').fill(indices, 7);
    const counts = new Array<number>(7).fill(0);
    for (const index of indices) counts[index]! += 1;
    // Chi-squared with 6 degrees of freedom exceeds 22.5 once in a thousand.
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(22.5);
    const again = new Uint32Array(50);
    createResamplingStream(5, 'here').fill(again, 7);
    expect([...again]).toEqual([...indices.slice(0, 50)]);
    createResamplingStream(5, 'there').fill(again, 7);
    expect([...again]).not.toEqual([...indices.slice(0, 50)]);
  });
});
