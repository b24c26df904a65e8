import { afterAll, beforeAll } from 'vitest';
import type { ClusterBase } from '../../../src/models/cluster/open-cluster-base.js';
import { describeSampler } from '../sampler-conformance.js';
import { describeTrainer, identifyAdapter } from '../trainer-conformance.js';
import { openTestCluster, type TestCluster } from './open-test-cluster.js';

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
}
