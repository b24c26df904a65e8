import { systemClock } from '../../foundation/clock.js';
import { parseProgress, readTrainJob, type JobProgress } from './job-ids.js';
import type { RayClient } from './ray-client.js';
import { createRequestBudget } from './request-budget.js';
import { listRunJobs, runFolderThere, type RunJob } from './run-jobs.js';
import { openWayBack } from './way-back.js';

/** A fine-tune as the folder of a run knows it. */
export interface KnownCell {
  readonly name: string;
  readonly job: string;
  readonly steps: number;
  readonly isFinished: boolean;
}

/** The run that is asked about. */
export interface RunAskedAbout {
  readonly run: string;
  /** None where its folder is not here. */
  readonly cells: readonly KnownCell[];
  /** Null where only its jobs say it. */
  readonly storage: string | null;
  readonly storageHere: string | null | undefined;
}

/** Something that a cluster does, did or will do for a run. */
export interface ClusterWork {
  readonly run: string | null;
  readonly kind: RunJob['kind'];
  readonly job: string;
  /** Name of the cell, where the folder of the run is here; else the hash of the cell, or the name of the lane. */
  readonly name: string | null;
  /** As Ray has its job; null where it has none any more. */
  readonly status: string | null;
  /** What its files say: `waiting` has begun nothing yet. Null where they say nothing. */
  readonly state: JobProgress['state'] | null;
  readonly step: number | null;
  readonly steps: number | null;
  readonly loss: number | null;
  readonly answers: number | null;
  /** Milliseconds since 1970. */
  readonly begun: number | null;
  readonly ended: number | null;
}

export interface ClusterStatus {
  readonly address: string;
  readonly gpus: { readonly used: number; readonly total: number };
  readonly work: readonly ClusterWork[];
}

/** What a cluster does for a run, or for all: jobs from its Ray, how far they are from the names of files in the storage. */
export async function readClusterStatus(
  ray: RayClient,
  asked: RunAskedAbout | null,
  signal?: AbortSignal,
): Promise<ClusterStatus> {
  const gpus = await ray.gpus(signal);
  const cells = new Map((asked?.cells ?? []).map((cell) => [cell.job, cell]));
  const wanted = asked === null ? null : { run: asked.run, ids: new Set(cells.keys()) };
  const jobs = withoutFormerNames(await listRunJobs(ray, wanted, signal));
  const progress = await readProgress(ray, jobs, asked, signal);
  const work = jobs
    // Jobs that hand files over are over in seconds, and nobody waits for them.
    .filter(({ kind }) => kind === 'train' || kind === 'lane' || kind === 'inside')
    .map((job): ClusterWork => {
      const known = cells.get(job.id);
      const found = progress.get(`${job.run ?? ''} ${job.kind} ${job.name ?? ''}`) ?? null;
      return {
        ...{ run: job.run, kind: job.kind, job: job.id, name: known?.name ?? job.name, status: job.status },
        ...describeProgress(job.kind, found),
        ...{ steps: known?.steps ?? null, begun: job.begun, ended: job.ended },
      };
    });
  // The list of a head that was started again is empty, and finished cells stay where they are.
  const gone = (asked?.cells ?? []).filter(({ job }) => !jobs.some(({ id }) => id === job));
  for (const { name, job, steps, isFinished } of gone) {
    const found =
      [...progress.values()].find((one) => one.kind === 'train' && one.name === readTrainJob(job)?.cell) ?? null;
    const told = describeProgress('train', found);
    work.push({
      ...{ run: asked?.run ?? null, kind: 'train', job, name, status: null },
      ...{ ...told, state: isFinished ? 'done' : told.state, steps, begun: null, ended: null },
    });
  }
  return { address: ray.address, gpus, work };
}

/** A fine-tune whose job was given another name is the job of its last name. */
function withoutFormerNames(jobs: readonly RunJob[]): readonly RunJob[] {
  const last = new Map<string, number>();
  for (const { id } of jobs) {
    const named = readTrainJob(id);
    if (named !== null) last.set(named.cell, Math.max(last.get(named.cell) ?? 0, named.number));
  }
  return jobs.filter(({ id }) => {
    const named = readTrainJob(id);
    return named === null || named.number === last.get(named.cell);
  });
}

function describeProgress(
  kind: RunJob['kind'],
  found: JobProgress | null,
): Pick<ClusterWork, 'state' | 'step' | 'loss' | 'answers'> {
  const count = found?.state === 'running' ? found.count : null;
  return {
    state: found?.state ?? null,
    ...(kind === 'train' ? { step: count, answers: null } : { step: null, answers: count }),
    loss: found?.loss ?? null,
  };
}

/** How far all work of the runs is, by run, kind and name: one listing for each run. */
async function readProgress(
  ray: RayClient,
  jobs: readonly RunJob[],
  asked: RunAskedAbout | null,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, JobProgress>> {
  const places = new Map<string, { readonly run: string; readonly storage: string }>();
  const add = (run: string | null, storage: string | null): void => {
    if (run !== null && storage !== null) places.set(`${run} ${storage}`, { run, storage });
  };
  if (asked !== null) add(asked.run, asked.storage);
  for (const { run, storage } of jobs) add(run, storage);
  // Few requests, and nothing else goes on.
  const budget = createRequestBudget({ clock: systemClock, jobs: () => 0, leastRate: 1000 });
  const found = new Map<string, JobProgress>();
  for (const { run, storage } of places.values()) {
    const here = asked?.storage === storage ? asked.storageHere : undefined;
    const wayBack = await openWayBack(
      { ray, budget, storage, ...(here === undefined ? {} : { storageHere: here }) },
      signal,
    );
    for (const file of await wayBack.list(`${runFolderThere(run)}/progress`, { purpose: 'progress', signal })) {
      const one = parseProgress(file);
      if (one !== null) found.set(`${run} ${one.kind} ${one.name}`, one);
    }
  }
  return found;
}
