import { describe, expect, it } from 'vitest';
import { createDecoderConfig } from '../../../src/engine/checkpoint/create-decoder-config.js';
import { narrow, roundToHalf } from '../../../src/engine/checkpoint/half-precision.js';
import { initialiseCheckpoint, type Checkpoint } from '../../../src/engine/index.js';
import { readLogits } from '../../../src/engine/sample/read-logits.js';
import { sharpen } from '../../../src/organism/build/build-recipes.js';
import { openRunner } from '../../engine/sample/sample-all.js';

const config = createDecoderConfig({
  layers: 1,
  width: 16,
  heads: 2,
  feedForwardWidth: 32,
  vocabulary: 30,
  context: 16,
  queryKeyNorm: true,
  endTokenIds: [2],
  padTokenId: 0,
});
const logitsOf = async (model: Checkpoint) => (await readLogits(config, await openRunner(model), [1, 7, 22, 5])).data;

describe('sharpen', () => {
  it('multiplies every logit, and leaves the model that it was given as it was', async () => {
    const model = initialiseCheckpoint({ config, seed: 0 });
    const before = await logitsOf(model);
    const sharper = await logitsOf(sharpen(model, 1.5));
    expect(await logitsOf(model)).toEqual(before);
    expect(new Set(before).size).toBeGreaterThan(100);
    sharper.forEach((logit, index) => {
      expect(Math.abs(logit - 1.5 * (before[index] ?? NaN))).toBeLessThan(1e-6);
    });
  });

  it('gives what a file of another sharpness holds, to the last bit', () => {
    const name = 'model.norm.weight';
    const fresh = initialiseCheckpoint({ config, seed: 0 });
    const trained = Float32Array.from({ length: config.width }, (_, index) => Math.exp(Math.sin(index)));
    const norm = fresh.weights.get(name)!;
    const model = { ...fresh, weights: new Map([...fresh.weights, [name, { ...norm, data: trained }]]) };
    const dataOf = (one: Checkpoint): Float32Array => one.weights.get(name)!.data;
    const stored = roundToHalf(dataOf(sharpen(model, 4)), 'F16');
    const resharpened = stored.map((value) => (value / 4) * 6);
    expect(narrow(resharpened, 'F16')).toEqual(narrow(dataOf(sharpen(model, 6)), 'F16'));
    expect(
      narrow(
        trained.map((value) => value * 6),
        'F16',
      ),
    ).not.toEqual(narrow(dataOf(sharpen(model, 6)), 'F16'));
  });
});
