import { type Clock, systemClock, waitFor } from '../../foundation/clock.js';
import { hashPieces } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { readJobKind } from './job-ids.js';
import { isRemnant, isStatusUnderWay, type RayJob } from './ray-answers.js';
import type { RayClient } from './ray-client.js';
import { createZip, type ArchiveFiles } from './zip-archive.js';

export interface WantedJob {
  readonly id: string;
  /** SHA-256 of all that the job is about: the job bears it. */
  readonly mark: string;
  /** A line of a shell. */
  readonly entrypoint: string;
  /** The job's working directory; asked for only if it must be sent. */
  readonly readFiles: () => Promise<ArchiveFiles>;
  readonly environment: Readonly<Record<string, string>>;
  /** Shown at the dashboard; holds no secret. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What becomes of a job of that id that has succeeded: left, or made anew. One that failed or was stopped is always made anew. */
  readonly onEnded: 'keep' | 'renew';
}

export interface SubmittedJob {
  /** `found` where it was there already. */
  readonly how: 'submitted' | 'found';
  readonly status: RayJob['status'];
}

/** Archives that Ray takes: 100 MiB at most, by its own limit. */
const mostBytes = 100 * 2 ** 20;
const attempts = 5;
const never = new AbortController().signal;

/**
 * Has a job made, once: the same id again finds the job that is there, whoever asked for it. One that failed or was
 * stopped is removed and made anew, and one that succeeded, too, where the caller misses what it should have left.
 */
export async function submitOnce(
  ray: RayClient,
  job: WantedJob,
  { signal, clock = systemClock }: { readonly signal?: AbortSignal; readonly clock?: Clock } = {},
): Promise<SubmittedJob> {
  for (let attempt = 0; ; attempt += 1) {
    const there = await ray.find(job.id, signal);
    if (there !== null) {
      if (!isRemnant(there)) requireSameMark(job, there);
      if (isStatusUnderWay(there.status) || (there.status === 'SUCCEEDED' && job.onEnded === 'keep'))
        return { how: 'found', status: there.status };
      await ray.remove(job.id, signal);
    }
    const archive = await sendFiles(ray, job, signal);
    const { id, entrypoint, environment, metadata, mark } = job;
    const outcome = await ray.submit({ id, entrypoint, archive, environment, metadata: { ...metadata, mark } }, signal);
    if (outcome === 'submitted') return { how: 'submitted', status: 'PENDING' };
    // Somebody else was faster, or an earlier request of ours whose answer was lost.
    const now = await ray.find(job.id, signal);
    if (now !== null && (isStatusUnderWay(now.status) || now.status === 'SUCCEEDED')) {
      requireSameMark(job, now);
      return { how: 'found', status: now.status };
    }
    if (attempt === attempts) throw conflict(job, 'it comes and goes');
    await waitFor(clock, 500 * 2 ** attempt, signal ?? never);
  }
}

async function sendFiles(ray: RayClient, job: WantedJob, signal?: AbortSignal): Promise<string> {
  const files = await job.readFiles();
  const name = `driftline_${hashFiles(files).slice(0, 32)}.zip`;
  if (await ray.hasPackage(name, signal)) return name;
  const zip = createZip(files);
  if (zip.length > mostBytes)
    throw new DriftlineError({
      code: 'cluster-failed',
      message: `${job.id} takes ${String(Math.ceil(zip.length / 2 ** 20))} MiB along, and Ray takes 100 MiB`,
      hint: hintOnSize(job.id),
      details: { job: job.id, bytes: zip.length },
    });
  await ray.upload(name, zip, signal);
  return name;
}

/** What a job takes along depends on what it is for. */
function hintOnSize(id: string): string {
  const kind = readJobKind(id);
  return kind === 'train' || kind === null
    ? 'Split the training set into smaller ones, or train fewer epochs.'
    : 'Adapters that the cluster has not made go along with what is asked of them. Mount the storage of the cluster here, and name it with cluster: storage_here; or ask fewer of them in one run.';
}

/** Of names and bytes: archives of equal files need not be equal, as other versions may pack otherwise. */
function hashFiles(files: ArchiveFiles): string {
  const pieces: (string | Uint8Array)[] = [];
  for (const [name, bytes] of [...files].sort(([left], [right]) => (left < right ? -1 : 1)))
    pieces.push(`${name}\n${String(bytes.length)}\n`, bytes);
  return hashPieces(pieces);
}

function requireSameMark(job: WantedJob, { metadata }: RayJob): void {
  const mark = metadata?.['mark'];
  if (mark !== job.mark) throw conflict(job, mark === undefined ? 'it bears no mark' : 'it is about something else');
}

function conflict({ id }: WantedJob, why: string): DriftlineError {
  return new DriftlineError({
    code: 'cluster-job-conflict',
    message: `the cluster has a job ${id} that is not this one: ${why}`,
    hint: `Stop and remove it, with \`ray job stop ${id}\` and \`ray job delete ${id}\`, and run the same command again.`,
    details: { job: id },
  });
}
