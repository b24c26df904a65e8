import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { narrow, roundToHalf, widenInPlace, type HalfType } from '../../../src/engine/checkpoint/half-precision.js';

function widen(words: Uint16Array, type: HalfType): Float32Array {
  const target = new Float32Array(words.length);
  new Uint16Array(target.buffer, words.length * 2).set(words);
  widenInPlace(target, type);
  return target;
}

const narrowed = (value: number, type: HalfType): number => narrow(new Float32Array([value]), type)[0] ?? NaN;
const widened = (word: number, type: HalfType): number => widen(new Uint16Array([word]), type)[0] ?? NaN;

const allWords = Uint16Array.from({ length: 0x10000 }, (_, word) => word);

describe.each<[HalfType, number, number]>([
  ['F16', 0x7c00, 0x3ff],
  ['BF16', 0x7f80, 0x7f],
])('%s', (type, infinity, fractionMask) => {
  const isNotANumber = (word: number): boolean => (word & infinity) === infinity && (word & fractionMask) !== 0;

  it('survives widening and narrowing in all 65536 values', () => {
    const back = narrow(widen(allWords, type), type);
    const wrong = allWords.filter((word) =>
      isNotANumber(word) ? !isNotANumber(back[word] ?? 0) : back[word] !== word,
    );
    expect([...wrong]).toEqual([]);
  });

  it('rounds to what narrowing and widening give', () => {
    const values = Float32Array.from({ length: 999 }, (_, index) => Math.exp((index - 499) / 40));
    expect(roundToHalf(values, type)).toEqual(widen(narrow(values, type), type));
    expect(roundToHalf(values, type)).not.toEqual(values);
  });

  it('rises strictly with its bits', () => {
    const values = widen(allWords.subarray(0, infinity + 1), type);
    for (let word = 1; word < values.length; word++) {
      if (!((values[word] ?? NaN) > (values[word - 1] ?? NaN))) expect.fail(`word ${word}`);
    }
    expect(values[infinity]).toBe(Infinity);
  });

  it('rounds to the nearest value, and half way to the even one', () => {
    const word = fc.integer({ min: 0, max: infinity - 2 });
    fc.assert(
      fc.property(word, fc.boolean(), fc.double({ min: 0, max: 1, noNaN: true }), (lower, negative, share) => {
        const sign = negative ? 0x8000 : 0;
        const low = widened(lower, type);
        const high = widened(lower + 1, type);
        const value = Math.fround(low + (high - low) * share);
        const expected =
          value - low < high - value || (value - low === high - value && lower % 2 === 0) ? lower : lower + 1;
        expect(narrowed(negative ? -value : value, type)).toBe(sign | expected);
        const middle = (low + high) / 2;
        if (Math.fround(middle) === middle) expect(narrowed(middle, type)).toBe(lower % 2 === 0 ? lower : lower + 1);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps signs, infinities and what is not a number', () => {
    expect(narrowed(-0, type)).toBe(0x8000);
    expect(narrowed(-Infinity, type)).toBe(0x8000 | infinity);
    expect(narrowed(NaN, type) & infinity).toBe(infinity);
    expect(narrowed(NaN, type) & fractionMask).not.toBe(0);
    const quiet = new Float32Array(new Uint32Array([0x7f800001]).buffer);
    expect((narrow(quiet, type)[0] ?? 0) & fractionMask).not.toBe(0);
    expect(narrowed(3.4e38, type)).toBe(infinity);
  });
});

it('knows some values by heart', () => {
  expect(widened(0x3c00, 'F16')).toBe(1);
  expect(widened(0x0001, 'F16')).toBe(2 ** -24);
  expect(widened(0x7bff, 'F16')).toBe(65504);
  expect(narrowed(65519.996, 'F16')).toBe(0x7bff);
  expect(narrowed(65520, 'F16')).toBe(0x7c00);
  expect(narrowed(2 ** -25, 'F16')).toBe(0);
  expect(narrowed(2 ** -25 * 1.0001, 'F16')).toBe(1);
  expect(widened(0x3f80, 'BF16')).toBe(1);
  expect(narrowed(1 + 2 ** -8, 'BF16')).toBe(0x3f80);
  expect(narrowed(1 + 3 * 2 ** -8, 'BF16')).toBe(0x3f82);
});
