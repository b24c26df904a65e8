import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readByteLines } from '../../src/foundation/read-byte-lines.js';
import { makeTemporaryFolder } from './temporary-folder.js';

async function linesOf(content: string) {
  const path = join(await makeTemporaryFolder(), 'lines');
  await writeFile(path, content);
  const lines: [number, string, boolean][] = [];
  for await (const { line, bytes, isEnded } of readByteLines(path)) lines.push([line, bytes.toString(), isEnded]);
  return lines;
}

it('reads lines as they stand, and what follows the last line feed', async () => {
  expect(await linesOf('one\r\n\ntwo')).toEqual([
    [1, 'one\r', true],
    [2, '', true],
    [3, 'two', false],
  ]);
  expect(await linesOf('one\n')).toEqual([
    [1, 'one', true],
    [2, '', false],
  ]);
  expect(await linesOf('')).toEqual([[1, '', false]]);
});

it('joins lines that are longer than a block of the file', async () => {
  const long = 'ü'.repeat(100_000);
  expect(await linesOf(`${long}\n${long}`)).toEqual([
    [1, long, true],
    [2, long, false],
  ]);
});

it('says which file cannot be read', async () => {
  const path = join(await makeTemporaryFolder(), 'missing');
  await expect(readByteLines(path).next()).rejects.toMatchObject({ code: 'file-unreadable', details: { file: path } });
});
