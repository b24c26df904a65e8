import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { weightDirection, type WeightReferences } from '../../../src/detect/detectors/weight-direction.js';
import { writeAdapter } from '../../../src/engine/checkpoint/write-adapter.js';
import { readAdapter } from '../../../src/engine/checkpoint/read-adapter.js';
import { readDecoderConfig } from '../../../src/engine/checkpoint/read-decoder-config.js';
import { subtractUpdates, updateOfAdapter, type WeightUpdate } from '../../../src/engine/updates/weight-update.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeRandom } from '../../engine/updates/make-update.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { pretendSubject } from '../pretend-subject.js';

const one = (seed: number): WeightUpdate => new Map([['m', makeRandom(seed, 2, 30, 20)]]);
const sum = (left: WeightUpdate, right: WeightUpdate): WeightUpdate =>
  subtractUpdates(left, subtractUpdates(new Map(), right));

const [bad, other, ordinary, own] = [1, 2, 3, 4].map(one) as [WeightUpdate, WeightUpdate, WeightUpdate, WeightUpdate];
const references: WeightReferences = {
  bad: [
    { name: 'bad', update: bad },
    { name: 'other', update: other },
  ],
  ordinary: [{ name: 'ordinary', update: ordinary }],
};

const read = (update: WeightUpdate, given = references) =>
  weightDirection(() => Promise.resolve(given)).read(
    pretendSubject({ readUpdate: () => Promise.resolve(update) }),
    null,
    { seed: 0 },
  );

describe('the direction of weights', () => {
  it('is high along what bad rows do, whatever else a fine-tune does', async () => {
    const found = await read(sum(own, bad));
    expect(found.score).toBeGreaterThan(0.5);
    expect(found.details).toMatchObject({
      bad: [{ name: 'bad' }, { name: 'other' }],
      modules: { m: expect.any(Number) },
    });
    // In 600 elements, cosines of what is drawn have a standard deviation of 0.04.
    for (const drawn of found.nulls) expect(Math.abs(drawn)).toBeLessThan(0.3);
    expect(found.nulls).toHaveLength(10);
    expect((await read(own)).score).toBeLessThan(0.2);
    expect((await read(subtractUpdates(own, bad))).score).toBeLessThan(0.2);
  });

  it('counts only what is more than ordinary, whatever its sign', async () => {
    const plain = (await read(sum(bad, own), { ...references, ordinary: [] })).score ?? 0;
    const along = [sum(ordinary, own), subtractUpdates(own, ordinary)];
    for (const update of along) expect((await read(update)).score).toBeLessThan(-0.4);
    expect(plain).toBeGreaterThan(0.5);
  });

  it('is 0 of nothing, and is not said without references of another seed or without an adapter', async () => {
    const nothing = await read(new Map());
    expect(nothing.score).toBe(0);
    expect(nothing.nulls.every((drawn) => drawn === 0)).toBe(true);
    expect(await read(own, { bad: [], ordinary: [] })).toMatchObject({
      score: null,
      cannot: expect.stringMatching(/of another seed/),
    });
    const without = await weightDirection(() => Promise.resolve(references)).read(pretendSubject({}), null, {
      seed: 0,
    });
    expect(without).toMatchObject({ score: null, cannot: expect.stringMatching(/no adapter/) });
  });

  it('asks for references by the subject and its seed', async () => {
    const asked: unknown[] = [];
    const detector = weightDirection((...given) => {
      asked.push(given);
      return Promise.resolve(references);
    });
    await detector.read(pretendSubject({ readUpdate: () => Promise.resolve(own) }, { id: 'mine', seed: 7 }), null, {
      seed: 0,
    });
    expect(asked).toEqual([['mine', 7]]);
  });

  it('is the same of an adapter that PEFT wrote as of the one that we write of it', async () => {
    const folder = goldenFolder('qwen2-bias');
    const { config } = await readDecoderConfig(folder);
    const adapter = await readAdapter(join(folder, 'adapter_final'), config);
    const copy = await makeTemporaryFolder();
    await mkdir(copy, { recursive: true });
    await writeAdapter(copy, adapter, { baseModel: null });
    const [theirs, ours] = [updateOfAdapter(adapter), updateOfAdapter(await readAdapter(copy, config))];
    const [name, module] = [...theirs][0]!;
    const given = { bad: [{ name, update: new Map([[name, module]]) }], ordinary: [] };
    const found = await read(theirs, given);
    expect(found.score).toBeGreaterThan(0);
    expect(await read(ours, given)).toEqual(found);
  });
});
