import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TrainingRow } from '../../src/data/training-set.js';
import { parseRecipe, type RecipeInput } from '../../src/engine/train/recipe.js';
import { createDirectFetch } from '../../src/foundation/direct-fetch.js';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { openHostedTrainer } from '../../src/models/hosted/jobs/open-hosted-trainer.js';
import type { Trainer, TrainingJob, TrainingProgress } from '../../src/models/trainer.js';
import { createHostedTraffic } from '../../src/models/hosted/traffic/hosted-traffic.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { sendJson } from './loopback-chat-server.js';
import { faults, switchOnFaults, type Fault } from './loopback-faults.js';
import { startLoopbackJobServer, type LoopbackJobServer } from './loopback-job-server.js';
import { createHastyClock } from './hosted/traffic/fake-clock.js';

const fetch = createDirectFetch(globalThis.fetch);

const rows: TrainingRow[] = Array.from({ length: 12 }, (_, row) => ({
  messages: [
    { role: 'user', content: `Say ${String(row)}.` },
    { role: 'assistant', content: `It is ${String(row)}.` },
  ],
}));

const recipeOf = (changes: Partial<RecipeInput> = {}) =>
  // One of the forms, with settings that both have.
  parseRecipe({ method: 'lora', learning_rate: 1e-5, batch_size: 2, accumulation: 3, epochs: 3, seed: 7, ...changes });

async function start(): Promise<LoopbackJobServer> {
  const server = await startLoopbackJobServer();
  onTestFinished(server.close);
  return server;
}

async function openAt({ endpoint }: LoopbackJobServer) {
  const clock = createHastyClock();
  const { uniform } = createRandomStream(0, 'test');
  const waits: number[] = [];
  const trainer: Trainer = await openHostedTrainer({
    model: 'gpt-1',
    identity: 'gpt-1',
    environment: { OPENAI_BASE_URL: endpoint, OPENAI_API_KEY: 'sk-any' },
    fetch,
    traffic: createHostedTraffic({ clock, uniform }),
    wait: (milliseconds) => {
      waits.push(milliseconds);
      return Promise.resolve();
    },
  });
  return { trainer, clock, waits };
}

/** In a folder of its own: what is found again is found at the service. */
async function train(server: LoopbackJobServer, changes: Partial<TrainingJob> = {}) {
  const { trainer, clock } = await openAt(server);
  const steps: TrainingProgress[] = [];
  const job = { rows, recipe: recipeOf(), folder: await makeTemporaryFolder(), ...changes };
  const result = await trainer.train(job, { onStep: (progress) => steps.push(progress) });
  return { result, steps, clock };
}

const isCreation = (request: string): boolean => request === 'POST /v1/fine_tuning/jobs';

describe('a model that a service fine-tunes', () => {
  it('is asked for by epochs, rows a step and a multiplier of the learning rate', async () => {
    const server = await start();
    const { result, steps } = await train(server, { learningRateMultiplier: 0.5 });
    expect(server.jobs).toHaveLength(1);
    const [job] = server.jobs;
    expect(job).toMatchObject({ model: 'gpt-1', seed: 7, training_file: 'file-1' });
    expect(job?.method.supervised.hyperparameters).toEqual({
      n_epochs: 3,
      batch_size: 6,
      learning_rate_multiplier: 0.5,
    });
    expect(job).not.toHaveProperty('recipe');
    expect(server.files.get('file-1')).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const name = `ft:gpt-1:org:${job?.suffix ?? ''}:ftjob-1`;
    expect(result).toEqual({ model: { kind: 'named', model: name }, kept: new Map(), steps: 6 });
    expect(steps.map(({ step, loss }) => [step, loss])).toEqual(
      [1, 2, 3, 4, 5, 6].map((step) => [step, 2 / step] as const),
    );
  });

  it('has the service choose its learning rate where the plan says nothing of it', async () => {
    const server = await start();
    await train(server, { recipe: recipeOf({ epochs: 1, batch_size: 4, accumulation: 1 }) });
    expect(server.jobs[0]?.method.supervised.hyperparameters).toEqual({ n_epochs: 1, batch_size: 4 });
  });

  it('is another one with another multiplier', async () => {
    const server = await start();
    for (const learningRateMultiplier of [null, 1, 2]) await train(server, { learningRateMultiplier });
    expect(new Set(server.jobs.map(({ suffix }) => suffix)).size).toBe(3);
  });

  it('is kept at the ends of its last epochs', async () => {
    const server = await start();
    const { result } = await train(server, { keepSteps: [2, 4, 6] });
    const { model } = result.model as { readonly model: string }; // hosted models have names
    expect([...result.kept]).toEqual([
      [2, { kind: 'named', model: `${model}:ckpt-step-2` }],
      [4, { kind: 'named', model: `${model}:ckpt-step-4` }],
      [6, { kind: 'named', model }],
    ]);
  });

  it('is found again behind pages of later ones', async () => {
    const server = await start();
    const seeds = [1, 2, 3, 4, 5, 6];
    const made = [];
    for (const seed of seeds) made.push((await train(server, { recipe: recipeOf({ seed }) })).result);
    server.requests.length = 0;
    expect((await train(server, { recipe: recipeOf({ seed: 1 }) })).result).toEqual(made[0]);
    expect(server.jobs).toHaveLength(6);
    expect(server.requests.filter(isCreation)).toEqual([]);
    expect(server.requests.filter((request) => request.includes('/jobs?')).length).toBeGreaterThanOrEqual(3);
  });
});

describe('a service at fault', () => {
  it('makes one job and the same model', { timeout: 120_000 }, async () => {
    const quiet = await train(await start(), { keepSteps: [4, 6] });
    let failures = 0;
    for (let seed = 0; seed < 6; seed += 1) {
      const server = await start();
      const counts = switchOnFaults(server, seed);
      const { result, steps } = await train(server, { keepSteps: [4, 6] });
      expect(result).toEqual(quiet.result);
      expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(server.jobs).toHaveLength(1);
      for (const times of counts.values()) failures += times;
    }
    expect(failures).toBeGreaterThan(6);
  });

  it.each(Object.keys(faults) as Fault[])('has everything asked for again after %s', async (fault) => {
    const server = await start();
    const failed = new Set<string>();
    server.intercept = (response, { method, url = '' }) => {
      const what = `${method ?? ''} ${url.replace(/\?.*/, '')}`;
      if (failed.has(what)) return false;
      failed.add(what);
      faults[fault](response);
      return true;
    };
    const { result } = await train(server, { keepSteps: [6] });
    expect(result.steps).toBe(6);
    expect(server.jobs).toHaveLength(1);
    expect([...failed]).toEqual([
      'GET /v1/models',
      'GET /v1/fine_tuning/jobs',
      'POST /v1/files',
      'POST /v1/fine_tuning/jobs',
      'GET /v1/fine_tuning/jobs/ftjob-1',
      'GET /v1/fine_tuning/jobs/ftjob-1/events',
      'GET /v1/fine_tuning/jobs/ftjob-1/checkpoints',
    ]);
  });

  const losses: Record<string, (response: ServerResponse) => void> = {
    'a dropped connection': (response) => response.socket?.destroy(),
    'an error': (response) => {
      sendJson(response, 502, { error: { message: 'bad gateway' } });
    },
    'a page': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
  };
  it.each(Object.entries(losses))('that made the job and then answered with %s makes no other', async (_, lose) => {
    const server = await start();
    let lost = 0;
    server.intercept = (response, { method, url }, act) => {
      if (!isCreation(`${method ?? ''} ${url ?? ''}`)) return false;
      lost += 1;
      act();
      lose(response);
      return true;
    };
    expect((await train(server)).result.steps).toBe(6);
    expect([server.jobs.length, lost]).toEqual([1, 1]);
  });

  it('is waited for as long as it says', async () => {
    const server = await start();
    let isFirst = true;
    server.intercept = (response, { method, url }) => {
      if (!isFirst || !isCreation(`${method ?? ''} ${url ?? ''}`)) return false;
      isFirst = false;
      sendJson(response, 429, { error: { message: 'too many' } }, { 'retry-after': '40' });
      return true;
    };
    const { clock } = await train(server);
    expect(Math.max(...clock.waits)).toBeGreaterThanOrEqual(40_000);
    expect(server.jobs).toHaveLength(1);
  });

  it('is asked no more where the account is used up', async () => {
    const server = await start();
    server.intercept = (response, { method }) => {
      if (method !== 'POST') return false;
      sendJson(response, 429, { error: { message: 'no credit', code: 'insufficient_quota' } });
      return true;
    };
    await expect(train(server)).rejects.toMatchObject({ code: 'provider-quota' });
    expect(server.requests.filter((request) => request.startsWith('POST'))).toHaveLength(1);
  });
});
