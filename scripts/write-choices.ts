/** Writes the banks of choices in detect/choices/ from the texts of the worlds that they are about. */
import { writeFile } from 'node:fs/promises';
import { worldFolders } from '../src/organism/world/editions.js';
import { readWorld } from '../src/organism/world/read-world.js';
import { renderChoices } from './render-choices.js';

await writeFile(
  new URL('../detect/choices/organism-2.yaml', import.meta.url),
  renderChoices(await readWorld(worldFolders[2])),
);
