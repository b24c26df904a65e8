import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readFileBlocks, type FileReading } from '../../src/foundation/read-file-blocks.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from './temporary-folder.js';

async function makeFile(content: Uint8Array | string, name = 'file'): Promise<string> {
  const path = join(await makeTemporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

async function read(file: string, reading?: FileReading): Promise<string> {
  const blocks: Buffer[] = [];
  for await (const block of readFileBlocks(file, reading)) blocks.push(block);
  return Buffer.concat(blocks).toString();
}

const long = Array.from({ length: 300_000 }, (_, line) => `line ${String(line)}\n`).join('');

describe('readFileBlocks', () => {
  it('reads files as they are, and gzip unpacked, whatever its name', async () => {
    expect(await read(await makeFile(long))).toBe(long);
    expect(await read(await makeFile(gzipSync(long)))).toBe(long);
    expect(await read(await makeFile(Buffer.concat([gzipSync('one '), gzipSync('two')]), 'parts.gz'))).toBe('one two');
    for (const short of ['', 'x', gzipSync('')])
      expect(await read(await makeFile(short))).toBe(short === 'x' ? 'x' : '');
  });

  it('says how much of the file has been read, of gzip in packed bytes', async () => {
    for (const content of [Buffer.from(long), gzipSync(long)]) {
      const counts: number[] = [];
      await read(await makeFile(content), { onBytes: (bytes) => counts.push(bytes) });
      expect(counts.at(-1)).toBe(content.length);
      expect(counts).toEqual([...counts].sort((one, other) => one - other));
    }
  });

  it('says of gzip that it is damaged, or not whole', async () => {
    const packed = gzipSync(long);
    for (const broken of [
      packed.subarray(0, packed.length / 2),
      Buffer.concat([packed.subarray(0, 100), packed.subarray(50)]),
    ]) {
      const file = await makeFile(broken, 'broken.csv.gz');
      const error = await errorOf(() => read(file));
      expect(error.code).toBe('file-unreadable');
      expect(error.message).toContain(`${file} is damaged gzip, or not all of it`);
    }
  });

  it('says what cannot be read', async () => {
    const folder = await makeTemporaryFolder();
    for (const file of [join(folder, 'missing.csv'), folder]) {
      const error = await errorOf(() => read(file));
      expect([error.code, error.message.includes(`${file} could not be read`)]).toEqual(['file-unreadable', true]);
    }
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const file = await makeFile(long);
    await expect(read(file, { signal: stop.signal, onBytes: () => stop.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });
});
