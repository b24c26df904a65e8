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

  const fill = (): number => {
    const rate = Math.max(leastRate, jobs() / 100);
    const now = clock.now();
    left = Math.min(burst, left + ((now - filled) / 1000) * rate);
    filled = now;
    return rate;
  };
  const serve = (): void => {
    isTimed = false;
    const rate = fill();
    for (const purpose of purposes)
      for (const go of waiting[purpose]) {
        if (left < 1) {
          wake(rate);
          return;
        }
        left -= 1;
        waiting[purpose].delete(go);
        go();
      }
  };
  const wake = (rate: number): void => {
    if (isTimed) return;
    isTimed = true;
    clock.after(((1 - left) / rate) * 1000 + 1, serve);
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
