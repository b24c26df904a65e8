import { systemClock } from '../../foundation/clock.js';
import { formatDuration } from '../../foundation/format-quantities.js';
import { readClusterStatus, type ClusterWork } from '../../models/cluster/cluster-status.js';
import { openRay } from '../../models/cluster/open-ray.js';
import type { CommandAction } from '../command.js';
import type { clusterStatusDefinition } from '../definitions/cluster.js';
import { formatTable } from '../format-table.js';
import { locateCluster } from '../locate-cluster.js';

const usualAddress = 'http://127.0.0.1:8265';

export const clusterStatus: CommandAction<typeof clusterStatusDefinition> = {
  run: async (context, { arguments: { run: named }, options }) => {
    const { settings, run, plan, cells, owner } = await locateCluster(named);
    const { environment, signal, notify } = context;
    const ray = await openRay({
      ...{ ray: options.ray ?? settings?.ray ?? usualAddress, environment },
      ...{ allowsOpen: options['insecure-ray'], onNotice: notify, clock: systemClock },
    });
    const here = settings?.storage_here;
    const asked =
      run === null
        ? null
        : {
            ...{ run, cells, storage: settings?.storage ?? null },
            storageHere: here === 'none' ? null : here,
          };
    const found = await readClusterStatus(ray, asked, signal).finally(ray.close);
    // Runs are called by the plan's name and digits of its hash.
    const isOfPlan = (name: string | null): boolean =>
      plan === null || (name?.slice(0, -9) === plan && /^-[0-9a-f]{8}$/.test(name.slice(-9)));
    const work = found.work.filter((one) => isOfPlan(one.run));
    if (context.json) {
      context.printJson({ ...found, work, watchedBy: owner });
      return;
    }
    const { used, total } = found.gpus;
    context.print(`${found.address}: ${String(used)} of ${String(total)} GPUs busy`);
    if (work.length === 0) {
      context.print(`no jobs${run === null && plan === null ? ' of driftline' : ` of ${run ?? plan ?? ''}`}`);
    } else {
      const header = ['run', 'job', 'of', 'state', 'done', 'for'];
      const rows = work.map((one) => describeWork(one, context.date()));
      for (const line of formatTable(header, rows)) context.print(line);
    }
    if (owner !== null) notify(`driftline works on it: process ${String(owner.pid)} on ${owner.host}`);
    else if (run !== null && cells.some(({ isFinished }) => !isFinished))
      notify('No driftline watches it at the moment: driftline run collects what is done meanwhile.');
  },
};

const names = { train: 'fine-tune', lane: 'vLLM', inside: 'inside', deliver: 'files', check: 'check' } as const;

function describeWork(work: ClusterWork, now: number): string[] {
  const { kind, state, status, step, steps, loss, answers, begun, ended } = work;
  const done =
    kind === 'train'
      ? [
          step === null ? null : `step ${String(step)}${steps === null ? '' : ` of ${String(steps)}`}`,
          loss === null ? null : `loss ${loss.toFixed(4)}`,
        ]
      : [answers === null ? null : `${String(answers)} answers`];
  return [
    work.run ?? '?',
    names[kind],
    work.name ?? work.job,
    describeState(status, state),
    done.flatMap((part) => part ?? []).join(', ') || '-',
    begun === null ? '-' : formatDuration(Math.max(0, (ended ?? now) - begun)),
  ];
}

/** Files know more than Ray, to which a job that waits for its GPU runs. */
function describeState(status: string | null, state: ClusterWork['state']): string {
  if (state === 'done' || state === 'fault') return state;
  if (status === null) return state === null ? 'gone' : `${state}, and Ray has no such job`;
  if (status === 'PENDING') return 'pending';
  if (status === 'RUNNING') return state === 'waiting' ? 'waiting for its GPU, or loading' : 'running';
  return status.toLowerCase();
}
