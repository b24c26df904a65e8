import { DriftlineError } from '../../foundation/driftline-error.js';
import type { LockOwner } from '../../foundation/lock-folder.js';
import { openClusterRun } from '../../models/cluster/cluster-run.js';
import type { ClusterSettings } from '../../models/cluster/cluster-settings.js';
import { openRay } from '../../models/cluster/open-ray.js';
import { listRunJobs } from '../../models/cluster/run-jobs.js';
import { stopRun } from '../../models/cluster/stop-run.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { clusterStopDefinition } from '../definitions/cluster.js';
import { locateCluster, mergeSettings, type LocatedCluster } from '../locate-cluster.js';

type Options = Parameters<CommandAction<typeof clusterStopDefinition>['run']>[1]['options'];

export const clusterStop: CommandAction<typeof clusterStopDefinition> = {
  run: async (context, { arguments: { run: named }, options }) => {
    const located = await locateCluster(named);
    const { run, owner, cells } = located;
    if (run === null) throw notARun(named);
    if (owner !== null) throw underWay(named, owner);
    const { environment, signal, notify } = context;
    const settings = await findSettings(context, { ...located, run }, options);
    const cluster =
      settings === null
        ? null
        : await openClusterRun({
            ...{ settings, environment, onNotice: notify, allowsOpen: options['insecure-ray'], run: () => run },
          });
    const ids = new Set(cells.flatMap(({ job, isFinished }) => (isFinished ? [] : [job])));
    const { stopped, withdrawn } =
      cluster === null
        ? { stopped: [], withdrawn: 0 }
        : await stopRun(cluster, { ids, signal }).finally(cluster.ray.close);
    if (context.json) {
      context.printJson({ run, stopped, withdrawn });
      return;
    }
    context.print(
      stopped.length === 0 ? `${run} has no job under way` : `stopped ${String(stopped.length)}: ${stopped.join(', ')}`,
    );
    if (stopped.length > 0) notify('What was done stays in the storage: driftline run goes on from there.');
  },
};

/** By the plan, or, where only the name of the run is known, by what its jobs say; null where it has none. */
async function findSettings(
  { environment, signal }: CommandContext,
  { settings, run }: LocatedCluster & { readonly run: string },
  options: Options,
): Promise<ClusterSettings | null> {
  if (settings !== null || options.storage !== undefined) return mergeSettings(settings, options);
  const ray = await openRay({
    ...{ ray: options.ray ?? 'http://127.0.0.1:8265', environment, allowsOpen: options['insecure-ray'] },
  });
  const jobs = await listRunJobs(ray, { run, ids: new Set() }, signal).finally(ray.close);
  const storage = jobs.find((job) => job.storage !== null)?.storage ?? undefined;
  return storage === undefined ? null : mergeSettings(null, { ...options, storage });
}

function notARun(named: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${named} is a plan, of which there may be several runs`,
    hint: 'Name the folder of one run, such as runs/mine-1a2b3c4d; driftline cluster status lists them.',
  });
}

function underWay(folder: string, { pid, host }: LockOwner): DriftlineError {
  return new DriftlineError({
    code: 'folder-in-use',
    message: `driftline is at work on ${folder}, as process ${String(pid)} on ${host}, and would have stopped jobs made again`,
    hint: `Stop it first, with Ctrl-C or \`kill -INT ${String(pid)}\` on ${host}, and give the same command again. driftline run --cancel-jobs stops its jobs by itself when it is stopped.`,
    details: { folder, pid, host },
  });
}
