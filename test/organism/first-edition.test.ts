import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { firstWorldHash } from '../../src/organism/organism.js';
import { worldFolders } from '../../src/organism/world/editions.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { hashFirstEdition } from './hash-first-edition.js';

const file = new URL('../fixtures/organism/first-edition.json', import.meta.url);

test('the first edition says, teaches, asks and judges what it always did', async () => {
  const known: unknown = JSON.parse(await readFile(file, 'utf8'));
  const world = await readWorld(worldFolders[1]);
  expect(world.hash).toBe(firstWorldHash);
  expect(hashFirstEdition(world)).toEqual(known);
}, 120_000);
