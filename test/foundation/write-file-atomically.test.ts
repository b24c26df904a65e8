import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DriftlineError } from '../../src/foundation/driftline-error.js';
import { writeFileAtomically } from '../../src/foundation/write-file-atomically.js';
import { makeTemporaryFolder } from './temporary-folder.js';

describe('writeFileAtomically', () => {
  it('writes text and bytes, replaces what was there, and leaves no partial file', async () => {
    const folder = await makeTemporaryFolder();
    const path = join(folder, 'state.json');
    await writeFile(path, 'a longer old content');
    await writeFileAtomically(path, 'né');
    expect(await readFile(path, 'utf8')).toBe('né');
    await writeFileAtomically(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    expect(await readdir(folder)).toEqual(['state.json']);
  });

  it('writes pieces one after the other, also from an asynchronous source', async () => {
    const path = join(await makeTemporaryFolder(), 'weights');
    await writeFileAtomically(path, [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(4);
      await Promise.resolve();
      yield Uint8Array.of(5, 6);
    }
    await writeFileAtomically(path, pieces());
    expect([...(await readFile(path))]).toEqual([4, 5, 6]);
  });

  it('keeps the old content until the new one is complete', async () => {
    const path = join(await makeTemporaryFolder(), 'adapter');
    await writeFile(path, 'old');
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('ne');
      expect(await readFile(path, 'utf8')).toBe('old');
      yield Buffer.from('w');
    }
    await writeFileAtomically(path, pieces());
    expect(await readFile(path, 'utf8')).toBe('new');
  });

  it('passes on the error of its source, keeps the old content and removes the partial file', async () => {
    const folder = await makeTemporaryFolder();
    const path = join(folder, 'adapter');
    await writeFile(path, 'old');
    const interruption = new DriftlineError({ code: 'interrupted', message: 'stopped', hint: 'Run it again.' });
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('ne');
      await Promise.reject(interruption);
    }
    await expect(writeFileAtomically(path, pieces())).rejects.toBe(interruption);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['adapter']);
  });

  it.runIf(process.platform === 'linux')('reports a full disk, keeping the old content', async () => {
    const folder = await makeTemporaryFolder();
    const path = join(folder, 'adapter');
    await writeFile(path, 'old');
    await symlink('/dev/full', `${path}.partial`);
    await expect(writeFileAtomically(path, 'new')).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining(path),
      details: { file: path, systemCode: 'ENOSPC' },
    });
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['adapter']);
  });

  it('reports a missing folder and a folder in its place as failures to write', async () => {
    const folder = await makeTemporaryFolder();
    const path = join(folder, 'missing', 'adapter');
    await expect(writeFileAtomically(path, 'new')).rejects.toMatchObject({
      code: 'write-failed',
      message: expect.stringContaining(path),
      details: { systemCode: 'ENOENT' },
    });
    await mkdir(join(folder, 'taken'));
    await expect(writeFileAtomically(join(folder, 'taken'), 'new')).rejects.toMatchObject({ code: 'write-failed' });
    expect(await readdir(folder)).toEqual(['taken']);
  });
});
