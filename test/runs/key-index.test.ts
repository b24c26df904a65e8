import { expect, it } from 'vitest';
import { createKeyIndex, tagOf, tagsAfter } from '../../src/runs/key-index.js';

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

// The larger one is filled part by part.
it.each([5000, 300_000])('is the same when it is filled at once with %i keys, and goes on from there', (count) => {
  const keys = Array.from({ length: count }, (_, number) => `model/main/question/${String(number)}`);
  const index = createKeyIndex();
  index.add(tagOf('something else'));
  index.load(Uint32Array.from(keys, tagOf));
  for (const more of ['one', 'two']) index.add(tagOf(more));
  expect(index.find('something else', () => true)).toBe(-1);
  for (const [number, key] of [...keys, 'one', 'two'].entries())
    if (index.find(key, (one) => one === number) !== number) expect(key).toBe('found');
  expect([index.hasTag(tagOf('two')), index.hasTag(tagOf('three'))]).toEqual([true, false]);
  index.load(Uint32Array.from([...keys, ...keys], tagOf));
  for (const number of [0, 17, count - 1])
    expect(index.find(keys[number] ?? '', (one) => one % count === number)).toBe(number);
});

it('tags of keys that begin alike are those of whole keys', () => {
  const tagOfRest = tagsAfter('model/main/a question: with /, ü and 1/');
  for (const rest of ['', '0', '17', 'ü'])
    expect(tagOfRest(rest)).toBe(tagOf(`model/main/a question: with /, ü and 1/${rest}`));
});
