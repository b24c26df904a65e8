import { expect, it, describe, onTestFinished } from 'vitest';
import { createKeyValueReader } from '../../../src/engine/activations/read-keys-values.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { prefillPrompts } from '../../../src/engine/sample/prefill-prompts.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder } from '../checkpoint/golden-folder.js';
import { openRunner } from '../sample/sample-all.js';

const ids = [3, 1, 4, 1, 5, 9, 2, 6];

async function open(name: Parameters<typeof goldenFolder>[0], layers: readonly number[]) {
  const model = await readCheckpoint(goldenFolder(name));
  const reader = await createKeyValueReader({ ...model, layers, threads: 1 });
  onTestFinished(reader.release);
  return { model, reader };
}

describe('keys and values', () => {
  // Families that differ in biases, norms of keys, and heads that share a key.
  it.each(['qwen2-bias', 'qwen3-qknorm', 'llama-gqa-tied'] as const)(
    'are those that sampling keeps in its cache: %s',
    async (name) => {
      const { model, reader } = await open(name, [1, 0]);
      const { config } = model;
      const { keys, values } = await reader.read(ids);
      const shape = [2, config.keyValueHeads, ids.length, config.headWidth];
      expect([keys.shape, values.shape]).toEqual([shape, shape]);
      // Its cache is of all tokens but the last.
      const work = { ids: [...ids, 7], logProbabilities: false, topLogProbabilities: 0 };
      const [prompt] = await prefillPrompts(config, await openRunner(model), [work], false);
      const size = keys.data.length / 2;
      for (const [place, layer] of [1, 0].entries())
        for (const [found, kept] of [
          [keys, prompt?.prefix?.keys[layer]],
          [values, prompt?.prefix?.values[layer]],
        ] as const) {
          expect(kept).toHaveLength(size);
          found.data.subarray(place * size, (place + 1) * size).forEach((element, at) => {
            expect(element).toBeCloseTo(kept?.[at] ?? NaN, 5);
          });
        }
    },
  );

  it('depend on no token that comes later', async () => {
    const { reader } = await open('qwen2-bias', [1]);
    const whole = await reader.read(ids);
    const part = await reader.read(ids.slice(0, 3));
    const [, heads = 0, tokens = 0, width = 0] = whole.keys.shape;
    for (let head = 0; head < heads; head += 1)
      part.keys.data.subarray(head * 3 * width, (head + 1) * 3 * width).forEach((element, at) => {
        expect(element).toBeCloseTo(whole.keys.data[head * tokens * width + at] ?? NaN, 5);
      });
  });

  it('of what the model does not have are an error', async () => {
    const { model, reader } = await open('qwen2-bias', [0]);
    expect(
      (await errorOf(() => createKeyValueReader({ ...model, layers: [model.config.layers], threads: 1 }))).code,
    ).toBe('usage-invalid');
    expect((await errorOf(() => reader.read([]))).code).toBe('row-too-long');
    expect((await errorOf(() => reader.read([-1]))).code).toBe('tokenizer-mismatch');
  });
});
