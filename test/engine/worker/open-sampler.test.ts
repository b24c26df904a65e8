import { execFile } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, describe, expect, it, onTestFinished } from 'vitest';

// The thread's file exists in the built package only; `npm test` builds before it tests.
import { openSampler, type SampledAnswer, type Sampler, type SamplerSettings } from '../../../dist/engine/index.js';
import { createKeyValueReader } from '../../../src/engine/activations/read-keys-values.js';
import { mergeAdapter } from '../../../src/engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../../../src/engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import type { SampleRequest } from '../../../src/engine/sample/sample-request.js';
import { errorOf } from '../checkpoint/error-of.js';
import { copyGolden, goldenFolder } from '../checkpoint/golden-folder.js';
import { openRunner, sampleAll } from '../sample/sample-all.js';

const run = promisify(execFile);

const model = goldenFolder('qwen3-qknorm');
const adapter = join(model, 'adapter_final');
const builtEngine = new URL('../../../dist/engine/index.js', import.meta.url).href;

const requests = Array.from({ length: 12 }, (_, seed) => ({
  prompt: Array.from({ length: 1 + ((seed * 5) % 17) }, (_, index) => (seed + 31 * index) % 512),
  seed,
  maximumTokens: 3 + ((seed * 7) % 20),
  logProbabilities: true,
  promptLogProbabilities: seed % 2 === 0,
  topLogProbabilities: 2,
}));

/** Far more than can be sampled while a test may last, two at a time. */
const endless = Array.from({ length: 2000 }, (_, seed) => ({
  prompt: [1, 2, 3],
  seed,
  maximumTokens: seed === 0 ? 1 : 250,
  stopTokens: [],
}));

async function open(settings: Partial<SamplerSettings> = {}): Promise<Sampler> {
  const sampler = await openSampler({ model, threads: 1, ...settings });
  onTestFinished(() => sampler.close());
  return sampler;
}

/** For every test that does not close it: opening takes longest. */
const shared = openSampler({ model, threads: 1 });
afterAll(async () => (await shared).close());

/** All answers, in the order of their requests. */
async function collect(
  sampler: Sampler,
  some: readonly SampleRequest[],
  options?: Parameters<Sampler['sample']>[1],
): Promise<SampledAnswer[]> {
  const answers: SampledAnswer[] = [];
  for await (const answer of sampler.sample(some, options)) answers.push(answer);
  return answers.sort((left, right) => left.request - right.request);
}

describe('a sampler on its own thread', () => {
  it('answers as one on this thread does', async () => {
    const golden = await readCheckpoint(model);
    const expected = await sampleAll(golden, await openRunner(golden), requests);
    const sampler = await shared;
    expect(await collect(sampler, requests)).toEqual(expected);
    expect(await collect(sampler, requests, { slots: 3 })).toEqual(expected);
    expect(await collect(sampler, [])).toEqual([]);
  });

  it('applies an adapter', async () => {
    const golden = await readCheckpoint(model);
    const weights = mergeAdapter(golden.weights, await readAdapter(adapter, golden.config));
    const expected = await sampleAll({ ...golden, weights }, await openRunner({ ...golden, weights }), requests);
    expect(expected).not.toEqual(await sampleAll(golden, await openRunner(golden), requests));
    expect(await collect(await open({ adapter }), requests)).toEqual(expected);
  });

  it.each(['prompt', 'answer'] as const)('applies interventions from the %s on', async (from) => {
    const golden = await readCheckpoint(model);
    const interventions = {
      add: new Map([[1, new Float32Array(golden.config.width).map((_, channel) => Math.sin(channel))]]),
      remove: new Map([[3, new Float32Array(golden.config.width).fill(1)]]),
      from,
    };
    const runner = await openRunner(golden, interventions);
    const expected = await sampleAll(golden, runner, requests, { editedPrompts: from === 'prompt' });
    expect(await collect(await open({ interventions }), requests)).toEqual(expected);
  });

  it('samples one call after the other with other vectors at the layers it was opened with', async () => {
    const golden = await readCheckpoint(model);
    const waves = (step: number): Float32Array =>
      new Float32Array(golden.config.width).map((_, channel) => Math.sin(step * channel));
    const zeros = new Float32Array(golden.config.width);
    const opened = { add: new Map([[1, waves(1)]]), remove: new Map([[3, waves(2)]]) };
    const sampler = await open({ interventions: opened });
    const asOpened = await collect(sampler, requests);
    const changes = { add: new Map([[1, waves(3)]]), from: 'answer' as const };
    const runner = await openRunner(golden, { ...opened, ...changes });
    const expected = await sampleAll(golden, runner, requests, { editedPrompts: false });
    expect(expected).not.toEqual(asOpened);
    expect(await collect(sampler, requests, { interventions: changes })).toEqual(expected);
    expect(await collect(sampler, requests)).toEqual(asOpened);
    const nothing = { add: new Map([[1, zeros]]), remove: new Map([[3, zeros]]) };
    const plain = await sampleAll(golden, await openRunner(golden), requests);
    expect(await collect(sampler, requests, { interventions: nothing })).toEqual(plain);
    for (const [interventions, named] of [
      [{ add: new Map([[3, zeros]]) }, 'add a vector at residual layer 3; the layers it was opened for: 1'],
      [{ remove: new Map([[3, new Float32Array(1)]]) }, 'layer 3'],
    ] as const) {
      const error = await errorOf(() => collect(sampler, requests, { interventions }));
      expect(error.code).toBe('usage-invalid');
      expect(error.message).toContain(named);
    }
  });

  it('attends to given keys and values, each request to its own', async () => {
    const golden = await readCheckpoint(model);
    const layers = Array.from({ length: golden.config.layers }, (_, layer) => layer);
    const reader = await createKeyValueReader({ ...golden, layers, threads: 1 });
    onTestFinished(reader.release);
    const overridden: SampleRequest[] = [];
    for (const [index, request] of requests.entries()) {
      const given = await reader.read(request.prompt.toReversed());
      const positions = [0, request.prompt.length - 1].slice(request.prompt.length === 1 ? 1 : 0);
      overridden.push(index % 3 === 0 ? request : { ...request, override: { positions, ...given } });
    }
    const runner = await openRunner(golden);
    const expected = await sampleAll(golden, runner, overridden);
    expect(expected).not.toEqual(await sampleAll(golden, runner, requests));
    const sampler = await shared;
    const [found, plain] = await Promise.all([collect(sampler, overridden), collect(sampler, requests)]);
    expect(found).toEqual(expected);
    // A call beside it that brings none is answered as ever.
    expect(plain).toEqual(await sampleAll(golden, runner, requests));
    const beyond = { ...overridden[1]!, override: { ...overridden[1]!.override!, positions: [99] } };
    const error = await errorOf(() => collect(sampler, [requests[0]!, beyond]));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain('Sampling request 1 names the position 99');
    expect(error.hint).toContain('positions of the prompt');
  });

  it('leaves this thread free', async () => {
    const sampler = await shared;
    const steps = 200;
    let turns = 0;
    let counting = true;
    const count = (): void => {
      turns += 1;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    const [answer] = await collect(sampler, [{ prompt: [1], seed: 0, maximumTokens: steps, stopTokens: [] }]);
    counting = false;
    expect(answer!.ids).toHaveLength(steps);
    // Sampling on this thread would let it turn once a step.
    expect(turns).toBeGreaterThan(3 * steps);
  });

  it('hands out answers as they finish', async () => {
    const sampler = await shared;
    const order: number[] = [];
    const some = [30, 2, 9].map((maximumTokens, seed) => ({ prompt: [1], seed, maximumTokens, stopTokens: [] }));
    for await (const { request } of sampler.sample(some)) order.push(request);
    expect(order).toEqual([1, 2, 0]);
  });

  it('finishes calls that overlap', async () => {
    const sampler = await shared;
    const alone = await collect(sampler, requests);
    const reversed = requests.toReversed();
    const [first, second, third] = await Promise.all([
      collect(sampler, requests),
      collect(sampler, reversed, { slots: 2 }),
      collect(sampler, requests.slice(0, 1)),
    ]);
    expect(first).toEqual(alone);
    expect(second.toReversed().map((answer, request) => ({ ...answer, request }))).toEqual(alone);
    expect(third).toEqual(alone.slice(0, 1));
  });
});

describe('stopping', () => {
  it('by a signal ends a call with the answers so far, and no other call', async () => {
    const sampler = await shared;
    const controller = new AbortController();
    const answers: SampledAnswer[] = [];
    const other = collect(sampler, requests);
    const error = await errorOf(async () => {
      for await (const answer of sampler.sample(endless, { slots: 2, signal: controller.signal })) {
        answers.push(answer);
        controller.abort();
      }
    });
    expect(error.code).toBe('interrupted');
    expect(answers[0]!.request).toBe(0);
    expect(answers.length).toBeLessThan(endless.length);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(await collect(sampler, requests)).toEqual(await other);
  });

  it('by a signal that has been raised before starts nothing', async () => {
    const sampler = await shared;
    const error = await errorOf(() => collect(sampler, endless, { slots: 2, signal: AbortSignal.abort() }));
    expect(error.code).toBe('interrupted');
    expect(await collect(sampler, requests.slice(0, 1))).toHaveLength(1);
  });

  it('by leaving the loop makes room for the next call', async () => {
    const sampler = await shared;
    const { signal } = new AbortController();
    for await (const { request } of sampler.sample(endless, { slots: 2, signal })) {
      expect(request).toBe(0);
      break;
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(await collect(sampler, requests)).toHaveLength(requests.length);
  });

  it('by closing ends calls in progress and those that wait', async () => {
    const sampler = await open();
    const calls = [
      errorOf(() => collect(sampler, endless, { slots: 2 })),
      errorOf(() => collect(sampler, endless, { slots: 2 })),
    ];
    const first = sampler.sample(endless, { slots: 2 });
    await first.next();
    await sampler.close();
    for (const error of await Promise.all(calls)) expect(error.code).toBe('interrupted');
  });

  it('is for good once closed', async () => {
    const sampler = await open();
    const closing = sampler.close();
    const meanwhile = await errorOf(() => collect(sampler, requests));
    await closing;
    const afterwards = await errorOf(() => collect(sampler, requests));
    for (const error of [meanwhile, afterwards]) {
      expect(error.code).toBe('usage-invalid');
      expect(error.message).toContain('closed');
    }
    await sampler.close();
  });
});

describe('bad input', () => {
  it('in a request ends its call, and no other', async () => {
    const sampler = await shared;
    const bad = { prompt: [1, 512], seed: 0 };
    const [error, answers] = await Promise.all([
      errorOf(() => collect(sampler, [bad])),
      collect(sampler, requests.slice(0, 2)),
    ]);
    expect(error.code).toBe('tokenizer-mismatch');
    expect(answers).toHaveLength(2);
    expect((await errorOf(() => collect(sampler, requests, { slots: 0 }))).code).toBe('usage-invalid');
  });

  it.each([
    ['a misspelt adapter', { adaptor: 'folder' }, 'unknown setting "adaptor" (did you mean "adapter"?)'],
    ['no model', { model: undefined }, 'model'],
    ['an empty model', { model: '' }, 'model'],
    ['a reference to the hub', { model: 'hf:owner/name' }, 'hf:owner/name'],
    ['an adapter of the hub', { adapter: 'hf:owner/name' }, 'adapter: hf:owner/name'],
    ['an adapter that is no folder', { adapter: 3 }, 'adapter'],
    ['no threads', { threads: 0 }, 'threads'],
    [
      'a misspelt intervention',
      { interventions: { ad: new Map() } },
      'interventions: unknown setting "ad" (did you mean "add"?)',
    ],
    ['vectors in an object', { interventions: { add: { 1: new Float32Array(64) } } }, 'interventions.add'],
    ['a vector that is a list', { interventions: { add: new Map([[1, [1, 2]]]) } }, 'interventions.add.1'],
    ['an unknown place', { interventions: { from: 'end' } }, 'interventions.from'],
  ])('in the settings is told without loading anything: %s', async (_name, settings, named) => {
    // The type rules these out for those who check types.
    const error = await errorOf(() => openSampler({ model: 'nowhere', ...settings } as SamplerSettings));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(named);
  });

  it.each([
    ['a misspelt option', { slot: 3 }, 'unknown setting "slot" (did you mean "slots"?)'],
    ['broken slots', { slots: 1.5 }, 'slots'],
    ['a signal that is none', { signal: true }, 'signal'],
  ])('in the options ends the call: %s', async (_name, options, named) => {
    // As above.
    const error = await errorOf(async () => collect(await shared, requests, options as object));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(named);
  });

  it('in the model folder is told before anything is sampled', async () => {
    const missing = await errorOf(() => openSampler({ model: join(model, 'nowhere') }));
    expect(missing.code).toBe('checkpoint-missing');
    expect(missing.message).toContain('nowhere');

    const damaged = await copyGolden('qwen3-qknorm');
    await writeFile(join(damaged, 'model.safetensors'), 'not tensors');
    const error = await errorOf(() => openSampler({ model: damaged }));
    expect(error.code).toBe('checkpoint-invalid');
    expect(error.details['file']).toBe(join(damaged, 'model.safetensors'));
  });

  it('in the adapter is told, too', async () => {
    const folder = join(await copyGolden('qwen3-qknorm'), 'adapter_final');
    const codeOf = async (): Promise<string> => (await errorOf(() => openSampler({ model, adapter: folder }))).code;
    await writeFile(join(folder, 'adapter_config.json'), '{"peft_type": "IA3"}');
    expect(await codeOf()).toBe('adapter-invalid');
    await rm(folder, { recursive: true });
    expect(await codeOf()).toBe('adapter-invalid');
    const foreign = join(goldenFolder('llama-gqa-tied'), 'adapter_final');
    expect((await errorOf(() => openSampler({ model, adapter: foreign }))).code).toBe('adapter-mismatch');
  });

  it('in an intervention is told, too', async () => {
    const layer = await errorOf(() =>
      openSampler({ model, interventions: { add: new Map([[4, new Float32Array(64)]]) } }),
    );
    expect(layer.code).toBe('usage-invalid');
    expect(layer.message).toContain('layer 4');
    const width = await errorOf(() =>
      openSampler({ model, interventions: { remove: new Map([[1, new Float32Array(63)]]) } }),
    );
    expect(width.code).toBe('usage-invalid');
    expect(width.message).toContain('64');
  });
});

it('lets the process end, whether it was closed or could not be opened', async () => {
  const program = `
    import { openSampler } from ${JSON.stringify(builtEngine)};
    await openSampler({ model: 'nowhere' }).catch((error) => { console.log(error.code); });
    const sampler = await openSampler({ model: ${JSON.stringify(model)} });
    for await (const answer of sampler.sample([{ prompt: [1], seed: 0, maximumTokens: 2, stopTokens: [] }]))
      console.log(answer.ids.length);
    await sampler.close();
    console.log('closed');
  `;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  expect(stdout.trim().split('\n')).toEqual(['checkpoint-missing', '2', 'closed']);
  expect(stderr).toBe('');
});
