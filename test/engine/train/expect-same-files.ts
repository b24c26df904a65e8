import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'vitest';

/** The files of a folder and its subfolders, as sorted relative paths. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Equal files with equal bytes in both folders. */
export async function expectSameFiles(found: string, expected: string): Promise<void> {
  const files = await listFiles(expected);
  expect(await listFiles(found)).toEqual(files);
  for (const file of files) {
    expect((await readFile(join(found, file))).equals(await readFile(join(expected, file))), file).toBe(true);
  }
}
