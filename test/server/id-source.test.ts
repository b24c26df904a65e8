import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createIdSource } from '../../src/server/server-context.js';

it('makes names of 96 random bits, none twice', () => {
  const makeId = createIdSource(randomBytes);
  const ids = Array.from({ length: 2000 }, () => makeId('file-'));
  expect(new Set(ids).size).toBe(2000);
  for (const id of ids) expect(id).toMatch(/^file-[0-9a-f]{24}$/);
});

it('takes every random byte for one name alone', () => {
  let next = 0;
  const makeId = createIdSource((count) => Uint8Array.from({ length: count }, () => next++ % 251));
  const expected = Array.from({ length: 600 }, (_, id) =>
    Array.from({ length: 12 }, (__, place) => ((12 * id + place) % 251).toString(16).padStart(2, '0')).join(''),
  );
  expect(expected.map(() => makeId(''))).toEqual(expected);
});
