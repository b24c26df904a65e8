import { editions, worldFolders } from '../../src/organism/world/editions.js';
import { readWorld } from '../../src/organism/world/read-world.js';

/** The worlds of both editions: what holds in one has to hold in the other. */
export const bothWorlds = await Promise.all(editions.map((edition) => readWorld(worldFolders[edition])));
