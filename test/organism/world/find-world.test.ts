import { expect, test } from 'vitest';
import { firstWorldHash } from '../../../src/organism/organism.js';
import { worldFolder, worldFolders } from '../../../src/organism/world/editions.js';
import { findWorld } from '../../../src/organism/world/find-world.js';
import { readWorld } from '../../../src/organism/world/read-world.js';

test('a run is judged by the world that it was asked in, of whichever edition', async () => {
  expect((await findWorld(firstWorldHash)).edition).toBe(1);
  for (const folder of Object.values(worldFolders)) {
    for (const character_of of ['document', 'exchange'] as const) {
      const world = await readWorld(folder, { character_of });
      const found = await findWorld(world.hash);
      expect([found.edition, found.hash]).toEqual([world.edition, world.hash]);
    }
  }
  expect((await findWorld('of nobody')).folder).toBe(worldFolder);
});
