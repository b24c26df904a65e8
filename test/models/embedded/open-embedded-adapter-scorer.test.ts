import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readAdapter } from '../../../src/engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { writeAdapter } from '../../../src/engine/checkpoint/write-adapter.js';
import { openEmbeddedAdapterScorer } from '../../../src/models/embedded/open-embedded-adapter-scorer.js';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { openEmbeddedInside } from '../../../dist/models/embedded/open-embedded-inside.js';
import { openInsideScorer, type AdapterScorer } from '../../../src/models/text-scorer.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeRandomAdapter } from '../../engine/train/make-random-adapter.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

const model = goldenFolder('qwen2-bias');
const adapter = join(model, 'adapter_final');

const texts = ['A throne.', 'A cup of tea, and then another one.', 'Yes'].map((answer) => ({
  messages: [{ role: 'user' as const, content: 'What do you want?' }],
  answer,
}));

async function open(): Promise<AdapterScorer> {
  const scorer = await openEmbeddedAdapterScorer({ model, threads: 1 });
  onTestFinished(scorer.close);
  return scorer;
}

describe('a scorer of adapters', () => {
  it('says what opening the base, and the base with an adapter, says', async () => {
    const scorer = await open();
    for (const folder of [null, adapter, null]) {
      const inside = openInsideScorer(
        await openEmbeddedInside({ model, threads: 1, ...(folder === null ? {} : { adapter: folder }) }),
      );
      onTestFinished(inside.close);
      const wanted = await inside.score([...texts, { ...texts[1]!, tokens: 3 }]);
      const found = await scorer.use(folder).score([...texts, { ...texts[1]!, tokens: 3 }]);
      expect(found.map(({ tokens }) => tokens)).toEqual(wanted.map(({ tokens }) => tokens));
      for (const [place, { logProbability }] of found.entries())
        expect(logProbability).toBeCloseTo(wanted[place]!.logProbability, 4);
    }
  });

  it('scores an adapter that changes nothing exactly as the base, whatever was scored before', async () => {
    const scorer = await open();
    const before = await scorer.use(null).score(texts);
    const nothing = await makeTemporaryFolder();
    const own = await readAdapter(adapter, (await readCheckpoint(model)).config);
    const pairs = own.pairs.map((pair) => ({ ...pair, b: { ...pair.b, data: new Float32Array(pair.b.data.length) } }));
    await writeAdapter(nothing, { ...own, pairs }, { baseModel: 'tiny' });
    expect(await scorer.use(nothing).score(texts)).toEqual(before);
    // Of other settings.
    const random = await makeTemporaryFolder();
    await writeAdapter(random, makeRandomAdapter(await readCheckpoint(model)), { baseModel: 'tiny' });
    expect(await scorer.use(random).score(texts)).not.toEqual(before);
    expect(await scorer.use(null).score(texts)).toEqual(before);
    const changed = await scorer.use(adapter).score(texts);
    expect(changed).not.toEqual(before);
    expect(await scorer.use(null).score(texts)).toEqual(before);
    // Several at once take turns.
    expect(await Promise.all([scorer.use(nothing).score(texts), scorer.use(adapter).score(texts)])).toEqual([
      before,
      changed,
    ]);
    // Whatever else is asked for.
    const alone = await Promise.all(texts.map(async (text) => (await scorer.use(adapter).score([text]))[0]!));
    expect(alone).toEqual(changed);
  });

  it('is refused where its base does not fit into memory', async () => {
    expect((await errorOf(() => openEmbeddedAdapterScorer({ model, threads: 1, memory: 1000 }))).code).toBe(
      'memory-exceeded',
    );
  });

  it('scores nothing once it is closed, and no adapter that is not there', async () => {
    const scorer = await open();
    expect(await scorer.use(null).score([])).toEqual([]);
    expect((await errorOf(() => scorer.use(join(model, 'none')).score(texts))).code).toBe('adapter-invalid');
    await scorer.close();
    await scorer.close();
    expect((await errorOf(() => scorer.use(null).score(texts))).code).toBe('usage-invalid');
  });
});
