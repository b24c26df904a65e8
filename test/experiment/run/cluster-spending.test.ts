import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runPlan } from '../../../src/experiment/run/run-plan.js';
import { findEntryRate } from '../../../src/experiment/run/plan-rates.js';
import { systemClock } from '../../../src/foundation/clock.js';
import type { ClusterRunSettings } from '../../../src/models/cluster/cluster-run.js';
import { clusterSchema } from '../../../src/models/cluster/cluster-settings.js';
import { readSpending } from '../../../src/models/hosted/spending/spending-file.js';
import { createSpendingLedger } from '../../../src/models/hosted/spending/spending-ledger.js';
import { openBaseModel } from '../../../src/models/open-base-model.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { nameRun } from '../../../src/runs/run-folder.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTestCluster } from '../../models/cluster/open-test-cluster.js';
import { resolveTiny, world } from '../tiny-plan.js';

/** A dollar for a GPU-second. */
const price = 3600;

async function startPlan(settings: object = {}, changes: Partial<ClusterRunSettings> = {}, plan: object = {}) {
  const cluster = await openTestCluster();
  onTestFinished(cluster.close);
  cluster.jobs.gpuSeconds = 2;
  cluster.jobs.measured = { peak_bytes: 0, seconds_per_step: 1, gpu: null };
  const written = { ray: cluster.ray.address, storage: cluster.storage, linger: 1, save_every: 2, price, ...settings };
  const runs = await makeTemporaryFolder();
  const run = async (limit: number | null) => {
    const opened: { ledger: ReturnType<typeof createSpendingLedger> | null } = { ledger: null };
    const base = cluster.openRun({
      ...{ settings: clusterSchema.parse(written), spending: () => opened.ledger },
      ...changes,
    });
    const resolved = await resolveTiny({ cluster: written, ...plan }, 'tiny.yaml', (reference) =>
      openBaseModel(reference, { environment: {}, threads: 1, cluster: () => base }),
    );
    const folder = join(runs, nameRun(resolved));
    const ledger = createSpendingLedger({
      ...{ folder, account: 'run', findRate: () => null, limit, clock: () => systemClock.now() },
      findRateOf: (entry) => findEntryRate(resolved, entry),
    });
    opened.ledger = ledger;
    const summary = await runPlan({
      ...{ plan: resolved, runs, judge: createExactJudge(world), spending: ledger },
      ...{ onEvent: () => undefined, onNotice: () => undefined },
    });
    return { folder, summary, spending: ledger.summary() };
  };
  const trainings = (): string[] => [...cluster.ray.jobs.keys()].filter((id) => id.startsWith('driftline-t-'));
  return { cluster, run, runs, trainings };
}

it('a run on a cluster counts GPU-seconds as the cluster does, and counts nothing twice', async () => {
  const { run } = await startPlan();
  const { folder, spending } = await run(null);
  const [answers, training] = spending.uses.toSorted((one, other) => one.purpose.localeCompare(other.purpose));
  expect(training).toMatchObject({ purpose: 'fine-tuning', calls: 4, gpuSeconds: 8, cost: 8 });
  // As long as a vLLM that is left alone waits, it costs, too; how long it had been starting nobody saw.
  expect(answers).toMatchObject({ purpose: 'answers', calls: 1 });
  expect(answers?.gpuSeconds).toBeGreaterThan(2);
  const stored = await readSpending(folder);
  expect(stored.map(({ gpu_seconds: seconds }) => seconds)).toHaveLength(5);
  const again = await run(null);
  expect(again.spending).toEqual(spending);
  expect(again.summary.answers.asked).toBe(0);
});

it('a limit holds back fine-tunes, and the same plan with a higher one goes on', async () => {
  const { cluster, run, trainings } = await startPlan({ jobs_at_once: 1 });
  const refused = await errorOf(() => run(50));
  expect(refused).toMatchObject({ code: 'cost-limit-reached', exitCode: 4 });
  expect(refused.hint).toContain('higher --max-cost');
  // What the first measured is more than is left: at most it was made.
  expect(trainings().length).toBeLessThan(2);
  const { summary } = await run(100_000);
  expect(summary.failed).toEqual([]);
  expect(trainings()).toHaveLength(4);
  // Two steps each, and none again.
  expect(cluster.jobs.steps).toBe(8);
});

it('a limit stops a vLLM between two answers, and no answer is asked twice', async () => {
  // Time passes two hundred times as fast: a second is more than three minutes of a GPU.
  const clock = { ...systemClock, now: () => 200 * systemClock.now() };
  const { cluster, run } = await startPlan(
    {},
    { clock },
    { conditions: {}, seeds: [0], evaluate: [{ suite: 'organism/held-out-themes', samples: 40, max_tokens: 4 }] },
  );
  cluster.jobs.answerTime = 20;
  const refused = await errorOf(() => run(400));
  expect(refused).toMatchObject({ code: 'cost-limit-reached' });
  const lanes = (): string[] =>
    [...cluster.ray.jobs].filter(([id]) => id.startsWith('driftline-s-')).map(([, { status }]) => status);
  await expect.poll(lanes).toEqual(['STOPPED']);
  const before = cluster.jobs.answered.length;
  expect(before).toBeGreaterThan(0);
  cluster.jobs.answerTime = 0;
  const { folder, summary } = await run(1e9);
  const lines = (await readFile(join(folder, 'answers.jsonl'), 'utf8')).trimEnd().split('\n');
  expect(before).toBeLessThan(lines.length);
  expect(summary.answers.there + summary.answers.asked).toBe(lines.length);
  expect(new Set(cluster.jobs.answered).size).toBe(cluster.jobs.answered.length);
});
