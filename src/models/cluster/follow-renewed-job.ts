import type { ClusterRun } from './cluster-run.js';
import { explainJobFault, fruitlessJobs } from './explain-fault.js';
import type { JobProgress } from './job-ids.js';
import { mostTakenNames } from './ray-answers.js';
import { quietAfter } from './stalled-work.js';
import type { SubmittedJob } from './submit-job.js';
import { weighEndedJobs, type RenewedWork } from './weigh-ended-jobs.js';

/** What is seen of one job. */
export interface JobSight {
  readonly onMoved: (progress: JobProgress) => Promise<void>;
  readonly hasMoved: RenewedWork<unknown>['hasMoved'];
}

/** Work whose job keeps its name when it is made again. */
export interface NamedWork<Result> extends Pick<
  RenewedWork<Result>,
  'home' | 'faultFile' | 'readResult' | 'measure' | 'describe' | 'signal'
> {
  readonly kind: JobProgress['kind'];
  /** As its files of progress call it. */
  readonly name: string;
  /** Its names, by their numbers, and which it has now. */
  readonly idOf: (number: number) => string;
  readonly number: number;
  /** Told what its job is called from now on. */
  readonly onRenamed?: (id: string) => Promise<void>;
  /** Has its job made, or finds it; the first time one that has succeeded is left as it is. */
  readonly submit: (id: string, isFirst: boolean) => Promise<SubmittedJob>;
  /** Begins to look at a job that was made or found. */
  readonly look: (made: SubmittedJob) => JobSight;
}

/** Has a job made, and made again where it ends without a word, until its work is done or says why it will never be. */
export async function followRenewedJob<Result>(cluster: ClusterRun, work: NamedWork<Result>): Promise<Result> {
  const { kind, name, idOf, onRenamed, submit, look, signal, ...shared } = work;
  let { number } = work;
  let sight: JobSight | null = null;
  const weigh = weighEndedJobs<Result>(cluster, {
    ...shared,
    ...{ signal, hasMoved: () => sight?.hasMoved() === true },
    rename: async () => {
      if (number >= mostTakenNames) return false;
      number += 1;
      await onRenamed?.(idOf(number));
      return true;
    },
    // A head that is restarted forgets its jobs, which is no fault of theirs.
    mostSilent: 2 * fruitlessJobs,
    giveUp: (id, ends, status) => {
      const message = `it ended ${String(ends)} times, and left nothing: ${String(status)}`;
      return explainJobFault({ kind: 'other', message }, work.describe(id));
    },
    // So that Ray has done with a job before its name is used anew.
    restAfter: (status) => (status === 'FAILED' ? cluster.pace.few : 0),
  });
  for (let isFirst = true; ; isFirst = false) {
    const id = idOf(number);
    sight = look(await submit(id, isFirst));
    const { onMoved } = sight;
    const { status } = await cluster.watcher.follow({
      ...{ kind, name, job: id, onMoved, quietAfter: quietAfter(cluster) },
      ...(signal === undefined ? {} : { signal }),
    });
    const result = await weigh({ id, status });
    if (result !== null) return result;
  }
}
