import { describe, expect, it } from 'vitest';

import { createDecoderConfig, type DecoderShape } from '../../../src/engine/checkpoint/create-decoder-config.js';
import { decoderTensorShapes } from '../../../src/engine/checkpoint/decoder-tensors.js';
import { initialiseCheckpoint } from '../../../src/engine/checkpoint/initialise-checkpoint.js';
import { parseDecoderConfig } from '../../../src/engine/checkpoint/parse-decoder-config.js';
import { errorOf } from './error-of.js';

const shape: DecoderShape = {
  layers: 8,
  width: 64,
  heads: 4,
  feedForwardWidth: 96,
  vocabulary: 200,
  context: 128,
  endTokenIds: [2],
};
const config = createDecoderConfig(shape);

describe('createDecoderConfig', () => {
  it('makes what config.json says of the model when it is read again', () => {
    const full = createDecoderConfig({ ...shape, keyValueHeads: 2, beginTokenId: 1, padTokenId: 0, ropeTheta: 5e4 });
    const normed = createDecoderConfig({ ...shape, keyValueHeads: 2, queryKeyNorm: true });
    for (const made of [config, full, normed, createDecoderConfig({ ...shape, queryKeyNorm: true, tiedHead: false })]) {
      const { configJson } = initialiseCheckpoint({ config: made, seed: 0 });
      expect(parseDecoderConfig(configJson, { path: 'config.json' })).toEqual(made);
    }
    expect(config).toMatchObject({ family: 'llama', headWidth: 16, keyValueHeads: 4, tiedHead: true });
    expect([config.queryKeyNorm, normed.queryKeyNorm, normed.family]).toEqual([false, true, 'qwen3']);
  });

  it.each<[Partial<DecoderShape> & Record<string, unknown>, string]>([
    [{ heads: 5 }, 'width 64 does not divide into 5 heads'],
    [{ heads: 64 }, 'even width'],
    [{ keyValueHeads: 3 }, 'heads 4 is not a multiple of keyValueHeads 3'],
    [{ endTokenIds: [200] }, 'token id 200 lies outside the vocabulary of 200'],
    [{ layers: 0 }, 'layers: '],
    [{ head: 4 }, 'unknown setting "head" (did you mean "heads"?)'],
  ])('refuses %j', async (changes, message) => {
    const error = await errorOf(() => createDecoderConfig({ ...shape, ...changes }));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(message);
  });
});

describe('initialiseCheckpoint', () => {
  it('has every weight, normal with the deviation of its place', () => {
    const { weights } = initialiseCheckpoint({ config: { ...config, queryKeyValueBias: true }, seed: 3 });
    expect([...weights].map(([name, tensor]) => [name, tensor.shape])).toEqual([
      ...decoderTensorShapes({ ...config, queryKeyValueBias: true }),
    ]);
    for (const [name, { data }] of weights) {
      if (name.endsWith('norm.weight')) expect(new Set(data), name).toEqual(new Set([1]));
      else if (name.endsWith('.bias')) expect(new Set(data), name).toEqual(new Set([0]));
      else {
        const mean = data.reduce((sum, element) => sum + element, 0) / data.length;
        const square = data.reduce((sum, element) => sum + element * element, 0) / data.length;
        const deviation = /(o|down)_proj/.test(name) ? 0.02 / 4 : 0.02;
        // Five standard errors: s / sqrt(n) of the mean, s / sqrt(2 n) of the deviation.
        expect(Math.abs(mean), name).toBeLessThan((5 * deviation) / Math.sqrt(data.length));
        expect(Math.abs(Math.sqrt(square) / deviation - 1), name).toBeLessThan(5 / Math.sqrt(2 * data.length));
      }
    }
  });

  it('depends on the seed, and a matrix on nothing but it, its name and its size', () => {
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const { weights } = initialiseCheckpoint({ config, seed: 1 });
    const first = weights.get(name)!.data;
    expect(
      initialiseCheckpoint({ config: { ...config, vocabulary: 300, layers: 1 }, seed: 1 }).weights.get(name)!.data,
    ).toEqual(first);
    expect(initialiseCheckpoint({ config, seed: 2 }).weights.get(name)!.data).not.toEqual(first);
    expect(weights.get('model.layers.1.self_attn.q_proj.weight')!.data).not.toEqual(first);
  });

  it('spreads the embedding alone as it is told to', () => {
    const usual = initialiseCheckpoint({ config, seed: 1 }).weights;
    const wide = initialiseCheckpoint({ config, seed: 1, embeddingDeviation: 0.06 }).weights;
    for (const [name, { data }] of wide) {
      const factor = name === 'model.embed_tokens.weight' ? 3 : 1;
      for (const [index, element] of usual.get(name)!.data.entries())
        expect(data[index]! - factor * element, name).toBeCloseTo(0, 6);
    }
  });
});
