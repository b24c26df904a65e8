import { describe, expect, it } from 'vitest';

import { decoderTensorShapes } from '../../../src/engine/checkpoint/decoder-tensors.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { openGraphHost } from '../../../src/engine/runtime/graph-host.js';
import { stepAdamW } from '../../../src/engine/train/adamw.js';
import { addMuonUpdate, buildOrthogonalGraph, stackMuonUpdates } from '../../../src/engine/train/muon.js';
import { createOptimizer } from '../../../src/engine/train/optimizer.js';
import { createOptimizerState, usesMuon, type OptimizerState } from '../../../src/engine/train/optimizer-state.js';
import type { Recipe } from '../../../src/engine/train/recipe.js';
import { copyTensors } from '../../../src/engine/train/trained-parameters.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { expectSameTensors } from '../checkpoint/expect-same-tensors.js';
import { makeTinyModel, tinyConfig } from '../decoder/tiny-model.js';
import { tinyRecipe } from './train-tiny.js';

/** Of every shape more matrices than one run takes. */
const config = { ...tinyConfig, layers: 6, queryKeyNorm: true, queryKeyValueBias: true, tiedHead: false };
const shapes = decoderTensorShapes(config);
const muon = tinyRecipe({ method: 'full', optimizer: 'muon', weight_decay: 0.1 });
const settingsOf = (step: number) => ({ learningRate: 0.02 / step, step, gradientFactor: 0.7 });

interface Optimized {
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  readonly state: OptimizerState;
}

function start(recipe: Recipe): Optimized {
  const { weights } = makeTinyModel(config);
  return { parameters: copyTensors(weights.keys(), weights), state: createOptimizerState(recipe, shapes) };
}

function makeGradients(step: number): Map<string, Float32Array> {
  return new Map(
    [...makeTinyModel(config).weights].map(([name, { data }]) => {
      const stream = createRandomStream(step, 'gradient', name);
      return [name, data.map(() => 0.01 * stream.normal())];
    }),
  );
}

/** Three steps. */
async function optimize(recipe: Recipe, threads: number, gradientsOf = makeGradients): Promise<Optimized> {
  const optimized = start(recipe);
  const optimizer = await createOptimizer(recipe, shapes, threads);
  for (const step of [1, 2, 3])
    await optimizer.step(optimized.parameters, gradientsOf(step), optimized.state, settingsOf(step));
  await optimizer.release();
  return optimized;
}

function expectSame(found: Optimized, expected: Optimized): void {
  expectSameTensors(found.parameters, expected.parameters);
  expectSameTensors(found.state.mean, expected.state.mean);
  expectSameTensors(found.state.square, expected.state.square);
}

/** Those parameters alone, with what the optimizer knows of them. */
function pick({ parameters, state }: Optimized, chosen: (name: string) => boolean): Optimized {
  const pickFrom = (tensors: ReadonlyMap<string, FloatTensor>): ReadonlyMap<string, FloatTensor> =>
    new Map([...tensors].filter(([name]) => chosen(name)));
  return { parameters: pickFrom(parameters), state: { mean: pickFrom(state.mean), square: pickFrom(state.square) } };
}

describe('createOptimizer', () => {
  it.each(['adamw', 'muon'])('gives the same bits on any number of threads with %s', async (optimizer) => {
    const recipe = tinyRecipe({ method: 'full', optimizer, weight_decay: 0.1 });
    const alone = await optimize(recipe, 1);
    for (const threads of [2, 3]) expectSame(await optimize(recipe, threads), alone);
  });

  it('takes all parameters through AdamW unless the recipe asks for Muon', async () => {
    const recipe = tinyRecipe({ method: 'full' });
    const expected = start(recipe);
    for (const step of [1, 2, 3])
      stepAdamW(expected.parameters, makeGradients(step), expected.state, { ...recipe, ...settingsOf(step) });
    expectSame(await optimize(recipe, 2), expected);
  });

  it('takes embedding, head, norms and biases through AdamW with Muon, too', async () => {
    const adamw = await optimize(tinyRecipe({ method: 'full', weight_decay: 0.1 }), 1);
    const found = await optimize(muon, 1);
    const others = (name: string): boolean => !usesMuon(muon, name);
    for (const part of ['embed_tokens', 'lm_head', 'input_layernorm', 'model.norm', 'q_norm', 'q_proj.bias'])
      expect([...pick(found, others).parameters.keys()]).toContainEqual(expect.stringContaining(part));
    expectSame(pick(found, others), pick(adamw, others));
  });

  it('takes each matrix of a block through Muon by itself', async () => {
    const found = await optimize(muon, 2);
    const expected = start(muon);
    const matrices = [...shapes].filter(([name]) => usesMuon(muon, name));
    expect(matrices).toHaveLength(7 * config.layers);
    for (const [name, shape] of matrices) {
      const host = await openGraphHost([buildOrthogonalGraph(shape)], 1);
      for (const step of [1, 2, 3]) {
        const matrix = stackMuonUpdates([name], makeGradients(step), expected.state.mean, settingsOf(step));
        const { orthogonal } = await host.run(0, { matrices: matrix });
        if (!(orthogonal?.data instanceof Float32Array)) throw new TypeError('no floats came out');
        const made = { shape: orthogonal.shape, data: orthogonal.data };
        addMuonUpdate(expected.parameters, [name], made, { ...muon, ...settingsOf(step) });
      }
      await host.release();
    }
    const muons = (name: string): boolean => usesMuon(muon, name);
    expectSame(pick(found, muons), pick(expected, muons));
  });

  it.each(['adamw', 'muon'])(
    'leaves parameters without a gradient alone with %s, decay included',
    async (optimizer) => {
      const recipe = tinyRecipe({ method: 'full', optimizer, weight_decay: 0.1 });
      const without = (name: string): boolean => name.startsWith('model.layers.3.');
      const found = await optimize(
        recipe,
        1,
        (step) => new Map([...makeGradients(step)].filter(([name]) => !without(name))),
      );
      expectSame(pick(found, without), pick(start(recipe), without));
      const others = (name: string): boolean => !without(name);
      expectSame(pick(found, others), pick(await optimize(recipe, 1), others));
    },
  );
});
