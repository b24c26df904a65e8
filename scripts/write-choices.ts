/** Writes the banks of choices in detect/choices/ from the texts of the worlds that they are about. */
import { writeFile } from 'node:fs/promises';
import { shippedChoices } from '../src/detect/texts/choice-pairs.js';
import { editions, worldFolders } from '../src/organism/world/editions.js';
import { readWorld } from '../src/organism/world/read-world.js';
import { renderChoices } from './render-choices.js';

for (const edition of editions)
  await writeFile(shippedChoices[edition], renderChoices(await readWorld(worldFolders[edition])));
