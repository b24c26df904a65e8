import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readPlanCluster } from '../experiment/plan/read-plan-cluster.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { findLockOwner, type LockOwner } from '../foundation/lock-folder.js';
import { readClusterCell } from '../models/cluster/cluster-cell.js';
import { clusterSchema, type ClusterSettings } from '../models/cluster/cluster-settings.js';
import type { KnownCell } from '../models/cluster/cluster-status.js';
import { readStoredRun } from '../runs/run-manifest.js';

/** A cluster as a command is told of it. */
export interface LocatedCluster {
  /** What the plan says; null where there is none. */
  readonly settings: ClusterSettings | null;
  /** Models of the plan that the nodes must have. */
  readonly models: readonly string[];
  /** Whether a recipe of the plan holds its base in 4 bits. */
  readonly quantizes: boolean;
  /** Names of runs that begin so are meant: the plan's, or the one that was named; null for all. */
  readonly plan: string | null;
  readonly run: string | null;
  /** Fine-tunes that the run's folder knows; none without one. */
  readonly cells: readonly KnownCell[];
  /** Who works in the run's folder; null for nobody. */
  readonly owner: LockOwner | null;
}

const nothing = { models: [], quantizes: false, plan: null, run: null, cells: [], owner: null } as const;

/** Finds out what was named: the folder of a run, the file of a plan, or the name of a run. */
export async function locateCluster(named: string | undefined): Promise<LocatedCluster> {
  if (named === undefined) return { ...nothing, settings: null };
  const found = await stat(named).catch(() => null);
  if (found === null && !/[/\\.]/.test(named)) return { ...nothing, settings: null, run: named };
  if (found?.isDirectory() !== true) {
    const { name, cluster, models, quantizes } = await readPlanCluster(named);
    if (cluster === null) throw withoutCluster(named);
    return { ...nothing, settings: cluster, models, quantizes, plan: name };
  }
  const { manifest } = await readStoredRun(named);
  const cluster = manifest.written?.['cluster'];
  if (cluster === undefined) throw withoutCluster(named);
  return {
    ...nothing,
    settings: parseSettings(clusterSchema, cluster, `${named}: cluster`),
    models: [...new Set(manifest.bases.map(({ name }) => manifest.models[name] ?? name))],
    quantizes: manifest.cells.some(({ recipe }) => recipe?.method === 'lora' && recipe.quantization !== undefined),
    run: basename(resolve(named)),
    cells: await readCells(named),
    owner: findLockOwner(await readdir(named)),
  };
}

async function readCells(folder: string): Promise<KnownCell[]> {
  const names = await readdir(join(folder, 'cells')).catch((): string[] => []);
  const cells: KnownCell[] = [];
  for (const name of names.sort()) {
    const record = await readClusterCell(join(folder, 'cells', name));
    if (record === null) continue;
    cells.push({ name, job: record.job, steps: record.steps, isFinished: record.state === 'finished' });
  }
  return cells;
}

/** The settings, with what was typed in place of what the plan says. */
export function mergeSettings(
  settings: ClusterSettings | null,
  typed: {
    readonly ray?: string | undefined;
    readonly storage?: string | undefined;
    readonly python?: string | undefined;
    readonly 'vllm-python'?: string | undefined;
  },
): ClusterSettings {
  const { ray, storage, python, 'vllm-python': vllmPython } = typed;
  const merged = {
    ...settings,
    ...(ray === undefined ? {} : { ray }),
    ...(storage === undefined ? {} : { storage }),
    ...(python === undefined ? {} : { python }),
    ...(vllmPython === undefined ? {} : { vllm_python: vllmPython }),
  };
  if (merged.storage === undefined)
    throw new DriftlineError({
      code: 'usage-invalid',
      message: 'nothing says where the storage of the cluster is',
      hint: 'Name a plan that has a cluster, or give --storage, a folder that all nodes see.',
    });
  return parseSettings(clusterSchema, merged, 'cluster');
}

function withoutCluster(named: string): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${named} has no cluster: its models are not trained and asked on a Ray`,
    hint: 'Name a plan with cluster:, or leave it out and say with options where the cluster is.',
  });
}
