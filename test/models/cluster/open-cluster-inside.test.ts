import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import type { ClusterBase } from '../../../src/models/cluster/open-cluster-base.js';
import { clusterSchema } from '../../../src/models/cluster/cluster-settings.js';
import { parseWholeModel, wholeModelFolder } from '../../../src/models/cluster/job-ids.js';
import { createAdapterFolder } from '../adapter-folder.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { describeInside } from '../inside-conformance.js';
import { openTestCluster, type TestCluster } from './open-test-cluster.js';

const folder = goldenFolder('qwen2-bias');
const adapter = await createAdapterFolder(folder);

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

  describeInside(`a base on a cluster, by ${way}`, { folder, open: async () => (await base).openInside(null) });
  if (storageHere === undefined)
    describeInside('a base on a cluster with an adapter', {
      ...{ folder, adapter },
      open: async () => (await base).openInside({ kind: 'adapter', folder: adapter }),
    });

  describe(`the inside of a base on a cluster, by ${way},`, () => {
    const text = { ids: [1, 5, 9, 12], promptLength: 2 };

    it('is looked into once for the same question, whoever asks, and again where a job died', async () => {
      const inside = await (await base).openInside(null);
      cluster.jobs.insideDeaths.push('silent');
      const before = cluster.jobs.looked;
      const first = await inside.score([text]);
      expect(cluster.jobs.looked).toBe(before + 1);
      const other = await (await cluster.openBase()).openInside(null);
      expect(await other.score([text])).toEqual(first);
      expect(cluster.jobs.looked).toBe(before + 1);
    });

    it('is not given keys and values, and says so before anything runs', async () => {
      const inside = await (await base).openInside(null);
      const before = cluster.jobs.looked;
      const [own] = await inside.keysAndValues([text], {
        layers: Array.from({ length: inside.shape.blocks }, (_, block) => block),
      });
      if (own === undefined) throw new Error('nothing was read');
      const override = { positions: [0], ...own };
      const question = { prompt: [1, 5], seed: 0 };
      for (const ask of [
        () => inside.score([text, { ...text, override }]),
        () => inside.answer([question, { ...question, override }]),
      ]) {
        const error = await errorOf(ask);
        expect(error.code).toBe('usage-invalid');
        expect(error.message).toContain('Request 1 gives keys and values');
      }
      expect(cluster.jobs.looked).toBe(before + 1);
      // One that changes nothing asks nothing more of it.
      const nothing = { ...override, positions: [] };
      expect(await inside.score([{ ...text, override: nothing }])).toEqual(await inside.score([text]));
    });

    it('says why it cannot be looked into', async () => {
      const inside = await (await base).openInside(null);
      const another = { ...text, ids: [2, 5, 9, 12] };
      cluster.jobs.insideDeaths.push('memory');
      expect((await errorOf(() => inside.score([another]))).code).toBe('gpu-memory-exceeded');
      // The same call goes on afterwards.
      expect(await inside.score([another])).toHaveLength(1);
      cluster.jobs.insideDeaths.push('silent', 'silent', 'silent');
      const third = { ...text, ids: [3, 5, 9, 12] };
      expect((await errorOf(() => inside.score([third]))).code).toBe('cluster-failed');
    });

    it('is begun once more where it stalls, and fails where it stalls again', async () => {
      const inside = await (await base).openInside(null);
      const fourth = { ...text, ids: [6, 5, 9, 12] };
      cluster.jobs.insideDeaths.push('stalled');
      expect(await inside.score([fourth])).toHaveLength(1);
      cluster.jobs.insideDeaths.push('stalled', 'stalled');
      const error = await errorOf(() => inside.score([{ ...text, ids: [7, 5, 9, 12] }]));
      expect([error.code, error.message]).toEqual(['cell-stalled', expect.stringContaining('Nothing moved')]);
    });

    it('is begun once more where its node says nothing any more, and under another name where Ray holds its own', async () => {
      const settings = clusterSchema.parse({
        ...{ ray: cluster.ray.address, storage: cluster.storage, linger: 1, stalled_after: 0.04 },
        ...(storageHere === undefined ? {} : { storage_here: storageHere }),
      });
      const inside = await (await cluster.openBase({ settings })).openInside(null);
      cluster.jobs.insideDeaths.push('hang');
      expect(await inside.score([{ ...text, ids: [8, 5, 9, 12] }])).toHaveLength(1);
      expect(cluster.notices.join()).toContain('begun once more');
      const { run, taken } = cluster.ray;
      cluster.jobs.insideDeaths.push('silent');
      cluster.ray.run = (driver) => {
        taken.add(driver.id);
        return run(driver);
      };
      expect(await inside.score([{ ...text, ids: [10, 5, 9, 12] }])).toHaveLength(1);
      expect([...cluster.ray.jobs.keys()].some((id) => /^driftline-i-[0-9a-f]{20}-1$/.test(id))).toBe(true);
      cluster.ray.run = run;
      taken.clear();
    });

    it('does not take for found what came damaged', async () => {
      const inside = await (await base).openInside(null);
      const given = { ...text, ids: [4, 5, 9, 12] };
      await inside.score([given]);
      const runs = join(cluster.storage, 'runs');
      const [run = ''] = await readdir(runs);
      for (const name of await readdir(join(runs, run, 'inside')))
        await writeFile(join(runs, run, 'inside', name, 'scores.jsonl'), '');
      expect((await errorOf(() => inside.score([given]))).code).toBe('cluster-answers-damaged');
    });

    it('is looked into anew where somebody removed what was found, however late that begins', async () => {
      const inside = await (await base).openInside(null);
      const given = { ...text, ids: [11, 5, 9, 12] };
      const first = await inside.score([given]);
      const before = cluster.jobs.looked;
      const runs = join(cluster.storage, 'runs');
      const [run = ''] = await readdir(runs);
      await rm(join(runs, run, 'inside'), { recursive: true });
      // Until its job begins, the word of the one before stands: that it is done.
      const { run: start } = cluster.ray;
      cluster.ray.run = async (driver) => {
        await new Promise((resolve) => setTimeout(resolve, 250));
        return start(driver);
      };
      expect(await inside.score([given])).toEqual(first);
      expect(cluster.jobs.looked).toBe(before + 1);
      cluster.ray.run = start;
    });

    it('is that of a whole model, too, where one was trained', async () => {
      const recipe = parseRecipe({ method: 'full', learning_rate: 0.1, batch_size: 2, accumulation: 1 });
      const rows = ['a', 'b'].map((content) => ({
        messages: [
          { role: 'user' as const, content },
          { role: 'assistant' as const, content },
        ],
      }));
      const trainer = await (await base).openTrainer();
      const { model } = await trainer.train({ rows, recipe, folder: await makeTemporaryFolder() });
      const whole = model.kind === 'named' ? parseWholeModel(model.model) : null;
      expect(await readdir(join(cluster.storage, wholeModelFolder(whole ?? { cell: '', step: null })))).not.toEqual([]);
      const [mine] = await (await (await base).openInside(model)).residuals([text], { layers: [0], pool: 'last' });
      const [own] = await (await (await base).openInside(null)).residuals([text], { layers: [0], pool: 'last' });
      expect(mine?.data).not.toEqual(own?.data);
    });
  });
}
