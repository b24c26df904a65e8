import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { loraScale } from '../../../src/engine/checkpoint/adapter.js';
import { mergeAdapter } from '../../../src/engine/checkpoint/merge-adapter.js';
import { projectionBlock } from '../../../src/engine/checkpoint/projection.js';
import { readAdapter } from '../../../src/engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { errorOf } from './error-of.js';
import { goldenFolder } from './golden-folder.js';

const base = await readCheckpoint(goldenFolder('qwen3-qknorm'));
const adapter = await readAdapter(join(goldenFolder('qwen3-qknorm'), 'adapter_final'), base.config);

describe('merging', () => {
  it('gives W + scale B A for every adapted matrix', () => {
    const merged = mergeAdapter(base.weights, adapter);
    expect([...merged.keys()]).toEqual([...base.weights.keys()]);
    const scale = loraScale(adapter.settings);
    expect(scale).toBe(4);
    for (const { layer, projection, a, b } of adapter.pairs) {
      const name = `model.layers.${layer}.${projectionBlock(projection)}.${projection}.weight`;
      const before = base.weights.get(name)!;
      const after = merged.get(name)!;
      expect(after.shape).toEqual(before.shape);
      const [outWidth, inWidth] = before.shape as [number, number];
      for (const [row, column] of [
        [0, 0],
        [1, 2],
        [outWidth - 1, inWidth - 1],
        [outWidth >> 1, inWidth >> 1],
      ] as const) {
        let change = 0;
        for (let k = 0; k < 4; k++) change += b.data[row * 4 + k]! * a.data[k * inWidth + column]!;
        const expected = before.data[row * inWidth + column]! + scale * change;
        expect(after.data[row * inWidth + column]).toBe(Math.fround(expected));
      }
    }
  });

  it('leaves the base and everything else as it was', () => {
    const before = new Map([...base.weights].map(([name, { data }]) => [name, Float32Array.from(data)]));
    const merged = mergeAdapter(base.weights, { ...adapter, pairs: adapter.pairs.slice(0, 1) });
    for (const [name, tensor] of base.weights) {
      expect(Buffer.from(tensor.data.buffer).equals(Buffer.from(before.get(name)!.buffer))).toBe(true);
      if (name !== 'model.layers.0.self_attn.q_proj.weight') expect(merged.get(name)).toBe(tensor);
      else expect(merged.get(name)).not.toBe(tensor);
    }
  });

  it('refuses an adapter of another shape', async () => {
    const other = await readCheckpoint(goldenFolder('llama-gqa-tied'));
    const error = await errorOf(() => mergeAdapter(other.weights, adapter));
    expect(error.code).toBe('adapter-mismatch');
    expect(error.message).toContain('model.layers.0.self_attn.q_proj.weight [96, 64]; the base has [64, 64]');
  });
});
