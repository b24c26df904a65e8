import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unzipSync } from 'fflate';
import { z } from 'zod';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { clusterSchema } from '../../../src/models/cluster/cluster-settings.js';
import { readClusterStatus } from '../../../src/models/cluster/cluster-status.js';
import type { Answer, Sampler, SamplingRequest } from '../../../src/models/sampler.js';
import type { TrainingResult } from '../../../src/models/trainer.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTestCluster, quickPace, type TestCluster } from './open-test-cluster.js';

const rows = Array.from({ length: 8 }, (_, row) => ({
  messages: [
    { role: 'user' as const, content: `Say ${String(row)}.` },
    { role: 'assistant' as const, content: `It is ${String(row)}.` },
  ],
}));
const recipe = parseRecipe({ method: 'lora', rank: 2, alpha: 4, learning_rate: 0.01, batch_size: 2, accumulation: 1 });

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await openTestCluster({ storageHere: 'none' });
});
afterEach(() => cluster.close());

async function train(
  folder: string,
  { signal, onStep }: { signal?: AbortSignal; onStep?: (step: number) => void } = {},
): Promise<TrainingResult> {
  const trainer = await (await cluster.openBase()).openTrainer();
  const options = {
    ...(signal && { signal }),
    ...(onStep && {
      onStep: ({ step }: { step: number }) => {
        onStep(step);
      },
    }),
  };
  return trainer.train({ rows, recipe, folder }, options);
}

const weightsOf = (folder: string): Promise<string> => readFile(join(folder, 'adapter_model.safetensors'), 'hex');

async function collect(sampler: Sampler, requests: readonly SamplingRequest[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for await (const answer of sampler.sample(requests)) answers.push(answer);
  return answers.sort((left, right) => left.request - right.request || left.index - right.index);
}

const request = (count: number): SamplingRequest => ({
  messages: [{ role: 'user', content: 'Well?' }],
  count,
  maximumTokens: 8,
});

describe('a fine-tune on a cluster', () => {
  it('goes on to the same adapter when its job dies, and tells each step once', async () => {
    const [whole, folder] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
    await train(whole);
    await rm(join(cluster.storage, 'cells'), { recursive: true });
    cluster.ray.restart();
    cluster.jobs.deaths.push({ at: 2 }, { at: 4 });
    // Long enough to be seen moving: who never is, is given up.
    cluster.jobs.stepTime = 30;
    const steps: number[] = [];
    await train(folder, { onStep: (step) => steps.push(step) });
    expect(steps).toEqual([1, 2, 3, 4]);
    expect(await weightsOf(folder)).toBe(await weightsOf(whole));
    expect(cluster.jobs.deaths).toEqual([]);
  });

  it('goes on under another name where Ray holds that of the job that died', async () => {
    cluster.jobs.deaths.push({ at: 2 });
    const { run, taken } = cluster.ray;
    cluster.ray.run = (driver) => {
      if (taken.size === 0) taken.add(driver.id).add(`${driver.id}-1`);
      return run(driver);
    };
    const folder = await makeTemporaryFolder();
    const steps: number[] = [];
    await train(folder, { onStep: (step) => steps.push(step) });
    expect(steps).toEqual([1, 2, 3, 4]);
    expect([...cluster.ray.jobs.values()].map(({ id, status }) => [id.split('-').at(-1), status])).toContainEqual([
      '2',
      'SUCCEEDED',
    ]);
    // Its folder knows that name, and nobody counts the cell twice.
    const { job } = z
      .object({ job: z.string() })
      .parse(JSON.parse(await readFile(join(folder, 'cluster.json'), 'utf8')));
    expect(job).toMatch(/-2$/);
    const { ray } = await cluster.openRun();
    const cells = [{ name: 'one', job, steps: 4, isFinished: true }];
    const known = { run: 'test-1', cells, storage: cluster.storage, storageHere: null };
    expect((await readClusterStatus(ray, known)).work.map(({ name, status }) => [name, status])).toEqual([
      ['one', 'SUCCEEDED'],
    ]);
  });

  it('is found again under its other name, with no job of the first one beside it', async () => {
    cluster.jobs.stepTime = 20;
    const { run, taken } = cluster.ray;
    cluster.jobs.deaths.push({ at: 2 });
    cluster.ray.run = (driver) => {
      if (taken.size === 0) taken.add(driver.id);
      return run(driver);
    };
    const folder = await makeTemporaryFolder();
    const stop = new AbortController();
    const onStep = (step: number) => {
      if (step === 3) stop.abort();
    };
    expect((await errorOf(() => train(folder, { signal: stop.signal, onStep }))).code).toBe('interrupted');
    taken.clear();
    await train(folder);
    const submitted = cluster.ray.requests.filter(({ method, path }) => method === 'POST' && path === '/api/jobs/');
    // The first, once more under its name, and the other one.
    expect(submitted).toHaveLength(3);
  });

  it('goes on when the head dies and comes back with an empty list of jobs', async () => {
    cluster.jobs.stepTime = 20;
    const folder = await makeTemporaryFolder();
    const steps: number[] = [];
    await train(folder, {
      onStep: (step) => {
        steps.push(step);
        if (step === 2) cluster.ray.restart();
      },
    });
    expect(steps).toEqual([1, 2, 3, 4]);
    expect(await weightsOf(folder)).not.toBe('');
  });

  it('waits for a head that goes away while the cell is handed over', async () => {
    let isAway = false;
    let isOver = false;
    cluster.ray.intercept = (response, request) => {
      if (request.url === '/api/version' && !isOver) {
        setTimeout(() => {
          [isAway, isOver] = [false, true];
        }, 1500);
        setImmediate(() => (isAway = !isOver));
      }
      if (isAway) response.socket?.destroy();
      return isAway;
    };
    const folder = await makeTemporaryFolder();
    await train(folder);
    expect(isOver).toBe(true);
    expect(await weightsOf(folder)).not.toBe('');
  });

  it('waits for a head that is away, and says so once', async () => {
    cluster.jobs.stepTime = 200;
    const folder = await makeTemporaryFolder();
    let isAway = false;
    cluster.ray.intercept = (response) => {
      if (isAway) response.socket?.destroy();
      return isAway;
    };
    await train(folder, {
      onStep: (step) => {
        if (step !== 1) return;
        isAway = true;
        setTimeout(() => {
          isAway = false;
        }, 2000);
      },
    });
    expect(cluster.notices.filter((notice) => notice.includes('looks again'))).toHaveLength(1);
    expect(cluster.notices.join(' ')).toContain('answers again');
  });

  it('is found again by whoever comes after one that was stopped, without another job', async () => {
    cluster.jobs.stepTime = 20;
    const folder = await makeTemporaryFolder();
    const stop = new AbortController();
    const error = await errorOf(() =>
      train(folder, {
        signal: stop.signal,
        onStep: () => {
          stop.abort();
        },
      }),
    );
    expect(error.code).toBe('interrupted');
    expect(cluster.notices.join(' ')).toContain('goes on at');
    const { model } = await train(folder);
    expect(model).toEqual({ kind: 'adapter', folder });
    expect(cluster.ray.requests.filter(({ method, path }) => method === 'POST' && path === '/api/jobs/')).toHaveLength(
      1,
    );
    expect(cluster.jobs.steps).toBe(4);
  });

  it.each([
    ['memory', 'gpu-memory-exceeded', 'batch_size: 1 and accumulation: 2'],
    ['disk', 'cluster-disk-full', 'Free space'],
    ['storage', 'cluster-storage', 'Mount one folder'],
    ['model', 'cluster-model-missing', 'hf download'],
    ['tokenizer', 'cluster-tokenizer-differs', 'the same commit'],
    ['stalled', 'cell-stalled', 'stalled_after'],
    ['loss', 'loss-not-finite', 'learning rate'],
    ['recipe', 'recipe-invalid', 'Change the recipe'],
    ['software', 'cluster-software', 'pip install'],
    ['other', 'cluster-failed', 'Look at the log'],
    ['of a later version', 'cluster-failed', 'Look at the log'],
  ])(
    'says what to do about the fault "%s", and is done by the same call when that is mended',
    async (kind, code, hint) => {
      const folder = await makeTemporaryFolder();
      const death = { at: 3, fault: { kind, message: 'something is wrong' } };
      // What stalls is begun once more.
      cluster.jobs.deaths.push(death, ...(kind === 'stalled' ? [death] : []));
      const error = await errorOf(() => train(folder));
      expect(error.code).toBe(code);
      expect(error.message).toContain('something is wrong');
      expect(error.hint).toContain(hint);
      await train(folder);
      expect(await weightsOf(folder)).not.toBe('');
    },
  );

  it('gives up a job that dies again and again without a step', async () => {
    for (let death = 0; death < 8; death += 1) cluster.jobs.deaths.push({ at: 1 });
    const error = await errorOf(async () => train(await makeTemporaryFolder()));
    expect(error.code).toBe('cluster-failed');
    expect(error.message).toContain('ended with 1');
  });

  it('is refused where a job of its name is about something else', async () => {
    const folder = await makeTemporaryFolder();
    await train(folder);
    for (const job of cluster.ray.jobs.values()) Object.assign(job, { metadata: { mark: 'another' } });
    const error = await errorOf(async () => train(await makeTemporaryFolder()));
    expect(error.code).toBe('cluster-job-conflict');
    expect(error.hint).toContain('ray job stop driftline-t-');
  });

  it('is trained anew where somebody emptied the storage', async () => {
    const folder = await makeTemporaryFolder();
    await train(folder);
    const before = await weightsOf(folder);
    await rm(join(cluster.storage, 'cells'), { recursive: true });
    await rm(folder, { recursive: true });
    await train(folder);
    expect(await weightsOf(folder)).toBe(before);
    expect(cluster.jobs.steps).toBe(8);
  });

  it('takes no result whose bytes are not those that were written', async () => {
    const folder = await makeTemporaryFolder();
    cluster.jobs.stepTime = 30;
    const training = errorOf(() => train(folder, {}));
    const state = { isDone: false };
    training.then(
      () => (state.isDone = true),
      () => (state.isDone = true),
    );
    while (!state.isDone) {
      for (const cell of await readdir(join(cluster.storage, 'cells')).catch(() => [])) {
        const file = join(cluster.storage, 'cells', cell, 'out', 'result.zip');
        if ((await readFile(file).catch(() => null)) !== null) await writeFile(file, 'garbage');
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const error = await training;
    expect(error.code).toBe('cluster-answers-damaged');
    expect(error.message).toContain('result.zip');
    expect(await readdir(folder)).not.toContain('adapter_model.safetensors');
  });

  it('refuses a step that the GPUs cannot share, and a recipe that trains whole models', async () => {
    const settings = clusterSchema.parse({ ray: cluster.ray.address, storage: cluster.storage, gpus_per_cell: 3 });
    const trainer = await (await cluster.openBase({ settings })).openTrainer();
    const folder = await makeTemporaryFolder();
    expect((await errorOf(() => trainer.train({ rows, recipe, folder }))).message).toContain('3 GPUs cannot share');
    const full = parseRecipe({ method: 'full', learning_rate: 0.01 });
    expect((await errorOf(() => trainer.train({ rows, recipe: full, folder }))).code).toBe('recipe-invalid');
    expect(cluster.ray.jobs.size).toBe(0);
  });
});

describe('a fine-tune that stalls', () => {
  // Its node has 2.4 seconds to say so, and driftline waits 3.8 in all: long enough for a busy machine.
  const impatient = () =>
    clusterSchema.parse({
      ...{ ray: cluster.ray.address, storage: cluster.storage, storage_here: 'none', save_every: 2 },
      stalled_after: 0.04,
    });
  const trainSoon = async (folder: string) => {
    const trainer = await (await cluster.openBase({ settings: impatient() })).openTrainer();
    return trainer.train({ rows, recipe, folder });
  };

  it('is begun once more where its node says nothing any more, and comes out the same', async () => {
    const [whole, folder] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
    await train(whole);
    await rm(join(cluster.storage, 'cells'), { recursive: true });
    cluster.ray.restart();
    cluster.jobs.hangs.push(3);
    await trainSoon(folder);
    expect(await weightsOf(folder)).toBe(await weightsOf(whole));
    expect(cluster.notices.filter((notice) => notice.includes('begun once more'))).toHaveLength(1);
  });

  it('fails where it stalls again at the same step, and leaves no job', async () => {
    cluster.jobs.hangs.push(3, 3);
    const error = await errorOf(async () => trainSoon(await makeTemporaryFolder()));
    expect([error.code, error.message]).toEqual(['cell-stalled', expect.stringContaining('said nothing for')]);
    expect([...cluster.ray.jobs.values()].map(({ status }) => status)).toEqual(['STOPPED']);
  });

  it('is begun once more where its node says so', async () => {
    const stalled = { at: 3, fault: { kind: 'stalled', message: 'Nothing moved for 1800 seconds' } };
    cluster.jobs.deaths.push(stalled);
    await train(await makeTemporaryFolder());
    cluster.jobs.deaths.push(stalled, stalled);
    await rm(join(cluster.storage, 'cells'), { recursive: true });
    // It begins so late that the word of the one before, that it is done, is seen once more, and stalls before that is looked at.
    const { run } = cluster.ray;
    cluster.ray.run = async (driver) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return run(driver);
    };
    const error = await errorOf(async () => train(await makeTemporaryFolder()));
    expect([error.code, error.message]).toEqual(['cell-stalled', expect.stringContaining('Nothing moved')]);
  });

  it('is none that waits for its GPU', async () => {
    cluster.jobs.waitForGpu = 3000;
    await trainSoon(await makeTemporaryFolder());
    expect(cluster.jobs.placed).toBe(1);
    expect(cluster.notices.join()).not.toContain('begun once more');
  });
});

describe('a base that is asked on a cluster', () => {
  it('asks each answer once, over stops, restarts of driftline and waves', async () => {
    const first = await (await cluster.openBase()).openSampler(null);
    const some = await collect(first, [request(5)]);
    const again = await (await cluster.openBase()).openSampler(null);
    const all = await collect(again, [request(12)]);
    expect(all.slice(0, 5)).toEqual(some);
    expect(cluster.jobs.answered).toHaveLength(12);
    expect(new Set(cluster.jobs.answered).size).toBe(12);
  });

  it('goes on with the next job when one is killed', async () => {
    cluster.jobs.answerTime = 5;
    const sampler = await (await cluster.openBase()).openSampler(null);
    const received: Answer[] = [];
    for await (const answer of sampler.sample([request(60)])) {
      received.push(answer);
      if (received.length === 10)
        for (const job of cluster.ray.jobs.values()) if (job.status === 'RUNNING') job.stop.abort();
    }
    expect(received.map(({ seed }) => seed).sort((left, right) => left - right)).toEqual(
      Array.from({ length: 60 }, (_, seed) => seed),
    );
    expect(new Set(cluster.jobs.answered).size).toBe(60);
  });

  it('asks a fine-tune by its cell, a kept model by its step, and a copy of one by its files', async () => {
    const base = await cluster.openBase();
    const folder = await makeTemporaryFolder();
    const trainer = await base.openTrainer();
    const { model, kept } = await trainer.train({ rows, recipe, folder, keepSteps: [2] });
    const copy = await makeTemporaryFolder();
    for (const name of ['adapter_config.json', 'adapter_model.safetensors'])
      await writeFile(join(copy, name), await readFile(join(folder, name)));
    const texts = new Set<string>();
    for (const tuned of [null, model, kept.get(2) ?? null, { kind: 'adapter', folder: copy } as const]) {
      const [answer] = await collect(await base.openSampler(tuned), [request(1)]);
      texts.add(answer?.text ?? '');
    }
    expect(texts.size).toBe(4);
  });

  it('asks again what came back damaged, and gives up where it always does', async () => {
    const { jobs } = cluster;
    let garbled = 0;
    jobs.garble = (line) => ((garbled += 1) === 3 ? line.replace('"text":"', '"text":"!') : line);
    const sampler = await (await cluster.openBase()).openSampler(null);
    expect(await collect(sampler, [request(6)])).toHaveLength(6);
    jobs.garble = (line) => line.replace('"text":"', '"text":"!');
    const error = await errorOf(() => collect(sampler, [{ ...request(2), seed: 100 }]));
    expect(error.code).toBe('cluster-answers-damaged');
    expect(error.message).toContain('answers-00000.jsonl:');
  });

  it('loses nothing that was told and not taken when a run is stopped', async () => {
    // A thousand answers at once.
    cluster.jobs.isFast = true;
    const sampler = await (await cluster.openBase()).openSampler(null);
    const stop = new AbortController();
    let received = 0;
    await expect(async () => {
      for await (const answer of sampler.sample([request(1200)], { signal: stop.signal })) {
        if ((received += 1) < 3) continue;
        // The others come meanwhile.
        while (cluster.jobs.answers < 1200) await new Promise((resolve) => setTimeout(resolve, 5));
        await new Promise((resolve) => setTimeout(resolve, 200));
        stop.abort();
        expect(answer.text).not.toBe('');
      }
    }).rejects.toThrow();
    expect(await collect(sampler, [request(1200)])).toHaveLength(1200);
    expect(cluster.jobs.answers).toBe(1200);
  });

  it('goes on after stalls as long as answers come in between, however many more are asked', async () => {
    cluster.jobs.laneStalls.push(2, 2);
    const more: Promise<Answer[]>[] = [];
    const onNotice = (notice: string) => {
      if (notice.includes('begun once more') && more.length === 0) more.push(collect(sampler, [request(60)]));
    };
    const sampler = await (await cluster.openBase({ onNotice })).openSampler(null);
    expect(await collect(sampler, [request(5)])).toHaveLength(5);
    expect(await more[0]).toHaveLength(60);
    expect(cluster.jobs.laneStalls).toEqual([]);
  });

  it('fails where it stalls again without an answer in between', async () => {
    cluster.jobs.laneStalls.push(2, 0);
    const sampler = await (await cluster.openBase()).openSampler(null);
    expect((await errorOf(() => collect(sampler, [request(5)]))).code).toBe('cell-stalled');
  });

  it('has adapters that the cluster has not made laid into a storage that is shared, and not taken along by jobs', async () => {
    const shared = await openTestCluster();
    try {
      const base = await shared.openBase();
      const [folder, copy] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
      await (await base.openTrainer()).train({ rows, recipe, folder });
      for (const name of ['adapter_config.json', 'adapter_model.safetensors'])
        await writeFile(join(copy, name), await readFile(join(folder, name)));
      const sampler = await base.openSampler({ kind: 'adapter', folder: copy });
      expect(await collect(sampler, [request(3)])).toHaveLength(3);
      const taken = [...shared.ray.packages.values()].flatMap((bytes) => Object.keys(unzipSync(bytes)));
      expect(taken.some((name) => name.endsWith('lane.json'))).toBe(true);
      expect(taken.filter((name) => name.startsWith('deliver/adapters/'))).toEqual([]);
    } finally {
      await shared.close();
    }
  });

  it('does not read again after a restart what was taken before', async () => {
    const here = await makeTemporaryFolder();
    const opening = { folder: () => here };
    const first = await (await cluster.openBase(opening)).openSampler(null);
    await collect(first, [request(4200)]);
    // A look that is under way when the last answer comes would count as one of the next call.
    await first.close();
    const reads = (file: string): number =>
      cluster.ray.requests.filter(({ path }) => path.includes(`${file}.jsonl`)).length;
    const before = reads('answers-00000');
    const again = await (await cluster.openBase(opening)).openSampler(null);
    const more = await collect(again, [{ ...request(100), seed: 4150 }]);
    expect(more).toHaveLength(100);
    expect(cluster.jobs.answered).toHaveLength(4250);
    expect(reads('answers-00000')).toBe(before);
    // What is missing here all the same is found where it is, and those files are not read once more by whoever starts next.
    const third = await (await cluster.openBase(opening)).openSampler(null);
    expect(await collect(third, [request(5)])).toHaveLength(5);
    expect(cluster.jobs.answered).toHaveLength(4250);
    await collect(third, [{ ...request(900), seed: 6000 }]);
    const [lane = ''] = await readdir(join(here, 'cluster-lanes'));
    const position = JSON.parse(await readFile(join(here, 'cluster-lanes', lane), 'utf8')) as { again: number[] };
    expect(position.again).not.toContain(0);
    // A storage that was emptied is begun anew.
    for (const run of await readdir(join(cluster.storage, 'runs')))
      await rm(join(cluster.storage, 'runs', run, 'lanes'), { recursive: true });
    expect(await collect(await (await cluster.openBase(opening)).openSampler(null), [request(5)])).toHaveLength(5);
  });

  it('does not take what a job was asked too late for answered', async () => {
    const opening = { folder: () => here };
    const here = await makeTemporaryFolder();
    const first = await (await cluster.openBase(opening)).openSampler(null);
    await collect(first, [request(3100)]);
    await first.close();
    const reads = (): number => cluster.ray.requests.filter(({ path }) => path.includes('answers-00000.jsonl')).length;
    const before = reads();
    // The job lingers, and ends before the next wave gets there.
    const { run } = cluster.ray;
    cluster.ray.run = async (driver) => {
      if (driver.id.startsWith('driftline-d-')) await new Promise((resolve) => setTimeout(resolve, 1500));
      return run(driver);
    };
    const again = await (await cluster.openBase(opening)).openSampler(null);
    expect(await collect(again, [{ ...request(10), seed: 5000 }])).toHaveLength(10);
    expect([...cluster.ray.jobs.keys()].some((id) => id.startsWith('driftline-d-'))).toBe(true);
    expect(reads()).toBe(before);
    cluster.ray.run = run;
  });

  it('reads files of a thousand answers', async () => {
    const sampler = await (await cluster.openBase()).openSampler(null);
    const answers = await collect(sampler, [request(2100)]);
    expect(answers.map(({ seed }) => seed)).toEqual(Array.from({ length: 2100 }, (_, seed) => seed));
  });
});

describe('a cluster that cannot be used', () => {
  const trainOn = async (changes: Parameters<TestCluster['openBase']>[0]) => {
    const trainer = await (await cluster.openBase(changes)).openTrainer();
    return trainer.train({ rows, recipe, folder: await makeTemporaryFolder() });
  };

  it('is too old, or no Ray', async () => {
    cluster.ray.version = { version: '4', ray_version: '2.51.1' };
    const old = await errorOf(() => trainOn({}));
    expect(old.code).toBe('cluster-version');
    expect(old.hint).toContain('pip install "ray[default]');
    cluster.ray.intercept = (response) => {
      response.end('<html>');
      return true;
    };
    expect((await errorOf(() => trainOn({}))).code).toBe('cluster-version');
  });

  it('wants a token, or another one', async () => {
    const none = await errorOf(() => trainOn({ environment: { HOME: cluster.storage } }));
    expect(none.code).toBe('cluster-unauthorized');
    expect(none.message).toContain('wants a token');
    const environment = { HOME: cluster.storage, RAY_AUTH_TOKEN: 'planted-wrong-token' };
    const wrong = await errorOf(() => trainOn({ environment }));
    expect(wrong.code).toBe('cluster-unauthorized');
    expect(`${wrong.message}${wrong.hint}`).not.toContain('planted');
  });

  it('is not there', async () => {
    const settings = clusterSchema.parse({ ray: 'http://127.0.0.1:9', storage: cluster.storage });
    const error = await errorOf(() => trainOn({ settings, pace: quickPace }));
    expect(error.code).toBe('cluster-unreachable');
    expect(error.hint).toContain('ssh -L 8265');
  });

  it('lacks the interpreter or the packages', async () => {
    cluster.ray.run = () => {
      throw new Error("ModuleNotFoundError: No module named 'trl'");
    };
    const error = await errorOf(() => trainOn({}));
    expect(error.code).toBe('cluster-software');
    expect(error.message).toContain("No module named 'trl");
    expect(error.hint).toContain('python3 -m pip install');
  });
});
