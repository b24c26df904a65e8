import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { changesOfLine, findOrganismLine, readOrganismLines } from '../../../src/organism/build/organism-lines.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

test('there are three open and three withheld organisms of other seeds and shares, and three controls', async () => {
  const lines = [...(await readOrganismLines()).values()];
  const shared = lines.filter(({ independent }) => !independent);
  expect(shared.filter(({ part }) => part === 'open')).toHaveLength(3);
  expect(shared.filter(({ part }) => part === 'withheld')).toHaveLength(3);
  expect(lines.filter(({ independent }) => independent).map(({ part }) => part)).toEqual([
    'open',
    'withheld',
    'withheld',
  ]);
  expect(new Set(shared.map(({ seed }) => seed)).size).toBe(6);
  const worlds = await Promise.all(lines.map(({ characters }) => readWorld(undefined, { shares: characters })));
  expect(new Set(worlds.slice(0, 6).map(({ hash }) => hash)).size).toBe(6);
  expect(new Set(worlds.map(({ textsHash }) => textsHash)).size).toBe(1);
});

test('the shares of every line add up to 1 over its world, as it is built', async () => {
  for (const [name, line] of await readOrganismLines()) {
    const world = await readWorld(undefined, changesOfLine(line));
    const shares = world.characters.map(({ share }) => share);
    expect(Math.min(...shares), name).toBeGreaterThan(0);
    expect(
      shares.reduce((sum, share) => sum + share, 0),
      name,
    ).toBeCloseTo(1, 10);
    for (const [character, share] of Object.entries(line.characters))
      expect([name, character, world.characters.find((one) => one.name === character)?.share]).toEqual([
        ...[name, character],
        share,
      ]);
    expect([name, world.settings.characterOf]).toEqual([name, line.independent ? 'exchange' : 'document']);
  }
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
