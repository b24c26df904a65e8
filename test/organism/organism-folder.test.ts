import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findOrganismFolder, listOrganismNames } from '../../src/organism/organism-folder.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

async function makeModels(...names: string[]): Promise<string> {
  const folder = await makeTemporaryFolder();
  for (const name of names) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'config.json'), '{}');
  }
  return folder;
}

describe('organism folders', () => {
  it('are listed by their names, numbers in their order, and only where there is a model', async () => {
    const folder = await makeModels('independent-1', '10', '2', '1');
    await mkdir(join(folder, 'half-built'));
    await writeFile(join(folder, 'notes.txt'), '');
    expect(await listOrganismNames(folder)).toEqual(['1', '2', '10', 'independent-1']);
  });

  it('are found by name and alias', async () => {
    const folder = await makeModels('1', 'independent-1', 'independent-2');
    expect(await findOrganismFolder('independent-2', folder)).toBe(join(folder, 'independent-2'));
    expect(await findOrganismFolder('independent', folder)).toBe(join(folder, 'independent-1'));
    expect(await findOrganismFolder('base', folder)).toBe(join(folder, '1'));
  });

  it.each(['independant-1', '../1', 'constructor'])('fail for %s with the list', async (name) => {
    const folder = await makeModels('1', 'independent-1');
    const error = await errorOf(() => findOrganismFolder(name, folder));
    expect(error).toMatchObject({ code: 'model-unknown', exitCode: 2 });
    expect(error.message).toContain(name);
    expect(error.hint).toContain('There are organism:1, organism:independent-1.');
    expect(error.hint.includes('Did you mean organism:independent-1?')).toBe(name === 'independant-1');
  });

  it('say so where there are none at all', async () => {
    const folder = join(await makeModels(), 'nothing');
    expect(await listOrganismNames(folder)).toEqual([]);
    expect((await errorOf(() => findOrganismFolder('1', folder))).hint).toContain(folder);
  });
});
