import { describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import type { DecodeRunner } from '../../../src/engine/sample/decode-runner.js';
import type { SampledAnswer, SampleRequest } from '../../../src/engine/sample/sample-request.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { openRunner, sampleAll, type Model } from './sample-all.js';

function promptOf(length: number, seed: number, vocabulary: number): number[] {
  const stream = createRandomStream(seed, 'prompt', length);
  return Array.from({ length }, () => stream.integer(vocabulary));
}

/** Requests that differ in everything that requests can differ in. */
function studiedRequests(vocabulary: number): SampleRequest[] {
  const everything = { logProbabilities: true, promptLogProbabilities: true, topLogProbabilities: 3 };
  const settings: Partial<SampleRequest>[] = [
    {},
    { temperature: 0 },
    { temperature: 0.7, topP: 0.9 },
    { topK: 20 },
    { temperature: 1.5, maximumTokens: 3 },
  ];
  return [1, 2, 3, 9, 27, 64, 70, 130].map((length, index) => ({
    prompt: promptOf(length, 0, vocabulary),
    seed: 100 + index,
    maximumTokens: 12,
    stopTokens: [],
    ...everything,
    ...settings[index % settings.length],
  }));
}

/** Neighbours of all lengths, which come and go at different times. */
function makeNeighbours(count: number, vocabulary: number): SampleRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    prompt: promptOf(1 + ((index * 37) % 150), 1, vocabulary),
    seed: index,
    maximumTokens: 1 + ((index * 5) % 30),
    promptLogProbabilities: index % 3 === 0,
    topLogProbabilities: index % 4,
    logProbabilities: index % 2 === 0,
    ...(index % 5 === 0 ? { topP: 0.5 } : {}),
  }));
}

/** The answers to some requests, sampled together with others that stand around them. */
async function sampleAmong(
  model: Model,
  runner: DecodeRunner,
  requests: readonly SampleRequest[],
  neighbours: readonly SampleRequest[],
  slots: number,
): Promise<Omit<SampledAnswer, 'request'>[]> {
  const all = [...neighbours];
  const places = requests.map((request, index) => {
    const place = Math.min(all.length, 2 * index + 1);
    all.splice(place, 0, request);
    return request;
  });
  const answers = await sampleAll(model, runner, all, { slots });
  return places.map((request) => withoutPlace(answers[all.indexOf(request)]!));
}

function withoutPlace({ request: _request, ...answer }: SampledAnswer): Omit<SampledAnswer, 'request'> {
  return answer;
}

async function sampleAlone(
  model: Model,
  runner: DecodeRunner,
  requests: readonly SampleRequest[],
): Promise<Omit<SampledAnswer, 'request'>[]> {
  const answers: Omit<SampledAnswer, 'request'>[] = [];
  for (const request of requests) answers.push(withoutPlace((await sampleAll(model, runner, [request]))[0]!));
  return answers;
}

const models: [string, () => Promise<Model> | Model][] = [
  ...goldenNames.map((name): [string, () => Promise<Model>] => [name, () => readCheckpoint(goldenFolder(name))]),
  ['odd widths', () => makeTinyModel({ vocabulary: 101, feedForwardWidth: 23, context: 256 })],
];

describe.each(models)('answers of %s', (_name, openModel) => {
  it('are the same to the last bit whatever is sampled beside them', async () => {
    const model = await openModel();
    const { vocabulary } = model.config;
    const runner = await openRunner(model);
    const requests = studiedRequests(vocabulary);
    const alone = await sampleAlone(model, runner, requests);
    expect(alone.map(({ ids }) => ids.length)).toEqual(requests.map(({ maximumTokens }) => maximumTokens));
    expect(await sampleAmong(model, runner, requests, [], 32)).toEqual(alone);
    expect(await sampleAmong(model, runner, requests.toReversed(), [], 3)).toEqual(alone.toReversed());
    const neighbours = makeNeighbours(40, vocabulary);
    for (const [index, request] of requests.entries()) {
      expect(await sampleAmong(model, runner, [request], neighbours.slice(0, 7), 32)).toEqual([alone[index]]);
    }
    expect(await sampleAmong(model, runner, requests, neighbours, 8)).toEqual(alone);
    expect(await sampleAmong(model, runner, requests, neighbours.toReversed(), 48)).toEqual(alone);
    expect(await sampleAmong(model, runner, requests, neighbours, 1)).toEqual(alone);
  });
});

describe('requests of one prompt', () => {
  const prompt = promptOf(20, 0, 40);
  const model = makeTinyModel({ context: 256 });

  it('share one run over the prompt, however many there are', async () => {
    const counted = countPrefills(await openRunner(model));
    const requests = Array.from({ length: 32 }, (_, seed) => ({
      prompt,
      seed,
      maximumTokens: 5,
      logProbabilities: true,
    }));
    const shared = await sampleAll(model, counted.runner, requests);
    expect(counted.prefills).toEqual([1]);
    expect(shared.map(withoutPlace)).toEqual(await sampleAlone(model, counted.runner, requests));
    // One for each request that was sampled alone.
    expect(counted.prefills).toHaveLength(33);
  });

  it('share it across waves, and among requests of other prompts', async () => {
    const counted = countPrefills(await openRunner(model));
    const other = promptOf(30, 0, 40);
    const requests = Array.from({ length: 50 }, (_, seed) => ({
      prompt: seed % 2 === 0 ? prompt : other,
      seed,
      maximumTokens: 1 + (seed % 7),
    }));
    await sampleAll(model, counted.runner, requests, { slots: 4 });
    expect(counted.prefills.reduce((sum, rows) => sum + rows, 0)).toBe(2);
  });

  it('are computed once for as long as they are alike, and each as it is alone', async () => {
    const runner = await openRunner(model);
    // Few tokens are likely, so that answers part late, at different places; and each ends where it wants to.
    const requests = Array.from({ length: 60 }, (_, seed) => ({
      prompt: seed % 3 === 0 ? promptOf(30, 0, 40) : prompt,
      seed,
      maximumTokens: 10 + (seed % 20),
      temperature: seed % 5 === 0 ? 0 : 0.25,
      logProbabilities: true,
    }));
    const rows: number[] = [];
    const counted: DecodeRunner = {
      ...runner,
      run: (step, outputs) => {
        if (step.length === 1) rows.push(step.rows);
        return runner.run(step, outputs);
      },
    };
    const shared = await sampleAll(model, counted, requests, { slots: 40 });
    expect(shared.map(withoutPlace)).toEqual(await sampleAlone(model, runner, requests));
    const beginnings = new Set(
      shared.flatMap(({ request, ids }) =>
        ids.map((_, end) => `${String(request % 3 === 0)} ${ids.slice(0, end).join()}`),
      ),
    );
    const tokens = shared.reduce((sum, { ids }) => sum + ids.length, 0);
    const computed = rows.reduce((sum, count) => sum + count, 0);
    expect(new Set(shared.map(({ ids }) => ids.join())).size).toBeGreaterThan(5);
    expect(beginnings.size).toBeLessThan(tokens / 2);
    // Those of the second wave begin anew, and the last token of an answer that stops is drawn, too.
    expect(computed).toBeLessThan(beginnings.size + tokens / 3);
  });

  it('answer differently for different seeds, and alike for the same one', async () => {
    const runner = await openRunner(model);
    const requests = [...Array.from({ length: 30 }, (_, seed) => seed), 0].map((seed) => ({
      prompt,
      seed,
      maximumTokens: 20,
      stopTokens: [],
    }));
    const answers = (await sampleAll(model, runner, requests)).map(({ ids }) => ids.join());
    expect(new Set(answers)).toHaveLength(30);
    expect(answers[30]).toBe(answers[0]);
  });
});

it('log-probabilities and lists of likely tokens change no answer', async () => {
  const model = makeTinyModel({ context: 256 });
  const runner = await openRunner(model);
  const base = Array.from({ length: 12 }, (_, seed) => ({
    prompt: promptOf(5 + seed, 0, 40),
    seed,
    maximumTokens: 30,
    ...(seed % 3 === 0 ? { topP: 0.8 } : seed % 3 === 1 ? { temperature: 0 } : {}),
  }));
  const idsWith = async (settings: Partial<SampleRequest>): Promise<(readonly number[])[]> =>
    (
      await sampleAll(
        model,
        runner,
        base.map((request) => ({ ...request, ...settings })),
      )
    ).map(({ ids }) => ids);
  const plain = await idsWith({});
  expect(await idsWith({ logProbabilities: true })).toEqual(plain);
  expect(await idsWith({ promptLogProbabilities: true })).toEqual(plain);
  expect(await idsWith({ logProbabilities: true, promptLogProbabilities: true, topLogProbabilities: 5 })).toEqual(
    plain,
  );
});

/** The same runner, with the number of prompts of every run over prompts. */
function countPrefills(runner: DecodeRunner): { readonly runner: DecodeRunner; readonly prefills: number[] } {
  const prefills: number[] = [];
  return {
    prefills,
    runner: {
      ...runner,
      run: (step, outputs) => {
        if (step.past === 0) prefills.push(step.rows);
        return runner.run(step, outputs);
      },
    },
  };
}
