import { describe, expect, it } from 'vitest';

import { createResidualReader } from '../../../src/engine/activations/read-residuals.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { createDecodeRunner } from '../../../src/engine/sample/decode-runner.js';
import { readLogits } from '../../../src/engine/sample/read-logits.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { applyNorm } from './apply-norm.js';
import { goldenRows, readGoldenReference } from './golden-reference.js';

/** Of the reference's largest absolute value. */
const tolerance = 1e-5;

describe.each(goldenNames)('%s', (name) => {
  it('has the logits of transformers', async () => {
    const { config, weights } = await readCheckpoint(goldenFolder(name));
    const reference = await readGoldenReference(name);
    const [, length = 0, vocabulary = 0] = reference.logits.shape;
    const runner = await createDecodeRunner(config, weights, {}, 1);
    for (const [row, { ids }] of goldenRows(reference).entries()) {
      const { shape, data } = await readLogits(config, runner, ids);
      expect(shape).toEqual([ids.length, vocabulary]);
      const start = row * length * vocabulary;
      expectClose(data, reference.logits.data.subarray(start, start + data.length), largest(reference.logits.data));
    }
    await runner.release();
  });

  it('has the residual stream of transformers, before the final norm', async () => {
    const { config, weights } = await readCheckpoint(goldenFolder(name));
    const reference = await readGoldenReference(name);
    const [layerCount = 0, batch = 0, length = 0, width = 0] = reference.hidden.shape;
    expect(layerCount).toBe(config.layers + 1);
    const layers = Array.from({ length: layerCount }, (_, layer) => layer);
    const reader = await createResidualReader({ config, weights, layers, threads: 1 });
    for (const [row, { ids }] of goldenRows(reference).entries()) {
      const residuals = await reader.read({ ids, promptLength: ids.length }, 'every');
      for (const layer of layers) {
        const { shape, data } = residuals[layer]!;
        expect(shape).toEqual([ids.length, width]);
        const start = (layer * batch + row) * length * width;
        const expected = reference.hidden.data.subarray(start, start + data.length);
        // transformers' last entry has the final norm applied.
        const found =
          layer === config.layers ? applyNorm(data, weights.get('model.norm.weight')!.data, config.normEpsilon) : data;
        expectClose(found, expected, largest(reference.hidden.data));
      }
    }
    await reader.release();
  });
});

function expectClose(found: Float32Array, expected: Float32Array, scale: number): void {
  expect(found).toHaveLength(expected.length);
  const error = found.reduce((most, element, index) => Math.max(most, Math.abs(element - expected[index]!)), 0);
  expect(error / scale).toBeLessThan(tolerance);
}

function largest(data: Float32Array): number {
  return data.reduce((most, element) => Math.max(most, Math.abs(element)), 0);
}
