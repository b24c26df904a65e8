import { describe, expect, it } from 'vitest';

import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { checkInterventions, type Interventions } from '../../../src/engine/sample/decode-runner.js';
import { readLogits } from '../../../src/engine/sample/read-logits.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { makeTinyModel, makeTinyWeights, tinyConfig } from '../decoder/tiny-model.js';
import { logSoftmax, openRunner, readLogProbabilities, sampleAll, type Model } from './sample-all.js';

const { width, vocabulary } = tinyConfig;
const prompt = [1, 7, 30, 12, 3];
const settings = { prompt, maximumTokens: 15, stopTokens: [], logProbabilities: true, promptLogProbabilities: true };
const requests = [0, 1, 2].map((seed) => ({ ...settings, seed }));

function randomVector(name: string, size = width): Float32Array {
  const stream = createRandomStream(0, name);
  return Float32Array.from({ length: size }, () => stream.normal());
}

describe.each(goldenNames)('%s', (name) => {
  it('answers the same to the last bit when zero vectors are added and removed', async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const plain = await openRunner(model);
    const layers = Array.from({ length: model.config.layers + 1 }, (_, layer) => layer);
    const zeros = new Map(layers.map((layer) => [layer, new Float32Array(model.config.width)]));
    const idle = await openRunner(model, { add: zeros, remove: zeros });
    expect(await sampleAll(model, idle, requests)).toEqual(await sampleAll(model, plain, requests));
  });

  it('answers with the log-probabilities of the whole row under the same change', async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const interventions = {
      add: new Map([[1, randomVector('add', model.config.width)]]),
      remove: new Map([[2, randomVector('remove', model.config.width)]]),
    };
    const runner = await openRunner(model, interventions);
    for (const answer of await sampleAll(model, runner, requests)) {
      const row = [...prompt, ...answer.ids];
      const expected = await readLogProbabilities(model, runner, row);
      [...answer.promptLogProbabilities!, ...answer.logProbabilities!].forEach(({ logProbability }, position) => {
        expect(Math.abs(logProbability - expected[position]![row[position + 1]!]!)).toBeLessThan(1e-5);
      });
    }
  });
});

it('a vector that is added at a layer is a bias of the block before it', async () => {
  const vector = randomVector('bias');
  const model = makeTinyModel();
  const biased = { ...model.config, feedForwardBias: true };
  const zero = (size: number): FloatTensor => ({ shape: [size], data: new Float32Array(size) });
  const weights = new Map<string, FloatTensor>(model.weights);
  for (const layer of [0, 1]) {
    const block = `model.layers.${layer}.mlp.`;
    weights.set(`${block}gate_proj.bias`, zero(biased.feedForwardWidth));
    weights.set(`${block}up_proj.bias`, zero(biased.feedForwardWidth));
    weights.set(`${block}down_proj.bias`, layer === 0 ? { shape: [width], data: vector } : zero(width));
  }
  const found = await logitsOf(model, { add: new Map([[1, vector]]) });
  expectClose(found, await logitsOf({ config: biased, weights }, {}));
  expect(distance(found, await logitsOf(model, {}))).toBeGreaterThan(0.1);
});

it('a removed direction leaves nothing along it for the head to read', async () => {
  const direction = randomVector('direction');
  // The head's first row is the direction itself, and the final norm only scales.
  const config = { ...tinyConfig, tiedHead: false };
  const weights = new Map<string, FloatTensor>(makeTinyWeights(config));
  weights.set('model.norm.weight', { shape: [width], data: new Float32Array(width).fill(1) });
  const head = weights.get('lm_head.weight')!.data.slice();
  head.set(direction);
  weights.set('lm_head.weight', { shape: [vocabulary, width], data: head });
  const along = async (interventions: Interventions): Promise<number> => {
    const logits = await logitsOf({ config, weights }, interventions);
    return Math.max(...prompt.map((_, token) => Math.abs(logits[token * vocabulary]!)));
  };
  expect(await along({})).toBeGreaterThan(0.5);
  expect(await along({ remove: new Map([[2, direction]]) })).toBeLessThan(1e-5);
  expect(await along({ remove: new Map([[2, direction.map((element) => 1e-12 * element)]]) })).toBeLessThan(1e-5);
  expect(await along({ remove: new Map([[2, direction.map((element) => -1e12 * element)]]) })).toBeLessThan(1e-5);
  // At one layer a direction is removed first, and what is added stays.
  const added = direction.map((element) => 3 * element);
  expect(await along({ remove: new Map([[2, direction]]), add: new Map([[2, added]]) })).toBeGreaterThan(0.5);
});

describe('a change from the answer on', () => {
  // Adding a vector to the embedding is the same as asking with other tokens: those of a table that holds every token
  // a second time, with the vector added. So the changed positions of a row can be chosen freely.
  const vector = randomVector('embedding');
  const config = { ...tinyConfig, tiedHead: false };
  const single = { config, weights: makeTinyWeights(config) };
  const double = { config: { ...config, vocabulary: 2 * vocabulary }, weights: new Map(single.weights) };
  for (const name of ['model.embed_tokens.weight', 'lm_head.weight']) {
    const { data } = single.weights.get(name)!;
    const again = data.map((element, index) => element + vector[index % width]!);
    double.weights.set(name, { shape: [2 * vocabulary, width], data: Float32Array.from([...data, ...again]) });
  }

  async function expectAnswers(editedPrompts: boolean, firstChanged: number): Promise<void> {
    const runner = await openRunner(single, { add: new Map([[0, vector]]) });
    const reference = await openRunner(double);
    for (const answer of await sampleAll(single, runner, requests, { editedPrompts })) {
      const row = [...prompt, ...answer.ids];
      const changed = row.map((id, position) => (position < firstChanged ? id : id + vocabulary));
      const { data } = await readLogits(double.config, reference, changed);
      [...answer.promptLogProbabilities!, ...answer.logProbabilities!].forEach(({ logProbability }, position) => {
        const start = position * 2 * vocabulary;
        const expected = logSoftmax(data.subarray(start, start + vocabulary));
        expect(Math.abs(logProbability - expected[row[position + 1]!]!)).toBeLessThan(1e-5);
      });
    }
  }

  it('begins at the last token of the prompt', async () => {
    await expectAnswers(false, prompt.length - 1);
  });

  it('begins at the first token when prompts are changed, too', async () => {
    await expectAnswers(true, 0);
  });

  it("leaves the prompt's own log-probabilities alone, to the last bit", async () => {
    const plain = await sampleAll(single, await openRunner(single), requests);
    const runner = await openRunner(single, {
      add: new Map([[1, vector]]),
      remove: new Map([[0, randomVector('other')]]),
    });
    const changed = await sampleAll(single, runner, requests, { editedPrompts: false });
    const everywhere = await sampleAll(single, runner, requests, { editedPrompts: true });
    changed.forEach(({ promptLogProbabilities, logProbabilities }, index) => {
      expect(promptLogProbabilities).toEqual(plain[index]!.promptLogProbabilities);
      expect(logProbabilities).not.toEqual(plain[index]!.logProbabilities);
      expect(promptLogProbabilities).not.toEqual(everywhere[index]!.promptLogProbabilities);
      expect(logProbabilities).not.toEqual(everywhere[index]!.logProbabilities);
    });
  });
});

describe('interventions that the model cannot have', () => {
  const bad: [string, Interventions, string][] = [
    ['a layer behind the last', { add: new Map([[3, new Float32Array(width)]]) }, 'layer 3'],
    ['a negative layer', { remove: new Map([[-1, new Float32Array(width)]]) }, 'layer -1'],
    ['a layer between two', { add: new Map([[0.5, new Float32Array(width)]]) }, 'layer 0.5'],
    ['another width', { add: new Map([[1, new Float32Array(width + 1)]]) }, `${width} finite`],
    ['no elements', { remove: new Map([[1, new Float32Array(0)]]) }, `${width} finite`],
    ['a NaN', { add: new Map([[1, new Float32Array(width).with(3, NaN)]]) }, `${width} finite`],
    ['an infinity', { remove: new Map([[1, new Float32Array(width).with(0, -Infinity)]]) }, `${width} finite`],
  ];

  it.each(bad)('are refused: %s', async (_name, interventions, named) => {
    const error = await errorOf(() => checkInterventions(tinyConfig, interventions));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(named);
  });

  it('are not the first and the last layer', () => {
    const vector = new Float32Array(width);
    checkInterventions(tinyConfig, { add: new Map([[0, vector]]), remove: new Map([[2, vector]]) });
    checkInterventions(tinyConfig, {});
  });
});

async function logitsOf(model: Model, interventions: Interventions): Promise<Float32Array> {
  return (await readLogits(model.config, await openRunner(model, interventions), prompt)).data;
}

function distance(left: Float32Array, right: Float32Array): number {
  return left.reduce((most, element, index) => Math.max(most, Math.abs(element - right[index]!)), 0);
}

function expectClose(found: Float32Array, expected: Float32Array): void {
  expect(found).toHaveLength(expected.length);
  expect(distance(found, expected)).toBeLessThan(1e-5);
}
