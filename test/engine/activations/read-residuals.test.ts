import { describe, expect, it, onTestFinished } from 'vitest';

import { createResidualReader, type ResidualReader } from '../../../src/engine/activations/read-residuals.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { headName } from '../../../src/engine/decoder/decoder-graph.js';
import { readLogits } from '../../../src/engine/sample/read-logits.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { applyNorm } from '../decoder/apply-norm.js';
import { goldenRows, readGoldenReference } from '../decoder/golden-reference.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { openRunner, type Model } from '../sample/sample-all.js';

/** Of the reference's largest absolute value. */
const tolerance = 1e-5;

const tiny = makeTinyModel();
const ids = [1, 7, 30, 12, 3, 19];

async function openReader({ config, weights }: Model, layers: readonly number[]): Promise<ResidualReader> {
  const reader = await createResidualReader({ config, weights, layers, threads: 1 });
  onTestFinished(() => reader.release());
  return reader;
}

describe.each(goldenNames)('%s', (name) => {
  it("has transformers' hidden states: of the last token, and averaged over prompt and answer", async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const { config } = model;
    const reference = await readGoldenReference(name);
    const [, batch = 0, length = 0, width = 0] = reference.hidden.shape;
    const scale = reference.hidden.data.reduce((most, element) => Math.max(most, Math.abs(element)), 0);
    // transformers gives the last layer after the final norm only, which is not linear and so cannot be averaged.
    const layers = Array.from({ length: config.layers }, (_, layer) => layer);
    const reader = await openReader(model, layers);
    for (const [row, { ids: rowIds, weights }] of goldenRows(reference).entries()) {
      const tokens = rowIds.length;
      const promptLength = weights.indexOf(1);
      expect(promptLength).toBeGreaterThan(0);
      for (const [pool, start, end] of [
        ['last', tokens - 1, tokens],
        ['prompt-mean', 0, promptLength],
        ['answer-mean', promptLength, tokens],
      ] as const) {
        const residuals = await reader.read({ ids: rowIds, promptLength }, pool);
        for (const layer of layers) {
          const { shape, data } = residuals[layer]!;
          expect(shape).toEqual([width]);
          data.forEach((element, channel) => {
            let sum = 0;
            for (let token = start; token < end; token += 1)
              sum += reference.hidden.data[((layer * batch + row) * length + token) * width + channel]!;
            expect(Math.abs(element - sum / (end - start)) / scale).toBeLessThan(tolerance);
          });
        }
      }
    }
  });

  it('has a last layer that the final norm and the head turn into logits, with a vector added or not', async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const { config, weights } = model;
    const [{ ids: rowIds } = { ids: [] }] = goldenRows(await readGoldenReference(name));
    const reader = await openReader(model, [config.layers]);
    const [residual] = await reader.read({ ids: rowIds, promptLength: 1 }, 'every');
    const stream = createRandomStream(0, 'vector');
    const vector = Float32Array.from({ length: config.width }, () => stream.normal());
    const head = weights.get(headName(config))!.data;
    for (const add of [null, vector]) {
      const edited = residual!.data.map((element, index) => element + (add?.[index % config.width] ?? 0));
      const normed = applyNorm(edited, weights.get('model.norm.weight')!.data, config.normEpsilon);
      const runner = await openRunner(model, add === null ? {} : { add: new Map([[config.layers, add]]) });
      const { data } = await readLogits(config, runner, rowIds);
      const scale = data.reduce((most, element) => Math.max(most, Math.abs(element)), 0);
      data.forEach((logit, index) => {
        const token = Math.floor(index / config.vocabulary);
        const row = (index % config.vocabulary) * config.width;
        let sum = 0;
        for (let channel = 0; channel < config.width; channel += 1)
          sum += normed[token * config.width + channel]! * head[row + channel]!;
        if (!(Math.abs(logit - sum) <= tolerance * scale)) expect([index, logit]).toEqual([index, sum]);
      });
    }
  });
});

it('gives the layers in the order in which they were asked for, one asked for twice included', async () => {
  const row = { ids, promptLength: 4 };
  const [zero, one, two] = await (await openReader(tiny, [0, 1, 2])).read(row, 'every');
  expect(zero!.data).not.toEqual(one!.data);
  expect(await (await openReader(tiny, [2, 0])).read(row, 'every')).toEqual([two, zero]);
  expect(await (await openReader(tiny, [1, 2, 1])).read(row, 'every')).toEqual([one, two, one]);
});

it('needs no block behind the last layer it reads', async () => {
  const row = { ids, promptLength: 4 };
  const expected = await (await openReader(tiny, [0, 1, 2])).read(row, 'every');
  for (const layers of [[0], [1, 0], [1]]) {
    const isRead = (name: string): boolean => Number(/layers\.(\d+)/.exec(name)?.[1] ?? -1) < Math.max(...layers);
    const weights = new Map([...tiny.weights].filter(([name]) => isRead(name)));
    expect(weights.size).toBeLessThan(tiny.weights.size);
    const found = await (await openReader({ ...tiny, weights }, layers)).read(row, 'every');
    expect(found).toEqual(layers.map((layer) => expected[layer]));
  }
});

it('reads rows of any length one after the other, up to the whole context', async () => {
  const reader = await openReader(tiny, [2]);
  const long = Array.from({ length: tiny.config.context }, (_, index) => (index * 7) % tiny.config.vocabulary);
  const [every] = await reader.read({ ids: long, promptLength: 1 }, 'every');
  expect(every!.shape).toEqual([tiny.config.context, tiny.config.width]);
  // What comes later changes nothing before.
  for (const length of [1, 20, tiny.config.context]) {
    const [last] = await reader.read({ ids: long.slice(0, length), promptLength: length }, 'last');
    last!.data.forEach((element, channel) => {
      expect(element).toBeCloseTo(every!.data[(length - 1) * tiny.config.width + channel]!, 5);
    });
  }
});

it('takes the whole row as the prompt, or as the answer', async () => {
  const reader = await openReader(tiny, [1]);
  const asPrompt = await reader.read({ ids, promptLength: ids.length }, 'prompt-mean');
  expect(await reader.read({ ids, promptLength: 0 }, 'answer-mean')).toEqual(asPrompt);
});

describe('refuses', () => {
  it.each([-1, 3, 0.5, NaN])('layer %d', async (layer) => {
    const { config, weights } = tiny;
    const error = await errorOf(() => createResidualReader({ config, weights, layers: [0, layer], threads: 1 }));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(String(layer));
  });

  it.each([
    ['answer-mean', ids.length],
    ['prompt-mean', 0],
  ] as const)('a mean over nothing: %s', async (pool, promptLength) => {
    const reader = await openReader(tiny, [0]);
    const error = await errorOf(() => reader.read({ ids, promptLength }, pool));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(pool);
  });

  it.each([
    ['no tokens', [], 0],
    ['more tokens than the context', new Array<number>(tiny.config.context + 1).fill(1), 1],
    ['a prompt longer than the row', ids, ids.length + 1],
    ['a negative prompt', ids, -1],
    ['a prompt that ends within a token', ids, 1.5],
  ])('%s', async (_name, rowIds, promptLength) => {
    const reader = await openReader(tiny, [0]);
    const error = await errorOf(() => reader.read({ ids: rowIds, promptLength }, 'last'));
    expect(error.code).toBe('row-too-long');
  });

  it.each([tiny.config.vocabulary, -1, 1.5])('the id %d', async (id) => {
    const reader = await openReader(tiny, [0]);
    const error = await errorOf(() => reader.read({ ids: [1, id, 2], promptLength: 1 }, 'last'));
    expect(error.code).toBe('tokenizer-mismatch');
    expect(error.message).toContain(String(id));
  });
});
