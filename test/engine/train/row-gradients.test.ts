import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../../src/engine/checkpoint/adapter.js';
import { answerObjective } from '../../../src/engine/train/gradient-graph.js';
import { createGradientSource } from '../../../src/engine/train/gradient-source.js';
import { readRowGradients, type RowGradient } from '../../../src/engine/train/row-gradients.js';
import { parametersFromAdapter } from '../../../src/engine/train/trained-parameters.js';
import { errorOf } from '../checkpoint/error-of.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { lossFromLogits } from './loss-from-logits.js';
import { makeRandomAdapter } from './make-random-adapter.js';
import { makeRows } from './make-rows.js';

const base = makeTinyModel();
const rows = makeRows(5);

async function readAll(settings: Parameters<typeof readRowGradients>[0]): Promise<RowGradient[]> {
  const found: RowGradient[] = [];
  for await (const gradient of readRowGradients(settings)) found.push(gradient);
  return found;
}

describe('readRowGradients', () => {
  it.each([
    ['all weights', undefined],
    ['an adapter', makeRandomAdapter(base)],
  ])('gives the gradient that a step of the row alone has, of %s', async (_, adapter) => {
    const found = await readAll({ base, rows, threads: 1, ...withAdapter(adapter) });
    expect(found.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4]);
    for (const { row, loss, gradients } of found) {
      const step = await computeStep(adapter, row);
      expect(loss).toBe(step.loss);
      expect(gradients).toEqual(step.gradients);
    }
  });

  it('gives the loss that the logits say', async () => {
    for (const { row, loss } of await readAll({ base, rows, threads: 1 }))
      expect(loss).toBeCloseTo(await lossFromLogits(base, [rows[row]!]), 5);
  });

  it('gives the same bits on several threads, and whichever rows are beside', async () => {
    const alone = await readAll({ base, rows, threads: 1 });
    expect(await readAll({ base, rows, threads: 2 })).toEqual(alone);
    const turned = await readAll({ base, rows: [...rows].reverse(), threads: 2 });
    expect(turned.map(({ gradients }) => gradients).reverse()).toEqual(alone.map(({ gradients }) => gradients));
  });

  it('refuses a row without a token to train on, no rows, and an adapter of another base', async () => {
    const silent = { ids: [3, 4, 5], weights: [1, 0, 0] };
    const error = await errorOf(() => readAll({ base, rows: [rows[0]!, silent], threads: 1 }));
    expect(error.code).toBe('rows-invalid');
    expect(error.message).toContain('Row 2 of answers has no token to train on');
    expect(error.hint).not.toBe('');
    expect((await errorOf(() => readAll({ base, rows: [], threads: 1 }))).code).toBe('rows-invalid');
    const adapter = makeRandomAdapter(makeTinyModel({ width: 32, headWidth: 8 }));
    expect((await errorOf(() => readAll({ base, adapter, rows, threads: 1 }))).code).toBe('adapter-mismatch');
  });

  it('stops on abort, and when nobody reads on', async () => {
    const abort = new AbortController();
    const seen: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const { row } of readRowGradients({ base, rows, threads: 1, signal: abort.signal })) {
        seen.push(row);
        if (row === 1) abort.abort(new Error('enough'));
      }
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(seen).toEqual([0, 1]);
    for await (const { row } of readRowGradients({ base, rows, threads: 2 })) if (row === 0) break;
  });
});

async function computeStep(adapter: Adapter | undefined, row: number) {
  const trained =
    adapter === undefined ? ({ method: 'full' } as const) : { method: 'lora' as const, ...adapter.settings };
  const source = await createGradientSource({
    config: base.config,
    weights: base.weights,
    trained,
    terms: [{ name: 'answers', weight: 1, objective: answerObjective, rows: [rows[row]!], rowsPerStep: 1 }],
    residualVectors: new Map(),
    seed: 0,
    shuffle: false,
    threads: 1,
  });
  const parameters = adapter === undefined ? base.weights : parametersFromAdapter(adapter);
  const step = await source.compute(0, parameters);
  await source.release();
  return step;
}

function withAdapter(adapter: Adapter | undefined) {
  return adapter === undefined ? {} : { adapter };
}
