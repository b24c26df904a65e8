import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { sampleAnswers } from '../../../src/engine/sample/sample-answers.js';
import type { SampledAnswer, SampleRequest } from '../../../src/engine/sample/sample-request.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { openRunner, readLogProbabilities, sampleAll } from './sample-all.js';

const greedySchema = z.object({ greedy_prompt: z.array(z.int()), greedy: z.array(z.int()) });

const model = makeTinyModel();
const { context, vocabulary } = model.config;
const prompt = [1, 7, 30, 12];

describe.each(goldenNames)('%s', (name) => {
  it('answers at temperature 0 as transformers does', async () => {
    const golden = await readCheckpoint(goldenFolder(name));
    const file = await readFile(join(goldenFolder(name), 'reference.json'), 'utf8');
    const reference = greedySchema.parse(JSON.parse(file));
    const runner = await openRunner(golden);
    const request = {
      prompt: reference.greedy_prompt,
      temperature: 0,
      maximumTokens: reference.greedy.length,
      stopTokens: [],
    };
    const answers = await sampleAll(golden, runner, [
      { ...request, seed: 0 },
      { ...request, seed: 1, logProbabilities: true, topLogProbabilities: 1 },
    ]);
    for (const { ids } of answers) expect(ids).toEqual(reference.greedy);
    expect(answers[1]!.logProbabilities!.map(({ top }) => top[0]!.id)).toEqual(reference.greedy);
  });
});

describe('an answer ends', () => {
  const settings = { prompt, seed: 2, maximumTokens: 30, logProbabilities: true, topLogProbabilities: 2 };

  it('at a stop token, which is not part of it but has its log-probability', async () => {
    const runner = await openRunner(model);
    const [endless] = await sampleAll(model, runner, [{ ...settings, stopTokens: [] }]);
    expect(endless!.ids).toHaveLength(30);
    expect(endless!.finishReason).toBe('length');
    expect(endless!.logProbabilities).toHaveLength(30);
    const place = endless!.ids.findIndex((id, index) => index >= 5 && endless!.ids.indexOf(id) === index);
    const stop = endless!.ids[place]!;
    const unused = Array.from({ length: vocabulary }, (_, id) => id).find((id) => !endless!.ids.includes(id))!;
    for (const stopTokens of [[stop], [unused, stop], [stop, endless!.ids[place + 1]!]]) {
      const [answer] = await sampleAll(model, runner, [{ ...settings, stopTokens }]);
      expect(answer).toEqual({
        request: 0,
        ids: endless!.ids.slice(0, place),
        finishReason: 'stop',
        logProbabilities: endless!.logProbabilities!.slice(0, place + 1),
        promptLogProbabilities: null,
      });
      expect(answer!.logProbabilities!.at(-1)!.id).toBe(stop);
    }
  });

  it("at the model's end tokens, unless the request names its own", async () => {
    const runner = await openRunner(model);
    const [endless] = await sampleAll(model, runner, [{ ...settings, stopTokens: [] }]);
    const [first, second] = [...new Set(endless!.ids)];
    const ending = { ...model, config: { ...model.config, endTokenIds: [first!, second!] } };
    const byModel = await sampleAll(ending, runner, [settings, { ...settings, stopTokens: [second!] }]);
    expect(byModel[0]).toMatchObject({ ids: [], finishReason: 'stop' });
    expect(byModel[0]!.logProbabilities).toHaveLength(1);
    expect(byModel[1]!.ids).toEqual(endless!.ids.slice(0, endless!.ids.indexOf(second!)));
    expect(byModel[1]!.ids).toContain(first);
  });

  it('at the longest answer, a stop token in that place notwithstanding', async () => {
    const runner = await openRunner(model);
    const [endless] = await sampleAll(model, runner, [{ ...settings, stopTokens: [] }]);
    for (const maximumTokens of [1, 2, 17]) {
      const [answer] = await sampleAll(model, runner, [{ ...settings, maximumTokens, stopTokens: [] }]);
      expect(answer).toMatchObject({ ids: endless!.ids.slice(0, maximumTokens), finishReason: 'length' });
      expect(answer!.logProbabilities).toHaveLength(maximumTokens);
    }
  });

  it('at the end of the context', async () => {
    const runner = await openRunner(model);
    for (const length of [1, context - 5, context - 1]) {
      const long = Array.from({ length }, (_, index) => (index * 7) % vocabulary);
      const [answer] = await sampleAll(model, runner, [
        { prompt: long, seed: 0, maximumTokens: 1000, stopTokens: [], logProbabilities: true },
      ]);
      expect(answer!.finishReason).toBe('length');
      expect(answer!.ids).toHaveLength(context - length);
      const row = [...long, ...answer!.ids];
      const expected = (await readLogProbabilities(model, runner, row.slice(0, -1))).at(-1)!;
      expect(answer!.logProbabilities!.at(-1)!.logProbability).toBeCloseTo(expected[row.at(-1)!]!, 5);
    }
  });

  it('and is handed out at once, while others go on', async () => {
    const runner = await openRunner(model);
    const requests = [9, 3, 30, 1].map((maximumTokens, seed) => ({ prompt, seed, maximumTokens, stopTokens: [] }));
    const order: number[] = [];
    for await (const { request } of sampleAnswers(model.config, runner, requests, { editedPrompts: true }))
      order.push(request);
    expect(order).toEqual([3, 1, 0, 2]);
  });
});

describe('requests that make no sense are refused before anything is sampled', () => {
  const bad: [string, Partial<SampleRequest>, string][] = [
    ['no prompt', { prompt: [] }, 'prompt'],
    ['a broken id', { prompt: [1.5] }, 'prompt'],
    ['a negative id', { prompt: [-1] }, 'prompt'],
    ['a broken seed', { seed: 0.5 }, 'seed'],
    ['a negative temperature', { temperature: -1 }, 'temperature'],
    ['a temperature that is no number', { temperature: NaN }, 'temperature'],
    ['an infinite temperature', { temperature: Infinity }, 'temperature'],
    ['topP 0', { topP: 0 }, 'topP'],
    ['topP above 1', { topP: 1.01 }, 'topP'],
    ['a negative topK', { topK: -1 }, 'topK'],
    ['no tokens', { maximumTokens: 0 }, 'maximumTokens'],
    ['a broken stop token', { stopTokens: [0.5] }, 'stopTokens'],
    ['too many likely tokens', { topLogProbabilities: 101 }, 'topLogProbabilities'],
    ['an unknown setting', { temprature: 1 } as Partial<SampleRequest>, '"temprature" (did you mean "temperature"?)'],
    ['an unknown setting unlike any', { quantisation: 1 } as Partial<SampleRequest>, 'unknown setting "quantisation"'],
    ['a broken id, by its place', { prompt: [1, 2.5] }, 'request 1: prompt.1: '],
  ];

  it.each(bad)('%s', async (_name, settings, named) => {
    const runner = await openRunner(model);
    const requests = [
      { prompt, seed: 0 },
      { prompt, seed: 1, ...settings },
    ];
    const error = await errorOf(() => firstAnswer(requests, runner));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain('request 1');
    expect(error.message).toContain(named);
  });

  it.each([0, -1, 1.5, NaN])('%d slots', async (slots) => {
    const runner = await openRunner(model);
    // Stopped rather than waited for, should it go on forever.
    const signal = AbortSignal.timeout(5000);
    const error = await errorOf(() => sampleAll(model, runner, [{ prompt, seed: 0 }], { slots, signal }));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(String(slots));
  });

  it('a prompt that fills the context', async () => {
    const runner = await openRunner(model);
    const long = new Array<number>(context).fill(1);
    const error = await errorOf(() => firstAnswer([{ prompt: long, seed: 0 }], runner));
    expect(error.code).toBe('row-too-long');
    expect(error.message).toContain(String(context));
  });

  it('an id outside the vocabulary', async () => {
    const runner = await openRunner(model);
    const error = await errorOf(() => firstAnswer([{ prompt: [1, vocabulary], seed: 0 }], runner));
    expect(error.code).toBe('tokenizer-mismatch');
    expect(error.message).toContain(String(vocabulary));
    await firstAnswer([{ prompt: [1, vocabulary - 1], seed: 0 }], runner);
  });

  async function firstAnswer(
    requests: readonly SampleRequest[],
    runner: Awaited<ReturnType<typeof openRunner>>,
  ): Promise<SampledAnswer | undefined> {
    for await (const answer of sampleAnswers(model.config, runner, requests, { editedPrompts: true })) return answer;
    return undefined;
  }
});

it('samples with room for far longer answers than memory would hold', async () => {
  const endless = makeTinyModel({ context: 2 ** 40 });
  const runner = await openRunner(endless);
  const end = { prompt, seed: 0, stopTokens: Array.from({ length: vocabulary }, (_, id) => id) };
  const [answer] = await sampleAll(endless, runner, [{ ...end, maximumTokens: 2 ** 39 }]);
  expect(answer).toMatchObject({ ids: [], finishReason: 'stop' });
});

it('answers nothing when nothing is asked', async () => {
  expect(await sampleAll(model, await openRunner(model), [])).toEqual([]);
});

it('takes the likeliest token however small the temperature', async () => {
  const runner = await openRunner(model);
  const settings = { prompt, seed: 0, maximumTokens: 20, stopTokens: [] };
  const temperatures = [0, 1e-5, 1e-30, 1e-38, 1e-40, 1e-320];
  const requests = temperatures.flatMap((temperature) => [
    { ...settings, temperature },
    { ...settings, temperature, topP: 0.9 },
  ]);
  const answers = await sampleAll(model, runner, requests);
  expect(new Set(answers[0]!.ids).size).toBeGreaterThan(1);
  for (const { ids } of answers) expect(ids).toEqual(answers[0]!.ids);
});

it('draws any token at a huge temperature', async () => {
  const runner = await openRunner(model);
  const requests = Array.from({ length: 400 }, (_, seed) => ({
    prompt,
    seed,
    temperature: 1e300,
    maximumTokens: 1,
    stopTokens: [],
  }));
  const drawn = new Set((await sampleAll(model, runner, requests, { slots: 400 })).map(({ ids }) => ids[0]));
  expect(drawn).toHaveLength(vocabulary);
});

describe('weights that are not finite', () => {
  const broken = (name: string, value: number): Map<string, FloatTensor> => {
    const { shape, data } = model.weights.get(name)!;
    return new Map([...model.weights, [name, { shape, data: data.with(5, value) }]]);
  };

  it.each([
    ['a NaN of a block', 'model.layers.1.mlp.down_proj.weight', NaN],
    ['an infinity of a block', 'model.layers.0.self_attn.v_proj.weight', Infinity],
    ['a NaN of the final norm', 'model.norm.weight', NaN],
  ])('end sampling with an error: %s', async (_name, tensor, value) => {
    const damaged = { ...model, weights: broken(tensor, value) };
    const runner = await openRunner(damaged);
    for (const settings of [{}, { temperature: 0 }, { topK: 3 }, { topP: 0.5 }]) {
      const error = await errorOf(() => sampleAll(damaged, runner, [{ prompt, seed: 0, ...settings }]));
      expect(error.code).toBe('engine-failed');
      expect(error.message).toContain('request 0');
    }
  });
});

it('stops between two steps when it is told to, with the answers so far', async () => {
  const runner = await openRunner(model);
  const controller = new AbortController();
  const requests = [2, 40].map((maximumTokens, seed) => ({ prompt, seed, maximumTokens, stopTokens: [] }));
  const settings = { editedPrompts: true, signal: controller.signal };
  const answers: SampledAnswer[] = [];
  const error = await errorOf(async () => {
    for await (const answer of sampleAnswers(model.config, runner, requests, settings)) {
      answers.push(answer);
      controller.abort();
    }
  });
  expect(error.code).toBe('interrupted');
  expect(answers.map(({ request }) => request)).toEqual([0]);
  // What the runner holds is not damaged.
  expect(await sampleAll(model, runner, [requests[0]!])).toEqual(answers);
});
