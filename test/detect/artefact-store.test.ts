import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { openArtefactStore, type ArtefactStore } from '../../src/detect/artefact-store.js';
import type { RecordKind } from '../../src/runs/record-file.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

interface Length {
  readonly key: string;
  readonly length: number;
}

const lengths: RecordKind<Length> = {
  ...{ name: 'lengths.jsonl', keyOf: ({ key }) => key },
  schema: z.strictObject({ key: z.string(), length: z.number() }),
};

function openStore(...folders: readonly [string, ...string[]]): ArtefactStore {
  const store = openArtefactStore(folders);
  onTestFinished(store.close);
  return store;
}

/** Measures words, and counts those that it has measured. */
function remember(store: ArtefactStore, words: readonly string[], measured: string[], batch = 256) {
  return store.remember(
    lengths,
    words,
    async (missing) =>
      missing.map((place) => {
        const key = words[place] ?? '';
        measured.push(key);
        return { key, length: key.length };
      }),
    { batch },
  );
}

describe('remembered records', () => {
  it('are made once, in the order of the keys, and found again by another process', async () => {
    const folder = await makeTemporaryFolder();
    const store = openArtefactStore([folder]);
    const measured: string[] = [];
    expect(await remember(store, ['tea', 'a', 'tea'], measured)).toEqual([
      { key: 'tea', length: 3 },
      { key: 'a', length: 1 },
      { key: 'tea', length: 3 },
    ]);
    await store.close();
    const again = openStore(folder);
    const [, both] = await Promise.all([
      remember(again, ['b', 'tea'], measured),
      remember(again, ['a', 'b'], measured),
    ]);
    expect(both.map(({ length }) => length)).toEqual([1, 1]);
    expect(measured).toEqual(['tea', 'a', 'b']);
  });

  it('are lost by at most a batch when the work is killed', async () => {
    const folder = await makeTemporaryFolder();
    const store = openArtefactStore([folder]);
    const words = Array.from({ length: 10 }, (_, index) => 'x'.repeat(index + 1));
    const failing = store.remember(
      lengths,
      words,
      async (missing) => {
        if (missing.includes(6)) throw new Error('killed');
        return missing.map((place) => ({ key: words[place] ?? '', length: place + 1 }));
      },
      { batch: 4 },
    );
    await expect(failing).rejects.toThrow('killed');
    await store.close();
    const measured: string[] = [];
    expect((await remember(openStore(folder), words, measured, 4)).map(({ length }) => length)).toEqual(
      words.map(({ length }) => length),
    );
    expect(measured).toEqual(words.slice(4));
  });

  it('are read in all folders, and written into the first', async () => {
    const [own, other] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
    const before = openArtefactStore([other]);
    await remember(before, ['tea'], []);
    await before.close();
    const measured: string[] = [];
    await remember(openStore(own, other), ['tea', 'cup'], measured);
    expect(measured).toEqual(['cup']);
    expect(await readFile(join(own, 'artefacts', lengths.name), 'utf8')).not.toContain('tea');
    expect(await readFile(join(other, 'artefacts', lengths.name), 'utf8')).not.toContain('cup');
  });

  it('are made again where a line was changed', async () => {
    const folder = await makeTemporaryFolder();
    const store = openArtefactStore([folder]);
    await remember(store, ['tea', 'cup'], []);
    await store.close();
    const file = join(folder, 'artefacts', lengths.name);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"length":3', '"length":4'));
    const measured: string[] = [];
    expect(await remember(openStore(folder), ['tea', 'cup'], measured)).toEqual([
      { key: 'tea', length: 3 },
      { key: 'cup', length: 3 },
    ]);
    expect(measured).toEqual(['tea']);
  });

  it('leave the folder alone until they are needed, and then to one process', async () => {
    const folder = await makeTemporaryFolder();
    const store = openStore(folder);
    expect(await readdir(folder)).toEqual([]);
    await remember(store, ['tea'], []);
    const other = openStore(folder);
    expect(await errorOf(() => remember(other, ['tea'], []))).toMatchObject({ code: 'folder-in-use' });
  });
});

describe('remembered tensors', () => {
  const tensors = new Map([['b', { shape: [2], data: Float32Array.of(0.1, -2) }]]);

  it('come back bit by bit, and are made again where their file was changed', async () => {
    const folder = await makeTemporaryFolder();
    let made = 0;
    const ask = async (store: ArtefactStore) =>
      store.rememberTensors('residuals', 'k', async () => {
        made += 1;
        return tensors;
      });
    const store = openArtefactStore([folder]);
    expect(await ask(store)).toEqual(tensors);
    expect(await ask(store)).toEqual(tensors);
    await store.close();
    expect(await ask(openStore(await makeTemporaryFolder(), folder))).toEqual(tensors);
    expect(made).toBe(1);
    const file = join(folder, 'artefacts', 'residuals', 'k.safetensors');
    const bytes = await readFile(file);
    bytes.set([1], bytes.length - 1);
    await writeFile(file, bytes);
    expect(await ask(openStore(folder))).toEqual(tensors);
    expect(made).toBe(2);
  });
});
