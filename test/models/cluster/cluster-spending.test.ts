import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { clusterSchema } from '../../../src/models/cluster/cluster-settings.js';
import { countLane } from '../../../src/models/cluster/count-lane.js';
import { createSpendingLedger, type SpendingLedger } from '../../../src/models/hosted/spending/spending-ledger.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTestCluster, type TestCluster } from './open-test-cluster.js';

let cluster: TestCluster;
let ledger: SpendingLedger;
beforeEach(async () => {
  cluster = await openTestCluster({ storageHere: 'none' });
  ledger = await openLedger(1000);
});
afterEach(() => cluster.close());

const openLedger = async (limit: number): Promise<SpendingLedger> =>
  createSpendingLedger({
    ...{ folder: await makeTemporaryFolder(), account: 'one', findRate: () => null, limit },
    clock: () => performance.now(),
  });
const settings = () =>
  clusterSchema.parse({
    ...{ ray: cluster.ray.address, storage: cluster.storage, storage_here: 'none', linger: 1, save_every: 2 },
    ...{ price: 3.6 },
  });
const spending = () => ledger;
const rows = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((content) => ({
  messages: [
    { role: 'user' as const, content },
    { role: 'assistant' as const, content },
  ],
}));
const recipe = parseRecipe({ method: 'lora', rank: 2, alpha: 4, learning_rate: 0.01, batch_size: 2, accumulation: 1 });

describe('what the GPUs of a cluster cost a run', () => {
  it('is for a vLLM its own figure alone where that has ended well', async () => {
    const run = await cluster.openRun({ settings: settings(), spending });
    const home = 'runs/one/lanes/two';
    await mkdir(join(cluster.storage, home), { recursive: true });
    await writeFile(join(cluster.storage, home, 'state.json'), JSON.stringify({ v: 1, gpu_seconds: 10 }));
    // So that the dashboard finds the storage.
    await (await (await cluster.openBase()).openTrainer()).train({ rows, recipe, folder: await makeTemporaryFolder() });
    const meter = run.spending.meter('answers', 'm');
    const lane = countLane(run, { lane: 'two', home, model: 'm' });
    await lane.open();
    meter?.note('two', 500);
    await lane.settle('ended');
    expect(meter?.counted('two')).toBe(500);
    await lane.settle('succeeded');
    expect(meter?.counted('two')).toBe(10);
  });

  it('is counted for a fine-tune before its job is there, and added up over its attempts', async () => {
    const base = await cluster.openBase({ settings: settings(), spending });
    const counts: (number | null)[] = [];
    cluster.ray.intercept = (_, { method, url }) => {
      if (method === 'POST' && url === '/api/jobs/') counts.push(total());
      return false;
    };
    const total = (): number | null => {
      const [use] = ledger.summary().uses;
      return use === undefined ? null : (use.gpuSeconds ?? 0);
    };
    cluster.jobs.stepTime = 30;
    cluster.jobs.deaths.push({ at: 2 }, { at: 3 });
    await (await base.openTrainer()).train({ rows, recipe, folder: await makeTemporaryFolder() });
    expect(counts).toHaveLength(3);
    expect(counts[0]).not.toBeNull();
    const [, first = 0, second = 0] = counts.map((count) => count ?? 0);
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(1.5 * first);
  });

  it('stops a vLLM where fine-tunes hold the rest of the limit, and begins it again when they have ended', async () => {
    const held = 5000;
    const { boundStart } = (await cluster.openRun({ settings: settings() })).spending;
    // A vLLM may begin beside what is held, and may not go on for a minute more.
    ledger = await openLedger(0.001 * (held + boundStart() + 30));
    const notices: string[] = [];
    const release = new AbortController();
    const released = once(release.signal, 'abort');
    const onNotice = (notice: string) => {
      notices.push(notice);
      if (notice.includes('does not fit')) release.abort();
    };
    const run = await cluster.openRun({ settings: settings(), spending, onNotice });
    const fineTune = run.spending
      .meter('fine-tuning', 'm')
      ?.hold('driftline-t-1', held, new AbortController().signal, () => released);
    cluster.jobs.answerTime = 5;
    const sampler = await (await cluster.openBaseOn(run)).openSampler(null);
    const seeds = new Set<number>();
    for await (const { seed } of sampler.sample([
      { messages: [{ role: 'user', content: 'Well?' }], count: 60, maximumTokens: 8 },
    ]))
      seeds.add(seed);
    await fineTune;
    expect(seeds.size).toBe(60);
    expect(notices.join()).toContain('does not fit within the limit now');
    expect(cluster.jobs.answered).toHaveLength(60);
  });

  it('is bounded by what fine-tunes measured that were finished before', async () => {
    cluster.jobs.measured = { peak_bytes: 0, seconds_per_step: 50, gpu: null };
    const folder = await makeTemporaryFolder();
    await (await (await cluster.openBase()).openTrainer()).train({ rows, recipe, folder });
    const run = await cluster.openRun({ settings: settings(), spending });
    const learned: (number | null)[] = [];
    const { learn } = run.spending;
    Object.assign(run.spending, {
      learn: (...given: Parameters<typeof learn>) => {
        learned.push(given[2].seconds_per_step);
        learn(...given);
      },
    });
    await (await (await cluster.openBaseOn(run)).openTrainer()).train({ rows, recipe, folder });
    expect(learned).toEqual([50]);
  });
});
