import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { clusterSchema } from '../../../src/models/cluster/cluster-settings.js';
import { parseWholeModel, wholeModelFolder } from '../../../src/models/cluster/job-ids.js';
import type { TunedModel } from '../../../src/models/trainer.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import type { ClusterBase } from '../../../src/models/cluster/open-cluster-base.js';
import { describeSampler } from '../sampler-conformance.js';
import { describeTrainer, identifyAdapter } from '../trainer-conformance.js';
import { openTestCluster, type TestCluster } from './open-test-cluster.js';

const rows = Array.from({ length: 6 }, (_, row) => ({
  messages: [
    { role: 'user' as const, content: `Say ${String(row)}.` },
    { role: 'assistant' as const, content: `It is ${String(row)}.` },
  ],
}));

for (const [way, storageHere] of [
  ['the dashboard', 'none'],
  ['the shared folder', undefined],
] as const) {
  let cluster: TestCluster;
  let base: Promise<ClusterBase>;
  beforeAll(async () => {
    cluster = await openTestCluster(storageHere === undefined ? {} : { storageHere });
    base = cluster.openBase();
  });
  afterAll(() => cluster.close());

  describeTrainer(`a base on a cluster, by ${way}`, async () => (await base).openTrainer(), identifyAdapter);
  describeSampler(`a base on a cluster, by ${way}`, async () => (await base).openSampler(null));

  const full = parseRecipe({ method: 'full', learning_rate: 0.01, batch_size: 2, accumulation: 1, warmup_steps: 1 });
  const identifyWhole = async (model: TunedModel): Promise<string> => {
    const whole = model.kind === 'named' ? parseWholeModel(model.model) : null;
    if (whole === null) throw new Error('no whole model');
    return readFile(join(cluster.storage, wholeModelFolder(whole), 'model.safetensors'), 'hex');
  };
  describeTrainer(`whole models on a cluster, by ${way}`, async () => (await base).openTrainer(), identifyWhole, full);
  describeSampler(`a whole model on a cluster, by ${way}`, async () => {
    const trainer = await (await base).openTrainer();
    const { model } = await trainer.train({ rows, recipe: full, folder: join(cluster.storage, 'here') });
    return (await base).openSampler(model);
  });

  describe(`a whole model on a cluster, by ${way},`, () => {
    const train = async (folder: string) =>
      (await (await base).openTrainer()).train({ rows, recipe: full, folder, keepSteps: [2] });
    const ask = async (tuned: TunedModel | null): Promise<string> => {
      const sampler = await (await base).openSampler(tuned);
      for await (const { text } of sampler.sample([{ messages: [{ role: 'user', content: 'Who?' }] }])) return text;
      return 'no answer';
    };

    it('lies there alone, is kept at steps, and is asked by itself', async () => {
      const folder = await makeTemporaryFolder();
      const { model, kept } = await train(folder);
      expect((await readdir(folder)).sort()).toEqual(['cluster.json', 'measured.json', 'training.jsonl']);
      const where = JSON.parse(await readFile(join(folder, 'cluster.json'), 'utf8')) as { weights: string };
      expect(await readdir(where.weights)).toContain('model.safetensors');
      expect(cluster.notices.join('\n')).toContain(where.weights);
      const said = [await ask(null), await ask(model), await ask(kept.get(2) ?? null)];
      expect(new Set(said).size).toBe(3);
      expect(await ask(model)).toBe(said[1]);
      // Each has a vLLM of its own.
      const lanes = new Set(
        [...cluster.ray.jobs.keys()].flatMap((id) => /-s-[0-9a-f]+-([0-9a-f]+)-/.exec(id)?.[1] ?? []),
      );
      expect(lanes.size).toBeGreaterThanOrEqual(3);
    });

    it('says what to do when its weights are gone', async () => {
      const folder = await makeTemporaryFolder();
      // Other rows than before: nobody has asked it yet.
      const trainer = await (await base).openTrainer();
      const { model } = await trainer.train({ rows: rows.slice(1), recipe: full, folder });
      const whole = model.kind === 'named' ? parseWholeModel(model.model) : null;
      if (whole === null) throw new Error('no whole model');
      await rm(join(cluster.storage, 'cells', whole.cell), { recursive: true });
      const error = await errorOf(() => ask(model));
      expect(error.code).toBe('cluster-model-missing');
      expect(error.hint).toContain('trained anew');
      // As the hint says.
      await rm(folder, { recursive: true });
      await trainer.train({ rows: rows.slice(1), recipe: full, folder });
      expect(await ask(model)).not.toBe('no answer');
    });

    it('that another storage has is made anew', async () => {
      const folder = await makeTemporaryFolder();
      const first = await train(folder);
      const file = join(folder, 'cluster.json');
      const record = JSON.parse(await readFile(file, 'utf8')) as object;
      await writeFile(file, JSON.stringify({ ...record, storage: '/elsewhere' }));
      expect(await train(folder)).toEqual(first);
      expect(await readFile(file, 'utf8')).toContain(cluster.storage);
    });
  });
}

describe('several vLLMs for one base', () => {
  it('share its fine-tunes, and whoever asks again finds each where it was asked', async () => {
    const cluster = await openTestCluster();
    try {
      const settings = clusterSchema.parse({
        ...{ ray: cluster.ray.address, storage: cluster.storage, linger: 1, save_every: 2, samplers: 2 },
      });
      const askAll = async (): Promise<string[]> => {
        const base = await cluster.openBase({ settings });
        const trainer = await base.openTrainer();
        return Promise.all(
          [0, 1, 2, 3, 4, 5].map(async (seed) => {
            const recipe = parseRecipe({
              method: 'lora',
              rank: 2,
              learning_rate: 0.01,
              batch_size: 2,
              accumulation: 1,
              seed,
            });
            const { model } = await trainer.train({
              rows,
              recipe,
              folder: join(cluster.storage, `cell-${String(seed)}`),
            });
            const sampler = await base.openSampler(model);
            for await (const { text } of sampler.sample([{ messages: [{ role: 'user', content: 'Who?' }] }]))
              return text;
            return 'no answer';
          }),
        );
      };
      const first = await askAll();
      expect(new Set(first).size).toBe(6);
      expect(first).not.toContain('no answer');
      const [run = ''] = await readdir(join(cluster.storage, 'runs'));
      expect(
        (await readdir(join(cluster.storage, 'runs', run, 'lanes'))).map((lane) => lane.split('-')[1]).sort(),
      ).toEqual([...['0', '1']]);
      const { length } = cluster.jobs.answered;
      expect(await askAll()).toEqual(first);
      // Nothing is asked a second time.
      expect(cluster.jobs.answered).toHaveLength(length);
    } finally {
      await cluster.close();
    }
  });
});
