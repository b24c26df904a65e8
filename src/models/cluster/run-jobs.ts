import { nameRunThere } from './cluster-run.js';
import { readJobKind, type ClusterJobKind } from './job-ids.js';
import { isStatusUnderWay, type ListedRayJob } from './ray-answers.js';
import type { RayClient } from './ray-client.js';

/** A job of driftline's on a cluster, by what was written beside it when it was submitted. */
export interface RunJob {
  readonly id: string;
  readonly kind: ClusterJobKind;
  /** The run that asked for it first; null for jobs of others than driftline of today. */
  readonly run: string | null;
  readonly storage: string | null;
  /** The cell's hash, or the lane's name; null for others. */
  readonly name: string | null;
  /** As Ray has it. */
  readonly status: string;
  /** Milliseconds since 1970. */
  readonly begun: number | null;
  readonly ended: number | null;
}

export function isJobUnderWay({ status }: Pick<RunJob, 'status'>): boolean {
  return isStatusUnderWay(status);
}

/** Jobs of driftline at a Ray: all of them, or those that a run asked for, or has written down in its cells. */
export async function listRunJobs(
  ray: RayClient,
  wanted: { readonly run: string; readonly ids: ReadonlySet<string> } | null,
  signal?: AbortSignal,
): Promise<RunJob[]> {
  const jobs = (await ray.listInFull(signal)).flatMap(readRunJob);
  return wanted === null ? jobs : jobs.filter(({ id, run }) => run === wanted.run || wanted.ids.has(id));
}

function readRunJob(job: ListedRayJob): readonly RunJob[] {
  const id = job.submission_id ?? '';
  const kind = readJobKind(id);
  if (kind === null) return [];
  const metadata = job.metadata ?? {};
  return [
    {
      ...{ id, kind, run: metadata['run'] ?? null, storage: metadata['storage'] ?? null },
      name: metadata['cell'] ?? metadata['lane'] ?? null,
      ...{ status: job.status, begun: job.start_time ?? null, ended: job.end_time ?? null },
    },
  ];
}

/** A folder of a run in the storage. */
export function runFolderThere(run: string): string {
  return `runs/${nameRunThere(run)}`;
}
