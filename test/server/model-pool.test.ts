import { describe, expect, it } from 'vitest';
import { DriftlineError } from '../../src/foundation/driftline-error.js';
import type { LoadedModel, ServedModel } from '../../src/server/models/load-model.js';
import { createModelPool } from '../../src/server/models/model-pool.js';

const model = (id: string): ServedModel => ({
  id,
  folder: id,
  adapter: null,
  parent: null,
  created: 0,
  recipe: 'paper',
});
const { signal } = new AbortController();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A pool of pretended models, which tells what is loaded and closed. */
function openPool(most: number, load: (id: string) => Promise<void> = () => Promise.resolve()) {
  const log: string[] = [];
  const pool = createModelPool({
    most,
    load: async ({ id }) => {
      log.push(`load ${id}`);
      await load(id);
      const close = (): Promise<void> => {
        log.push(`close ${id}`);
        return Promise.resolve();
      };
      // The pool only ever closes it.
      return { id, sampler: { close } } as unknown as LoadedModel;
    },
  });
  return { pool, log, use: (id: string, work = () => Promise.resolve(id)) => pool.use(model(id), signal, work) };
}

describe('a pool of models', () => {
  it('loads a model once for all who come', async () => {
    const { use, log } = openPool(2);
    await Promise.all([use('a'), use('a'), use('b'), use('a')]);
    expect(log).toEqual(['load a', 'load b']);
  });

  it('gives the place of the one that was used longest ago to another', async () => {
    const { use, log } = openPool(2);
    for (const id of ['a', 'b', 'a', 'c', 'a']) await use(id);
    expect(log).toEqual(['load a', 'load b', 'close b', 'load c']);
  });

  it('lets wait who finds all places in use, until one is free or they do not want to any more', async () => {
    const { pool, use, log } = openPool(1);
    let finish = (): void => undefined;
    const long = use('a', () => new Promise<string>((resolve) => (finish = () => resolve('a'))));
    await turn();
    const waiting = use('b');
    const impatient = new AbortController();
    const gone = pool.use(model('c'), impatient.signal, () => Promise.resolve('c')).catch((error: unknown) => error);
    await turn();
    impatient.abort(new Error('gone'));
    expect(await gone).toMatchObject({ message: 'gone' });
    expect(log).toEqual(['load a']);
    finish();
    expect(await Promise.all([long, waiting])).toEqual(['a', 'b']);
    expect(log).toEqual(['load a', 'close a', 'load b']);
  });

  it('loads a model again that could not be loaded, or whose thread has ended', async () => {
    let isBroken = true;
    const { use, log } = openPool(1, () => (isBroken ? Promise.reject(new Error('broken')) : Promise.resolve()));
    await expect(use('a')).rejects.toThrow('broken');
    isBroken = false;
    expect(await use('a')).toBe('a');
    const ended = new DriftlineError({ code: 'engine-failed', message: 'ended', hint: 'Open it again.' });
    await expect(use('a', () => Promise.reject(ended))).rejects.toThrow('ended');
    await use('a');
    expect(log).toEqual(['load a', 'load a', 'close a', 'load a']);
  });

  it('closes all models', async () => {
    const { pool, use, log } = openPool(3);
    await Promise.all(['a', 'b'].map((id) => use(id)));
    await pool.close();
    expect(log.slice(2).sort()).toEqual(['close a', 'close b']);
  });
});
