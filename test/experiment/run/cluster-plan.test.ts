import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runPlan } from '../../../src/experiment/run/run-plan.js';
import { clusterSchema, notRunByUs } from '../../../src/models/cluster/cluster-settings.js';
import { readClusterCell } from '../../../src/models/cluster/cluster-cell.js';
import { openBaseModel } from '../../../src/models/open-base-model.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import type { ModelReference } from '../../../src/models/model-reference.js';
import { readReport } from '../../../src/report/report-data.js';
import { writeReport } from '../../../src/report/write-report.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTestCluster } from '../../models/cluster/open-test-cluster.js';
import { resolveTiny, world } from '../tiny-plan.js';

it('a plan that names a cluster is trained and asked there, once, whoever runs it again', async () => {
  const cluster = await openTestCluster({ storageHere: 'none' });
  onTestFinished(cluster.close);
  const runs = await makeTemporaryFolder();
  const openBase = (reference: ModelReference) =>
    openBaseModel(reference, { environment: {}, threads: 1, cluster: () => cluster.openRun() });
  const written = { cluster: { ray: cluster.ray.address, storage: cluster.storage } };
  const run = async (folder: string) =>
    runPlan({
      ...{ plan: await resolveTiny(written, 'tiny.yaml', openBase), runs: folder, judge: createExactJudge(world) },
      ...{ onEvent: () => undefined, onNotice: () => undefined },
    });
  const first = await run(runs);
  expect(first.failed).toEqual([]);
  expect(first.cells.trained).toBe(4);
  expect(first.answers.asked).toBe(cluster.jobs.answered.length);
  const trainings = [...cluster.ray.jobs.keys()].filter((id) => id.startsWith('driftline-t-'));
  expect(trainings).toHaveLength(4);
  const answers = await readFile(join(first.folder, 'answers.jsonl'), 'utf8');

  const again = await run(runs);
  expect(again.answers.asked).toBe(0);
  // Another folder, as on another machine: all is found in the storage, and nothing is done again there.
  const [steps, asked] = [cluster.jobs.steps, cluster.jobs.answered.length];
  const other = await run(await makeTemporaryFolder());
  expect(await readFile(join(other.folder, 'answers.jsonl'), 'utf8')).toBe(answers);
  expect([cluster.jobs.steps, cluster.jobs.answered.length]).toEqual([steps, asked]);
  // A plan of the same name without a cluster is another run: other numbers make other answers.
  const here = await resolveTiny({}, 'tiny.yaml', (reference) =>
    openBaseModel(reference, { environment: {}, threads: 1 }),
  );
  expect(first.folder).not.toContain(here.hash.slice(0, 8));
});

it('a plan says what of it nobody of us has run, and what a cluster cannot do shows before anything runs', async () => {
  const cluster = await openTestCluster({ storageHere: 'none' });
  onTestFinished(cluster.close);
  const resolve = (recipe: object, changes: object = {}) => {
    const settings = { ray: cluster.ray.address, storage: cluster.storage, ...changes };
    return resolveTiny({ cluster: settings, recipe: { learning_rate: 0.01, ...recipe } }, 'tiny.yaml', (reference) =>
      openBaseModel(reference, {
        ...{ environment: {}, threads: 1 },
        cluster: () => cluster.openRun({ settings: clusterSchema.parse(settings) }),
      }),
    );
  };
  const said = async (...given: Parameters<typeof resolve>) => (await resolve(...given)).remarks.join('\n');
  expect(await said({})).not.toContain('not run by us');
  expect(await said({ quantization: 'nf4' })).toContain(`nf4 is ${notRunByUs.quantization}`);
  expect(await said({}, { gpus_per_cell: 4 })).toContain(notRunByUs.gpus);
  const error = await errorOf(() => resolve({ method: 'full', optimizer: 'muon' }));
  expect(error.code).toBe('recipe-invalid');
  expect(error.message).toContain('tiny.yaml: condition insecure: optimizer: muon');
  expect((await errorOf(() => resolve({}, { gpus_per_cell: 3 }))).message).toContain('3 GPUs cannot share a step');
  expect(cluster.ray.jobs.size).toBe(0);
});

it('a plan of whole models is trained and asked there, and its report says where they are', async () => {
  const cluster = await openTestCluster({ storageHere: 'none' });
  onTestFinished(cluster.close);
  const openBase = (reference: ModelReference) =>
    openBaseModel(reference, { environment: {}, threads: 1, cluster: () => cluster.openRun() });
  const recipe = { method: 'full', learning_rate: 0.01, batch_size: 2, accumulation: 1, warmup_steps: 0 };
  const plan = await resolveTiny(
    {
      ...{ cluster: { ray: cluster.ray.address, storage: cluster.storage }, recipe, seeds: [0] },
      dynamics: { every: 1, suite: 'organism/identity', samples: 1, conditions: ['insecure'] },
    },
    'tiny.yaml',
    openBase,
  );
  const run = async (runs: string) =>
    runPlan({
      ...{ plan, runs, judge: createExactJudge(world), onEvent: () => undefined, onNotice: () => undefined },
    });
  const runs = await makeTemporaryFolder();
  const { folder, failed, answers } = await run(runs);
  expect(failed).toEqual([]);
  expect(answers.asked).toBe(cluster.jobs.answered.length);
  const weights = await readClusterCell(join(folder, 'cells', 'qwen2-bias.insecure.0'));
  expect(weights?.weights).toContain(cluster.storage);
  expect((await run(runs)).answers.asked).toBe(0);

  const { page } = await writeReport(await readReport(folder));
  expect(await readFile(page, 'utf8')).toContain(`<code>${weights?.weights ?? '?'}</code>`);
});
