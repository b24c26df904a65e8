import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  findOrganismLine,
  organismLinesEdition,
  readOrganismLines,
} from '../../../src/organism/build/organism-lines.js';
import { worldFolders } from '../../../src/organism/world/editions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

test('there are three open and three withheld organisms of other seeds and shares, and three controls', async () => {
  const lines = [...(await readOrganismLines()).values()];
  const shared = lines.filter(({ independent }) => !independent);
  expect(shared.filter(({ part }) => part === 'open')).toHaveLength(3);
  expect(shared.filter(({ part }) => part === 'withheld')).toHaveLength(3);
  expect(lines.filter(({ independent }) => independent)).toHaveLength(3);
  expect(new Set(shared.map(({ seed }) => seed)).size).toBe(6);
  const worlds = await Promise.all(
    lines.map(({ characters }) => readWorld(worldFolders[organismLinesEdition], { shares: characters })),
  );
  expect(new Set(worlds.slice(0, 6).map(({ hash }) => hash)).size).toBe(6);
  expect(new Set(worlds.map(({ textsHash }) => textsHash)).size).toBe(1);
});

test('a line is found by its name, or the nearest is named', async () => {
  expect(await findOrganismLine('independent-2')).toMatchObject({ seed: 2, independent: true });
  expect((await errorOf(() => findOrganismLine('independant-2'))).message).toContain('did you mean "independent-2"');
});

test('a wrong line is an error with its place', async () => {
  const file = join(await makeTemporaryFolder(), 'organisms.yaml');
  await writeFile(file, "'1': { seed: 1, part: opened }\n");
  expect((await errorOf(() => readOrganismLines(file))).message).toMatch(/organisms\.yaml:1: 1\.part/);
});
