import { waitFor } from '../../foundation/clock.js';
import type { DriftlineError } from '../../foundation/driftline-error.js';
import { formatDuration } from '../../foundation/format-quantities.js';
import type { ClusterRun } from './cluster-run.js';
import {
  explainFailedJob,
  explainJobFault,
  faultCode,
  fruitlessJobs,
  parseFault,
  type FaultyWork,
} from './explain-fault.js';
import { isNameTaken } from './ray-answers.js';
import { isPlaced, quietAfter, stopStalled } from './stalled-work.js';
import type { EndedWork } from './watch-cluster.js';

/** Work that one job after the other does, each from where the last one was, until it is done. */
export interface RenewedWork<Result> {
  /** Its folder in the storage, where its nodes write that they have it. */
  readonly home: string;
  /** Where its job writes down why it gives up. */
  readonly faultFile: string;
  /** What is there when a job has ended so; null where something is missing. */
  readonly readResult: (status: EndedWork['status']) => Promise<Result | null>;
  /** How far all its jobs together have come. */
  readonly measure: () => Promise<number>;
  /** Whether the job that has just ended has come further: then its end does not count. */
  readonly hasMoved: () => boolean;
  readonly describe: (job: string) => FaultyWork;
  /** Gives the next job another name, where Ray holds this one; false where there is no other. */
  readonly rename: () => Promise<boolean>;
  /** Told of a job that hung and was stopped. */
  readonly onStopped?: (job: string) => void;
  /** Called before an end without a word is counted. */
  readonly beforeCounting?: () => void;
  /** Ends in a row after which it is given up, though Ray does not say that the last one failed. */
  readonly mostSilent: number;
  readonly giveUp: (job: string, ends: number, status: EndedWork['status']) => DriftlineError;
  /** Milliseconds before the next job. */
  readonly restAfter: (status: EndedWork['status']) => number;
  readonly signal?: AbortSignal | undefined;
}

export interface EndedJob {
  readonly id: string;
  readonly status: EndedWork['status'];
}

const never = new AbortController().signal;

/**
 * Weighs how the jobs of one work end, one after the other. Each time it returns what the work has left, or null where
 * its job is to be made again or followed further. It throws where the work says why it will never be done, where it
 * stalls without having come further, or where it ends too often without a word.
 */
export function weighEndedJobs<Result>(
  cluster: ClusterRun,
  work: RenewedWork<Result>,
): (ended: EndedJob) => Promise<Result | null> {
  const { ray, clock, pace } = cluster;
  const { signal, describe, readResult } = work;
  const patiently = <Found>(task: () => Promise<Found>): Promise<Found> => cluster.patiently(task, signal);
  // Ends without a word, and words of an end without a result.
  const ends = { fruitless: 0, empty: 0 };
  let stalledAt: number | null = null;

  /** Work that stalls is begun once more, until it stalls without having come further. */
  async function endStall(job: string, message: string): Promise<void> {
    const reached = await patiently(work.measure);
    if (stalledAt !== null && reached <= stalledAt) throw explainJobFault({ kind: 'stalled', message }, describe(job));
    stalledAt = reached;
    cluster.onNotice(`${job}: ${message}; it is begun once more`);
  }

  /** What is quiet may only wait for its node. */
  async function endQuiet(id: string): Promise<void> {
    const hangs = await patiently(async () => isPlaced(await cluster.wayBack(signal), work.home, signal));
    if (!hangs) return;
    await patiently(() => stopStalled(ray, id, clock, signal ?? never));
    work.onStopped?.(id);
    await endStall(id, `its node said nothing for ${formatDuration(quietAfter(cluster))}`);
  }

  async function readFault(): Promise<Uint8Array | null> {
    return (await cluster.wayBack(signal)).read(work.faultFile, { purpose: 'done', signal });
  }

  return async ({ id, status: first }) => {
    const result = await patiently(() => readResult(first));
    if (result !== null) return result;
    if (first === 'QUIET') {
      await endQuiet(id);
      return null;
    }
    let status = first;
    if (status === 'DONE') {
      // It says that it is done and has left nothing: a storage that somebody emptied. The word stands until the job
      // that was made anew begins.
      ends.empty += 1;
      await waitFor(clock, pace.jobs, signal ?? never);
    }
    const job = status === 'DONE' || status === 'FAILED' ? await patiently(() => ray.find(id, signal)) : null;
    if (status === 'DONE' && job?.status === 'FAILED') {
      // One that has failed meanwhile has said more than that it is done.
      status = 'FAILED';
      const late = await patiently(() => readResult('FAILED'));
      if (late !== null) return late;
    }
    const failed = status === 'FAILED' ? job : null;
    // With any other code it ended before it could look whether a fault that is there is an earlier one's.
    const fault = failed?.driver_exit_code === faultCode ? await patiently(readFault) : null;
    if (fault !== null) {
      const told = parseFault(fault);
      if (told.kind !== 'stalled') throw explainJobFault(told, describe(id));
      await endStall(id, told.message);
      return null;
    }
    if (failed !== null && isNameTaken(failed) && (await work.rename())) return null;
    work.beforeCounting?.();
    if (status !== 'DONE') ends.fruitless = work.hasMoved() ? 0 : ends.fruitless + 1;
    if (failed !== null && ends.fruitless >= fruitlessJobs) throw explainFailedJob(failed, describe(id));
    const silent = Math.max(ends.fruitless, ends.empty);
    if (silent >= work.mostSilent) throw work.giveUp(id, silent, status);
    const rest = work.restAfter(status);
    if (rest > 0) await waitFor(clock, rest, signal ?? never);
    return null;
  };
}
