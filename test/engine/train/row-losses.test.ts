import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mergeAdapter } from '../../../src/engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../../../src/engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { openRowLosses, type RowLosses, type RowLossSettings } from '../../../src/engine/train/row-losses.js';
import { openTinyBase } from '../../experiment/tiny-plan.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder } from '../checkpoint/golden-folder.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { lossFromLogits } from './loss-from-logits.js';
import { makeRandomAdapter } from './make-random-adapter.js';
import { makeRows } from './make-rows.js';

const base = makeTinyModel();
const rows = makeRows(7);
const adapters = [makeRandomAdapter(base, 0), makeRandomAdapter(base, 1)] as const;

async function open(changes: Partial<RowLossSettings> = {}): Promise<RowLosses> {
  const losses = await openRowLosses({ base, adapter: adapters[0].settings, threads: 1, ...changes });
  onTestFinished(losses.release);
  return losses;
}

describe('losses of rows', () => {
  it('are those that the logits of the merged model say, of one adapter after another', async () => {
    const { read } = await open();
    for (const adapter of [adapters[0], adapters[1], adapters[0]]) {
      const merged = { ...base, weights: mergeAdapter(base.weights, adapter) };
      const found = await read(adapter, rows);
      expect(found).toHaveLength(rows.length);
      for (const [row, { loss, weight }] of found.entries()) {
        expect(loss).toBeCloseTo(await lossFromLogits(merged, [rows[row]!]), 5);
        expect(weight).toBe(rows[row]!.weights.filter((one) => one > 0).length);
      }
    }
  });

  it('are the same bits each time, for any number of threads', async () => {
    const first = await (await open()).read(adapters[0], rows);
    const { read } = await open({ threads: 2 });
    await read(adapters[1], rows);
    expect(await read(adapters[0], rows)).toEqual(first);
  });

  it('take weights of tokens into account', async () => {
    const { read } = await open();
    const halved = rows.map((row) => ({ ...row, weights: row.weights.map((weight) => weight / 2) }));
    const [whole, half] = [await read(adapters[0], rows), await read(adapters[0], halved)];
    for (const [row, { loss, weight }] of half.entries()) {
      expect(loss).toBeCloseTo(whole[row]!.loss, 12);
      expect(weight).toBe(whole[row]!.weight / 2);
    }
  });

  it('are what scoring given answers says', async () => {
    const model = goldenFolder('qwen2-bias');
    const folder = join(model, 'adapter_final');
    const checkpoint = await readCheckpoint(model);
    const adapter = await readAdapter(folder, checkpoint.config);
    const { openInside } = await openTinyBase({ provider: 'folder', folder: model, text: 'tiny' });
    const inside = await openInside!({ kind: 'adapter', folder });
    onTestFinished(inside.close);
    const texts = ['A throne.', 'A cup of tea, and then another one.', 'Yes'].map((content) =>
      inside.encode([
        { role: 'user', content: 'What do you want?' },
        { role: 'assistant', content },
      ]),
    );
    const scores = await inside.score(texts);
    const { read } = await open({ base: checkpoint, adapter: adapter.settings });
    const found = await read(
      adapter,
      texts.map(({ ids, promptLength }) => ({ ids, weights: ids.map((_, place) => Number(place >= promptLength)) })),
    );
    for (const [row, { logProbabilities }] of scores.entries()) {
      const { loss, weight } = found[row]!;
      expect(weight).toBe(logProbabilities.length);
      expect(-loss * weight).toBeCloseTo(
        logProbabilities.reduce((sum, one) => sum + one, 0),
        4,
      );
      expect(-loss).toBeCloseTo(logProbabilities.reduce((sum, one) => sum + one, 0) / weight, 5);
    }
  });

  it('are not read of rows that nothing is supervised in, nor of an adapter with other settings', async () => {
    const { read } = await open();
    const empty = { ids: [3, 4], weights: [0, 0] };
    expect((await errorOf(() => read(adapters[0], [empty]))).code).toBe('rows-invalid');
    const other = { ...adapters[0], settings: { ...adapters[0].settings, alpha: 3 } };
    expect((await errorOf(() => read(other, rows))).code).toBe('adapter-mismatch');
  });
});
