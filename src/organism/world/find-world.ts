import { currentEdition, editions, worldFolder, worldFolders } from './editions.js';
import { readWorld } from './read-world.js';
import type { World } from './world.js';

/**
 * The world that a run was made in, by its hash: of any edition, also with a character for each exchange. The current one if none
 * has this hash.
 */
export async function findWorld(hash: string): Promise<World> {
  // The current edition first: a world takes a moment to read.
  const known = [currentEdition, ...editions.filter((edition) => edition !== currentEdition)];
  for (const changes of [{}, { character_of: 'exchange' as const }]) {
    for (const edition of known) {
      const world = await readWorld(worldFolders[edition], changes);
      if (world.hash === hash) return world;
    }
  }
  return readWorld(worldFolder);
}
