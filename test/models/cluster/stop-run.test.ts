import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/foundation/clock.js';
import { stopRun } from '../../../src/models/cluster/stop-run.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { openTestCluster } from './open-test-cluster.js';

it('says so where a job that waits does not stop, and stops it when its turn has come', async () => {
  const test = await openTestCluster({ storageHere: 'none' });
  onTestFinished(test.close);
  let passed = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + (passed += 5000) };
  const cluster = await test.openRun({ clock });
  const id = 'driftline-t-00000000000000000000';
  test.ray.held.add(id);
  const order = {
    kind: 'train',
    id,
    mark: 'm',
    keys: { cell: 'c' },
    metadata: { cell: 'c' },
    onEnded: 'keep',
  } as const;
  await cluster.submit({ ...order, deliver: () => Promise.resolve(new Map()) });
  const error = await errorOf(() => stopRun(cluster, { ids: new Set() }));
  expect([error.code, error.details['jobs']]).toEqual(['cluster-job-stuck', [id]]);
  test.ray.held.clear();
  // It was told to stop, and does when its turn comes.
  const other = await test.openRun();
  await stopRun(other, { ids: new Set() });
  expect(test.ray.jobs.get(id)?.status).toBe('STOPPED');
  expect(await stopRun(other, { ids: new Set() })).toEqual({ stopped: [], withdrawn: 0 });
});
