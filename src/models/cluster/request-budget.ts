import { type Clock } from '../../foundation/clock.js';

/** What a request is for, the most urgent first. */
const purposes = ['done', 'answers', 'progress', 'logs'] as const;
export type RequestPurpose = (typeof purposes)[number];

export interface RequestBudget {
  /** Waits until a request may be sent; throws the signal's reason where it comes first. */
  readonly take: (purpose: RequestPurpose, signal?: AbortSignal) => Promise<void>;
}

interface RequestBudgetSettings {
  readonly clock: Clock;
  /** Jobs that are followed now: a hundred of them may cost one request a second. */
  readonly jobs: () => number;
  /** Requests a second that are always allowed. Default 1. */
  readonly leastRate?: number;
}

/** Logs that may be read in a second, for each request that is always allowed: however many jobs there are, nobody reads more. */
const logsRate = 2;
/** Requests that may be sent at once after a rest. */
const burst = 20;

/** A bucket of requests that fills steadily: so many jobs are followed, and the head of the cluster has other things to do. */
export function createRequestBudget({ clock, jobs, leastRate = 1 }: RequestBudgetSettings): RequestBudget {
  const waiting: Record<RequestPurpose, Set<() => void>> = {
    ...{ done: new Set(), answers: new Set(), progress: new Set(), logs: new Set() },
  };
  let left = burst;
  let filled = clock.now();
  let isTimed = false;
  let loggedAt = -Infinity;

  const fill = (): number => {
    const rate = Math.max(leastRate, jobs() / 100);
    const now = clock.now();
    left = Math.min(burst, left + ((now - filled) / 1000) * rate);
    filled = now;
    return rate;
  };
  const serve = (): void => {
    const rate = fill();
    for (const purpose of purposes)
      for (const go of waiting[purpose]) {
        const early = purpose === 'logs' ? loggedAt + 1000 / (logsRate * leastRate) - filled : 0;
        if (left < 1 || early > 0) {
          wake(Math.max(early, ((1 - left) / rate) * 1000));
          return;
        }
        if (purpose === 'logs') loggedAt = filled;
        left -= 1;
        waiting[purpose].delete(go);
        go();
      }
  };
  const wake = (milliseconds: number): void => {
    // One timer, however many wait.
    if (isTimed) return;
    isTimed = true;
    clock.after(milliseconds + 1, () => {
      isTimed = false;
      serve();
    });
  };

  return {
    take: async (purpose, signal) => {
      signal?.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const go = (): void => {
          signal?.removeEventListener('abort', stop);
          resolve();
        };
        const stop = (): void => {
          waiting[purpose].delete(go);
          reject(signal?.reason as Error); // whatever waiting was stopped with
        };
        signal?.addEventListener('abort', stop, { once: true });
        waiting[purpose].add(go);
        serve();
      });
    },
  };
}
