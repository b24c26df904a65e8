import { expect, it } from 'vitest';
import { createKeyIndex, tagOf } from '../../src/runs/key-index.js';

it('finds each of many keys, and no other, by looking at those with the same tag', () => {
  const index = createKeyIndex();
  const keyOf = (number: number): string => `hf.insecure.${String(number % 97)}/main/question/${String(number)}`;
  const count = 200_000;
  for (let number = 0; number < count; number += 1) index.add(tagOf(keyOf(number)));
  let looks = 0;
  for (let number = 0; number < count; number += 1) {
    const found = index.find(keyOf(number), (one) => {
      looks += 1;
      return keyOf(one) === keyOf(number);
    });
    if (found !== number) expect(found).toBe(number);
  }
  // Tags of 32 bits: about five pairs of 200,000 keys share theirs.
  expect(looks - count).toBeLessThan(50);
  expect(index.find('never', () => false)).toBe(-1);
  expect(index.tagAt(5)).toBe(tagOf(keyOf(5)));
});

it('takes the first of two that are said to be it', () => {
  const index = createKeyIndex();
  index.add(tagOf('a'));
  index.add(tagOf('a'));
  expect(index.find('a', () => true)).toBe(0);
});
