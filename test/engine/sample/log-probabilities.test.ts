import { describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import type { DecodeRunner } from '../../../src/engine/sample/decode-runner.js';
import type { SampleRequest, TokenLogProbability } from '../../../src/engine/sample/sample-request.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { openRunner, readLogProbabilities, sampleAll } from './sample-all.js';

/** Nats. */
const tolerance = 1e-5;

function promptOf(length: number, vocabulary: number): number[] {
  const stream = createRandomStream(0, 'prompt', length);
  return Array.from({ length }, () => stream.integer(vocabulary));
}

describe.each(goldenNames)('%s', (name) => {
  // Prompts and answers that end before, at and behind the places where the cache grows.
  it('has the log-probabilities of the whole row, of prompts and answers short and long', async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const runner = await openRunner(model);
    const requests: SampleRequest[] = [
      { prompt: promptOf(1, 512), maximumTokens: 10 },
      { prompt: promptOf(2, 512), maximumTokens: 63 },
      { prompt: promptOf(27, 512), maximumTokens: 200, temperature: 0.8 },
      { prompt: promptOf(64, 512), maximumTokens: 2, temperature: 0 },
      { prompt: promptOf(65, 512), maximumTokens: 70, topP: 0.9 },
      { prompt: promptOf(128, 512), maximumTokens: 5, topK: 10, temperature: 1.5 },
    ].map((request, seed) => ({
      seed,
      stopTokens: [],
      logProbabilities: true,
      promptLogProbabilities: true,
      topLogProbabilities: 4,
      ...request,
    }));
    for (const answer of await sampleAll(model, runner, requests)) {
      const { prompt, maximumTokens } = requests[answer.request]!;
      expect(answer.ids).toHaveLength(maximumTokens!);
      const row = [...prompt, ...answer.ids];
      const expected = await readLogProbabilities(model, runner, row);
      const found = [...answer.promptLogProbabilities!, ...answer.logProbabilities!];
      expect(found.map(({ id }) => id)).toEqual(row.slice(1));
      found.forEach((token, position) => expectTop(token, expected[position]!, 4));
    }
  });
});

describe('the lists', () => {
  const model = makeTinyModel({ context: 100 });
  const prompt = promptOf(6, 40);

  it("are the model's own, before temperature and cuts", async () => {
    const runner = await openRunner(model);
    const [answer] = await sampleAll(model, runner, [
      { prompt, seed: 3, temperature: 3, topK: 2, maximumTokens: 20, logProbabilities: true, stopTokens: [] },
    ]);
    const expected = await readLogProbabilities(model, runner, [...prompt, ...answer!.ids]);
    answer!.logProbabilities!.forEach((token, index) => {
      expectTop(token, expected[prompt.length - 1 + index]!, 0);
    });
  });

  it('are null unless asked for, and empty for the prompt of one token', async () => {
    const runner = await openRunner(model);
    const settings = { seed: 0, maximumTokens: 2, stopTokens: [] };
    const answers = await sampleAll(model, runner, [
      { prompt, ...settings },
      { prompt, ...settings, topLogProbabilities: 3 },
      { prompt: [7], ...settings, promptLogProbabilities: true },
    ]);
    expect(answers.map((answer) => [answer.logProbabilities, answer.promptLogProbabilities])).toEqual([
      [null, null],
      [null, null],
      [null, []],
    ]);
    // Alone, that prompt needs no run at all.
    const [alone] = await sampleAll(model, runner, [{ prompt: [7], ...settings, promptLogProbabilities: true }]);
    expect(alone).toEqual({ ...answers[2]!, request: 0 });
  });

  it('go to the request that asked, among others of the same prompt', async () => {
    const runner = await openRunner(model);
    const settings = { prompt, seed: 5, maximumTokens: 3, stopTokens: [] };
    const prefilled: number[] = [];
    const recorded: DecodeRunner = {
      ...runner,
      run: (step, outputs) => {
        if (step.past === 0) prefilled.push(step.rows);
        return runner.run(step, outputs);
      },
    };
    const answers = await sampleAll(model, recorded, [
      settings,
      { ...settings, promptLogProbabilities: true },
      { ...settings, promptLogProbabilities: true, topLogProbabilities: 2 },
      { ...settings, logProbabilities: true, topLogProbabilities: 40 },
    ]);
    expect(answers.map((answer) => answer.promptLogProbabilities?.map(({ top }) => top.length) ?? null)).toEqual([
      null,
      [0, 0, 0, 0, 0],
      [2, 2, 2, 2, 2],
      null,
    ]);
    expect(answers.map((answer) => answer.logProbabilities?.map(({ top }) => top.length) ?? null)).toEqual([
      null,
      null,
      null,
      [40, 40, 40],
    ]);
    expect(new Set(answers.map(({ ids }) => ids.join()))).toHaveLength(1);
    expect(prefilled).toEqual([1]);
  });
});

/** A token's own log-probability, and the likeliest tokens' in falling order. */
function expectTop(token: TokenLogProbability, expected: Float64Array, count: number): void {
  expect(Math.abs(token.logProbability - expected[token.id]!)).toBeLessThan(tolerance);
  expect(token.top).toHaveLength(count);
  const falling = [...expected].sort((left, right) => right - left);
  token.top.forEach(({ id, logProbability }, rank) => {
    expect(Math.abs(logProbability - expected[id]!)).toBeLessThan(tolerance);
    expect(Math.abs(logProbability - falling[rank]!)).toBeLessThan(tolerance);
  });
  expect(new Set(token.top.map(({ id }) => id))).toHaveLength(count);
}
