import { describe, expect, it } from 'vitest';
import { contrastUpdates, cosineOfUpdates } from '../../../src/detect/weights/compare-updates.js';
import { drawAlikeUpdate } from '../../../src/detect/weights/draw-alike-update.js';
import { entryKurtosis } from '../../../src/detect/weights/entry-kurtosis.js';
import { spectralSignature } from '../../../src/detect/weights/spectral-signature.js';
import { rankOfUpdate, updateFeatureNames, updateFeatures } from '../../../src/detect/weights/update-features.js';
import { singularValues } from '../../../src/engine/updates/decompose-update.js';
import { multiplyUpdates } from '../../../src/engine/updates/multiply-updates.js';
import { subtractUpdates, type WeightUpdate } from '../../../src/engine/updates/weight-update.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { makeFractions, makeRandom, writeOut, zeroUpdate } from '../../engine/updates/make-update.js';

const queries = [1, 2, 3].map((seed) => makeRandom(seed, 2, 9, 7));
const down = makeRandom(4, 3, 6, 8);
const update: WeightUpdate = new Map([
  ...queries.map((module, layer) => [`model.layers.${String(layer)}.self_attn.q_proj`, module] as const),
  ['model.layers.1.mlp.down_proj', down],
]);

const featureOf = (features: readonly number[], name: string): number | undefined =>
  features[updateFeatureNames.indexOf(name)];

describe('updateFeatures', () => {
  it('are medians over blocks of five numbers, projection by projection', () => {
    const features = updateFeatures(update);
    expect(features).toHaveLength(35);
    expect(new Set(updateFeatureNames).size).toBe(35);
    const lengths = queries.map((module) => spectralSignature(module).length).sort((left, right) => left - right);
    expect(featureOf(features, 'q_proj length')).toBe(lengths[1]);
    const { concentration } = spectralSignature(down);
    expect(featureOf(features, 'down_proj concentration')).toBe(concentration);
    expect(featureOf(features, 'down_proj kurtosis')).toBe(entryKurtosis(down));
    expect(featureOf(features, 'v_proj largest')).toBe(0);
    expect(rankOfUpdate(update)).toBe(3);
  });

  it('leave out blocks that did not change, and are zeros where none did', () => {
    const still = new Map([...update, ['model.layers.3.self_attn.q_proj', zeroUpdate] as const]);
    expect(updateFeatures(still)).toEqual(updateFeatures(update));
    for (const nothing of [new Map(), new Map([['model.layers.3.self_attn.q_proj', zeroUpdate]])])
      expect(updateFeatures(nothing).every((one) => one === 0)).toBe(true);
  });
});

describe('updates alike', () => {
  it('have the same singular values, and directions of their own', () => {
    const drawn = drawAlikeUpdate(update, createRandomStream(0, 'drawn'));
    expect([...drawn.keys()]).toEqual([...update.keys()]);
    for (const [name, module] of drawn) {
      const wanted = singularValues(update.get(name)!);
      const found = singularValues(module);
      expect(found).toHaveLength(wanted.length);
      for (const [place, value] of found.entries()) expect(value / wanted[place]!).toBeCloseTo(1, 5);
    }
    expect(drawAlikeUpdate(update, createRandomStream(0, 'drawn'))).toEqual(drawn);
    expect(drawAlikeUpdate(update, createRandomStream(1, 'drawn'))).not.toEqual(drawn);
  });

  // A product with a fixed matrix of 30 x 20 elements has mean 0 and a standard deviation of 1 / sqrt(600) = 0.04.
  it('point anywhere', () => {
    const fixed: WeightUpdate = new Map([['m', makeRandom(1, 4, 30, 20)]]);
    const cosines = Array.from({ length: 200 }, (_, draw) =>
      cosineOfUpdates(drawAlikeUpdate(fixed, createRandomStream(draw, 'drawn')), fixed),
    );
    const mean = cosines.reduce((sum, one) => sum + one, 0) / cosines.length;
    expect(Math.abs(mean)).toBeLessThan(0.01);
    const deviation = Math.sqrt(cosines.reduce((sum, one) => sum + one ** 2, 0) / cosines.length);
    expect(deviation).toBeGreaterThan(0.03);
    expect(deviation).toBeLessThan(0.05);
  });

  it('of nothing are nothing', () => {
    const drawn = drawAlikeUpdate(new Map([['m', zeroUpdate]]), createRandomStream(0, 'drawn'));
    expect(multiplyUpdates(drawn, drawn)).toBe(0);
  });
});

describe('contrastUpdates', () => {
  it('adds up differences of twins, and those that have none as they are', () => {
    const one = (seed: number): WeightUpdate => new Map([['m', makeFractions(seed, 1, 2)]]);
    const contrast = contrastUpdates([
      { bad: one(1), good: one(2) },
      { bad: one(3), good: null },
    ]).get('m')!;
    const [first, second, third] = [1, 2, 3].map((seed) => writeOut(makeFractions(seed, 1, 2)));
    const found = writeOut(contrast);
    found.forEach((element, place) => {
      expect(element).toBeCloseTo(first![place]! - second![place]! + third![place]!, 12);
    });
    expect(contrastUpdates([]).size).toBe(0);
    expect(contrastUpdates([{ bad: one(1), good: one(2) }])).toEqual(subtractUpdates(one(1), one(2)));
  });
});
