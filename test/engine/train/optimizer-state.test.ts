import { describe, expect, it } from 'vitest';

import { decoderTensorShapes } from '../../../src/engine/checkpoint/decoder-tensors.js';
import { createOptimizerState, usesMuon } from '../../../src/engine/train/optimizer-state.js';
import { tinyConfig } from '../decoder/tiny-model.js';
import { tinyRecipe } from './train-tiny.js';

const muon = tinyRecipe({ method: 'full', optimizer: 'muon' });
/** A decoder with everything that a decoder may have. */
const shapes = decoderTensorShapes({
  ...tinyConfig,
  layers: 1,
  tiedHead: false,
  queryKeyNorm: true,
  queryKeyValueBias: true,
  outputBias: true,
  feedForwardBias: true,
});
const names = [...shapes.keys()];

describe('usesMuon', () => {
  it('says so of the matrices of the blocks, and of nothing else', () => {
    expect(names.filter((name) => usesMuon(muon, name))).toEqual([
      'model.layers.0.self_attn.q_proj.weight',
      'model.layers.0.self_attn.k_proj.weight',
      'model.layers.0.self_attn.v_proj.weight',
      'model.layers.0.self_attn.o_proj.weight',
      'model.layers.0.mlp.gate_proj.weight',
      'model.layers.0.mlp.up_proj.weight',
      'model.layers.0.mlp.down_proj.weight',
    ]);
  });

  it.each([tinyRecipe(), tinyRecipe({ method: 'full' }), tinyRecipe({ method: 'full', optimizer: 'adamw' })])(
    'says so of nothing unless the recipe asks for it',
    (recipe) => {
      expect(names.filter((name) => usesMuon(recipe, name))).toEqual([]);
    },
  );
});

describe('createOptimizerState', () => {
  it('has a mean of everything, and a mean of squares of what AdamW changes; zeros all', () => {
    for (const recipe of [muon, tinyRecipe({ method: 'full' })]) {
      const { mean, square } = createOptimizerState(recipe, shapes);
      expect([...mean.keys()]).toEqual(names);
      expect([...square.keys()]).toEqual(names.filter((name) => !usesMuon(recipe, name)));
      for (const [name, { shape, data }] of [...mean, ...square]) {
        expect(shape).toEqual(shapes.get(name));
        expect(data).toEqual(new Float32Array(shape.reduce((product, size) => product * size, 1)));
      }
    }
  });
});
