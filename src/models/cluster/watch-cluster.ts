import { type Clock, waitFor } from '../../foundation/clock.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { parseProgress, type JobProgress } from './job-ids.js';
import { isStatusUnderWay } from './ray-answers.js';
import type { RayClient } from './ray-client.js';
import type { RequestBudget } from './request-budget.js';
import type { WayBack } from './way-back.js';

/** Something that a job does, and that is waited for. */
export interface FollowedWork {
  readonly kind: JobProgress['kind'];
  /** The cell's hash, or the lane's name. */
  readonly name: string;
  readonly job: string;
  /** Told when it has moved; the next news waits for what it returns. */
  readonly onMoved?: (progress: JobProgress) => Promise<void>;
  /** Milliseconds without a move after which it counts as `QUIET`; never if not given. */
  readonly quietAfter?: number;
  readonly signal?: AbortSignal;
}

/** How a job came to its end. */
export interface EndedWork {
  /**
   * As Ray has it; null where it has no such job any more, as after a restart of its head. `DONE` where its files say
   * so, and `QUIET` where its job goes on and nothing has moved for too long.
   */
  readonly status: string | null;
  readonly progress: JobProgress | null;
}

export interface ClusterWatcher {
  /** Resolves when a cell or a look inside says that it is done, or the job has ended, however. */
  readonly follow: (work: FollowedWork) => Promise<EndedWork>;
  /** Works that are followed. */
  readonly count: () => number;
}

/** Milliseconds between looks. */
export interface WatchingPace {
  /** At progress, while few jobs are followed, and while many are. */
  readonly few: number;
  readonly many: number;
  /** At the list of jobs. */
  readonly jobs: number;
  /** The longest pause while nothing answers, and how long that may last. */
  readonly pause: number;
  readonly patience: number;
  /** After what a node should have said of work that stalls, before it is taken for one that says nothing. Default a minute. */
  readonly quiet?: number;
}

export const usualPace: WatchingPace = {
  few: 5000,
  many: 15_000,
  jobs: 30_000,
  pause: 60_000,
  patience: 2 * 3_600_000,
};

/** What a cluster does for a run, as it was last seen. */
export interface ClusterSight {
  /** Fine-tunes whose jobs wait for a GPU, and those that compute. */
  readonly waiting: number;
  readonly training: number;
  /** vLLMs that are starting, answering, or waiting for questions. */
  readonly answering: number;
  /** Of the whole cluster, whoever has them. */
  readonly gpus: { readonly used: number; readonly total: number };
}

interface ClusterWatcherSettings {
  readonly ray: RayClient;
  readonly wayBack: () => Promise<WayBack>;
  readonly budget: RequestBudget;
  /** Folder of progress in the storage. */
  readonly folder: () => string;
  readonly clock: Clock;
  readonly pace: WatchingPace;
  readonly onNotice: (notice: string) => void;
  /** Told what was seen, each time that the list of jobs is looked at: GPUs are counted then, with one request for all. */
  readonly onSight?: (sight: ClusterSight) => void;
}

/** More jobs are looked at less often. */
const fewJobs = 20;

interface Follower {
  readonly work: FollowedWork;
  readonly resolve: (ended: EndedWork) => void;
  readonly reject: (cause: unknown) => void;
  progress: JobProgress | null;
  telling: Promise<void> | null;
  /** When it moved last, as far as it was seen. */
  moved: number;
}

/**
 * Follows all jobs of a run at once: one listing tells how far each of them is, since each has an empty file whose name
 * says so, and one list of jobs who is alive. Nothing is done for a job while it does not move.
 */
export function createClusterWatcher(settings: ClusterWatcherSettings): ClusterWatcher {
  const { ray, wayBack, budget, folder, clock, pace, onNotice, onSight } = settings;
  const followers = new Set<Follower>();
  let isRunning = false;
  let wake: AbortController = new AbortController();

  async function lookAtProgress(): Promise<void> {
    const names = await (await wayBack()).list(folder(), { purpose: 'progress' });
    const found = new Map<string, JobProgress>();
    for (const name of names) {
      const progress = parseProgress(name);
      if (progress === null) continue;
      const key = `${progress.kind} ${progress.name}`;
      // While a name changes, a listing may have both.
      const other = found.get(key);
      if (other === undefined || rank(progress) > rank(other)) found.set(key, progress);
    }
    for (const follower of followers) {
      const progress = found.get(`${follower.work.kind} ${follower.work.name}`);
      if (progress === undefined || isSame(progress, follower.progress)) continue;
      follower.progress = progress;
      follower.moved = clock.now();
      tell(follower);
      if (progress.kind !== 'lane' && progress.state === 'done') end(follower, 'DONE');
    }
  }

  /** Tells of the latest, one after the other. */
  function tell(follower: Follower): void {
    const { onMoved } = follower.work;
    if (onMoved === undefined || follower.telling !== null || follower.progress === null) return;
    const told = follower.progress;
    follower.telling = onMoved(told).then(
      () => {
        follower.telling = null;
        if (followers.has(follower) && !isSame(told, follower.progress)) tell(follower);
      },
      (cause: unknown) => {
        follower.telling = null;
        // Where the head is away, it is told when it has moved again, or has ended.
        if (mayPass(cause)) return;
        followers.delete(follower);
        follower.reject(cause);
      },
    );
  }

  function end(follower: Follower, status: string | null): void {
    if (!followers.delete(follower)) return;
    // What it says last comes after what it is still being told.
    (follower.telling ?? Promise.resolve()).then(() => {
      follower.resolve({ status, progress: follower.progress });
    }, follower.reject);
  }

  async function lookAtJobs(): Promise<void> {
    await budget.take('progress');
    const before = [...followers];
    const jobs = await ray.list();
    const ended = before.filter(({ work }) => !isStatusUnderWay(jobs.get(work.job)));
    if (ended.length === 0) return;
    // What they wrote before they ended must be seen first.
    await lookAtProgress();
    for (const follower of ended) end(follower, jobs.get(follower.work.job) ?? null);
  }

  function endQuiet(): void {
    const now = clock.now();
    for (const follower of followers) {
      const { quietAfter } = follower.work;
      if (quietAfter !== undefined && now - follower.moved >= quietAfter) end(follower, 'QUIET');
    }
  }

  async function tellSight(tellOf: NonNullable<typeof onSight>): Promise<void> {
    await budget.take('progress');
    const gpus = await ray.gpus();
    const works = [...followers];
    const isTraining = ({ work, progress }: Follower): boolean =>
      work.kind === 'train' && progress?.state === 'running';
    const fineTunes = works.filter(({ work }) => work.kind === 'train').length;
    const training = works.filter(isTraining).length;
    tellOf({ waiting: fineTunes - training, training, answering: works.length - fineTunes, gpus });
  }

  async function run(): Promise<void> {
    let lookedAtJobs = clock.now();
    let sighted = -Infinity;
    let failed: { readonly since: number; readonly pause: number } | null = null;
    while (followers.size > 0) {
      let pause = followers.size <= fewJobs ? pace.few : pace.many;
      try {
        await lookAtProgress();
        const mayHaveEnded = [...followers].some(
          ({ progress }) => progress?.state === 'fault' || progress?.state === 'done',
        );
        if (clock.now() - lookedAtJobs >= pace.jobs || mayHaveEnded) {
          lookedAtJobs = clock.now();
          await lookAtJobs();
        }
        if (onSight !== undefined && clock.now() - sighted >= pace.jobs) {
          sighted = clock.now();
          await tellSight(onSight).catch((cause: unknown) => {
            // Without it nothing is missed but a line of progress.
            if (mayPass(cause)) throw cause;
          });
        }
        if (failed !== null) {
          onNotice(`Ray at ${ray.address} answers again`);
          // What moved meanwhile was not seen.
          for (const follower of followers) follower.moved = clock.now();
        }
        failed = null;
        endQuiet();
      } catch (cause) {
        const now = clock.now();
        const since: number = failed?.since ?? now;
        if (!mayPass(cause) || now - since >= pace.patience) {
          for (const follower of [...followers]) {
            followers.delete(follower);
            follower.reject(cause);
          }
          return;
        }
        if (failed === null)
          onNotice(
            `${(cause as DriftlineError).message}; jobs go on without driftline, which looks again until it answers`,
          );
        pause = Math.min(pace.pause, (failed?.pause ?? pace.few / 2) * 2);
        failed = { since, pause };
      }
      if (wake.signal.aborted) wake = new AbortController();
      await waitFor(clock, pause, wake.signal).catch(() => undefined);
    }
  }

  return {
    count: () => followers.size,
    follow: (work) =>
      new Promise((resolve, reject) => {
        const { signal } = work;
        if (signal?.aborted === true) {
          reject(signal.reason as Error); // whatever following was stopped with
          return;
        }
        const stop = (): void => {
          followers.delete(follower);
          reject(signal?.reason as Error); // the same
          wake.abort();
        };
        const done = (): void => {
          signal?.removeEventListener('abort', stop);
        };
        const follower: Follower = {
          work,
          resolve: (ended) => {
            done();
            resolve(ended);
          },
          reject: (cause) => {
            done();
            reject(cause instanceof Error ? cause : new Error(String(cause)));
          },
          progress: null,
          telling: null,
          moved: clock.now(),
        };
        signal?.addEventListener('abort', stop, { once: true });
        followers.add(follower);
        if (isRunning) return;
        isRunning = true;
        run()
          .catch(() => undefined)
          .finally(() => {
            isRunning = false;
          });
      }),
  };

  function rank({ state, count }: JobProgress): number {
    return state === 'done' || state === 'fault' ? Infinity : count;
  }
}

function isSame(left: JobProgress, right: JobProgress | null): boolean {
  return left.state === right?.state && left.count === right.count;
}

/** A head that is away may come back; a wrong token does not become right. */
export function mayPass(cause: unknown): boolean {
  return DriftlineError.isInstance(cause) && cause.details['isLost'] === true;
}
