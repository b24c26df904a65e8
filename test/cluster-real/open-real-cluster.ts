import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hashContent } from '../../src/foundation/content-hash.js';
import { openClusterRun, type ClusterRun } from '../../src/models/cluster/cluster-run.js';
import { clusterSchema } from '../../src/models/cluster/cluster-settings.js';
import { openClusterBase, type ClusterBase } from '../../src/models/cluster/open-cluster-base.js';
import { identifyModelFolder } from '../../src/models/embedded/identify-model-folder.js';
import { findOrganismFolder } from '../../src/organism/organism-folder.js';
import { readInstalledParts, requirePart } from './installed-parts.js';
import type { RealRay } from './start-ray.js';

/** Looks more often than a run does, so that deaths are seen sooner; waits as long for a head that is away. */
export const lively = { few: 500, many: 500, jobs: 2000, pause: 1000, patience: 600_000 };

/** What jobs need on a machine without a GPU. */
export const jobEnvironment = { VLLM_CPU_KVCACHE_SPACE: '1', OMP_NUM_THREADS: '1' };

export interface RealCluster {
  /** The folder of the cluster, as its nodes call it. */
  readonly storage: string;
  readonly notices: string[];
  /** With settings besides, and as the run of that name. */
  readonly openRun: (changes?: Readonly<Record<string, unknown>>, name?: string) => Promise<ClusterRun>;
  /** The organism on that Ray. */
  readonly openBase: (run?: ClusterRun) => Promise<ClusterBase>;
  readonly close: () => Promise<void>;
}

/** A storage of its own at a real Ray. Each test has one, so that nothing is there that another has made. */
export async function openRealCluster(ray: RealRay): Promise<RealCluster> {
  const storage = await mkdtemp('/tmp/driftline-storage-');
  const notices: string[] = [];
  const openRun = (changes: Readonly<Record<string, unknown>> = {}, name = 'real'): Promise<ClusterRun> =>
    openClusterRun({
      settings: clusterSchema.parse({
        ...{ ray: ray.address, storage, storage_here: 'none', dtype: 'float32', save_every: 10, linger: 5 },
        ...{ python: requirePart('train'), vllm_python: readInstalledParts(process.env).vllm ?? undefined },
        environment: jobEnvironment,
        ...changes,
      }),
      environment: { RAY_AUTH_TOKEN: ray.token, HOME: storage },
      run: () => name,
      ...{ pace: lively, leastRate: 20, onNotice: (notice: string) => notices.push(notice) },
      waves: { quiet: 200, patience: 2000, answers: 20_000 },
    });
  return {
    ...{ storage, notices, openRun },
    openBase: async (run) => {
      const folder = await findOrganismFolder('1');
      return openClusterBase({
        ...{ cluster: run ?? (await openRun()), folder, text: 'organism:1', place: null },
        files: await identifyModelFolder(folder),
      });
    },
    close: () => rm(storage, { recursive: true, force: true, maxRetries: 5 }),
  };
}

export const hashAdapter = async (folder: string): Promise<string> =>
  hashContent(await readFile(join(folder, 'adapter_model.safetensors')));

/** Lines that are written to the end. */
export async function countLines(file: string): Promise<number> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').length - 1;
}
