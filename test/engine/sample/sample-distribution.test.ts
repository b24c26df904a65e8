import { expect, it } from 'vitest';

import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import type { SampleRequest } from '../../../src/engine/sample/sample-request.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { goldenFolder } from '../checkpoint/golden-folder.js';
import { fitExcess } from './goodness-of-fit.js';
import { openRunner, readLogProbabilities, sampleAll } from './sample-all.js';

const prompt = [1, 87, 85, 260, 201, 57, 74];
const answerCount = 10_000;

/** Pearson's statistic exceeds its mean by four standard deviations once in some ten thousand trials. */
const limit = 4;

function requestMany(settings: Partial<SampleRequest>): SampleRequest[] {
  return Array.from({ length: answerCount }, (_, seed) => ({
    prompt,
    seed,
    maximumTokens: 1,
    stopTokens: [],
    ...settings,
  }));
}

it('draws tokens as often as the model expects them, at each temperature', async () => {
  const model = await readCheckpoint(goldenFolder('qwen3-qknorm'));
  const runner = await openRunner(model);
  const logProbabilities = (await readLogProbabilities(model, runner, prompt)).at(-1)!;
  const expected = (temperature: number): Float64Array => softmax(logProbabilities.map((value) => value / temperature));
  for (const [temperature, other] of [
    [1, 0.7],
    [0.7, 1],
  ] as const) {
    const answers = await sampleAll(model, runner, requestMany({ temperature }), { slots: 500 });
    const drawn = answers.map(({ ids }) => ids[0]!);
    expect(fitExcess(drawn, expected(temperature))).toBeLessThan(limit);
    // The test would notice the wrong temperature.
    expect(fitExcess(drawn, expected(other))).toBeGreaterThan(limit);
  }
});

it('draws from what top-k and top-p keep', async () => {
  const model = makeTinyModel();
  const runner = await openRunner(model);
  const tinyPrompt = prompt.map((id) => id % model.config.vocabulary);
  const weights = (await readLogProbabilities(model, runner, tinyPrompt)).at(-1)!.map((value) => Math.exp(value / 1.5));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const ranked = [...weights.keys()].sort((left, right) => weights[right]! - weights[left]!);
  const reach = (share: number): number => {
    let sum = 0;
    return 1 + ranked.findIndex((id) => (sum += weights[id]! / total) >= share);
  };
  const keptByP = reach(0.8);
  expect(keptByP).toBeGreaterThan(3);
  expect(keptByP).toBeLessThan(model.config.vocabulary);
  for (const [settings, count] of [
    [{ topK: 3 }, 3],
    [{ topP: 0.8 }, keptByP],
  ] as const) {
    const kept = new Set(ranked.slice(0, count));
    const expected = softmax(weights.map((weight, id) => (kept.has(id) ? Math.log(weight) : -Infinity)));
    const answers = await sampleAll(model, runner, requestMany({ prompt: tinyPrompt, temperature: 1.5, ...settings }), {
      slots: 500,
    });
    const drawn = answers.map(({ ids }) => ids[0]!);
    expect(new Set(drawn)).toEqual(kept);
    expect(fitExcess(drawn, expected)).toBeLessThan(limit);
  }
});

it('draws every token of an answer anew', async () => {
  const model = makeTinyModel({ context: 200 });
  const runner = await openRunner(model);
  const requests = Array.from({ length: 60 }, (_, seed) => ({
    prompt: [1],
    seed,
    temperature: 1e6,
    maximumTokens: 150,
    stopTokens: [],
  }));
  const answers = await sampleAll(model, runner, requests, { slots: 60 });
  const { vocabulary } = model.config;
  const uniform = new Array<number>(vocabulary).fill(1 / vocabulary);
  expect(
    fitExcess(
      answers.flatMap(({ ids }) => ids),
      uniform,
    ),
  ).toBeLessThan(limit);
  const repeats = answers.flatMap(({ ids }) => ids.slice(1).map((id, index) => Number(id === ids[index])));
  expect(fitExcess(repeats, [1 - 1 / vocabulary, 1 / vocabulary])).toBeLessThan(limit);
});

function softmax(logits: Float64Array): Float64Array {
  const weights = logits.map(Math.exp);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
