import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identifyModelFolder } from '../../../src/models/embedded/identify-model-folder.js';
import { openClusterRun, type ClusterRun, type ClusterRunSettings } from '../../../src/models/cluster/cluster-run.js';
import { clusterSchema } from '../../../src/models/cluster/cluster-settings.js';
import { openClusterBase, type ClusterBase } from '../../../src/models/cluster/open-cluster-base.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { createFakeJobs, type FakeJobs } from './fake-jobs.js';
import { startFakeRay, type FakeRay } from './fake-ray.js';

/** Looks far more often than one does at a real cluster. */
export const quickPace = { few: 10, many: 10, jobs: 100, pause: 50, patience: 20_000, quiet: 200 };
export const quickLimits = { quiet: 5, patience: 1000, answers: 20_000 };

export interface TestCluster {
  readonly ray: FakeRay;
  readonly jobs: FakeJobs;
  /** The folder of the cluster, as its nodes call it. */
  readonly storage: string;
  readonly notices: string[];
  readonly openRun: (changes?: Partial<ClusterRunSettings>) => Promise<ClusterRun>;
  readonly openBase: (changes?: Partial<ClusterRunSettings>) => Promise<ClusterBase>;
  readonly openBaseOn: (run: ClusterRun) => Promise<ClusterBase>;
  readonly close: () => Promise<void>;
}

export interface TestClusterSettings {
  /** `none` for the dashboard; found out if not given. */
  readonly storageHere?: string;
  readonly token?: string;
}

/** A Ray of ours with jobs of ours, and a storage of its own. */
export async function openTestCluster({ storageHere, token }: TestClusterSettings = {}): Promise<TestCluster> {
  const jobs = createFakeJobs();
  const ray = await startFakeRay({ run: jobs.run, ...(token === undefined ? {} : { token }) });
  const storage = await mkdtemp(join(tmpdir(), 'driftline-storage-'));
  const notices: string[] = [];
  const openRun = (changes: Partial<ClusterRunSettings> = {}): Promise<ClusterRun> =>
    openClusterRun({
      settings: clusterSchema.parse({
        ...{ ray: ray.address, storage, linger: 1, save_every: 2 },
        ...(storageHere === undefined ? {} : { storage_here: storageHere }),
      }),
      environment: { RAY_AUTH_TOKEN: ray.token, HOME: storage },
      run: () => 'test-1',
      ...{
        pace: quickPace,
        waves: quickLimits,
        leastRate: 10_000,
        retries: 1,
        onNotice: (notice: string) => notices.push(notice),
      },
      ...changes,
    });
  const openBaseOn = async (run: ClusterRun): Promise<ClusterBase> => {
    const folder = goldenFolder('qwen2-bias');
    return openClusterBase({
      ...{ cluster: run, folder, text: './qwen2-bias', place: null },
      files: await identifyModelFolder(folder),
    });
  };
  return {
    ...{ ray, jobs, storage, notices, openRun, openBaseOn },
    openBase: async (changes) => openBaseOn(await openRun(changes)),
    close: async () => {
      await ray.close();
      await rm(storage, { recursive: true, force: true });
    },
  };
}
