import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { build } from '../../scripts/build.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const repository = path.resolve(import.meta.dirname, '../..');

async function makeSources() {
  const root = await makeTemporaryFolder();
  await symlink(path.join(repository, 'node_modules'), path.join(root, 'node_modules'), 'junction');
  await mkdir(path.join(root, 'src/report/browser'), { recursive: true });
  const write = (name: string, text: string): Promise<void> => writeFile(path.join(root, name), text);
  for (const name of ['package.json', 'tsconfig.json', 'tsconfig.build.json'])
    await write(name, await readFile(path.join(repository, name), 'utf8'));
  await write('src/report/browser/report-page.ts', 'document.title = "page";');
  await write('src/report/browser/report-page.css', 'body { color: black }');
  await write('src/one.ts', 'export const one = 1;');
  return { root, write };
}

it('is done where sources or dist/ have changed, from nothing but the sources, and not otherwise', async () => {
  const { root, write } = await makeSources();
  const list = async () => (await readdir(path.join(root, 'dist'))).sort();
  expect([await build(root), await list()]).toEqual([true, ['one.d.ts', 'one.js', 'report']]);
  expect(await readdir(path.join(root, 'dist/report/browser'))).toEqual(['report-page.css', 'report-page.js']);
  expect(await build(root)).toBe(false);
  await write('dist/stray.js', '');
  expect([await build(root), await list()]).toEqual([true, ['one.d.ts', 'one.js', 'report']]);
  await write('src/two.ts', 'export const two = 2;');
  expect([await build(root), await build(root)]).toEqual([true, false]);
  await write('src/two.ts', 'export const two: string = 2;');
  await expect(build(root)).rejects.toThrow(/^The build failed:\nsrc\/two.ts.*error TS2322/);
  await expect(build(root)).rejects.toThrow('The build failed');
  await write('src/two.ts', 'export const two = 2;');
  expect(await build(root)).toBe(false);
  await rm(path.join(root, 'src/two.ts'));
  expect([await build(root), await list()]).toEqual([true, ['one.d.ts', 'one.js', 'report']]);
  expect((await readdir(path.join(root, '.cache'))).sort()).toEqual(['built.txt', 'compiled']);
}, 240_000);
