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

/** Milliseconds for each log of steps: more for each job that is followed, since what many do is looked at less often. */
const logsPause = { each: 10, least: 500, most: 2000 };
/** Logs that are read together, and then none until as many may be read again: a processor that sleeps in between is slow at first. */
const logsTogether = 10;
/** Requests that may be sent at once after a rest. */
const burst = 20;

/** A bucket of requests that fills steadily: so many jobs are followed, and the head of the cluster has other things to do. */
export function createRequestBudget({ clock, jobs, leastRate = 1 }: RequestBudgetSettings): RequestBudget {
  const waiting: Record<RequestPurpose, Set<() => void>> = {
    ...{ done: new Set(), answers: new Set(), progress: new Set(), logs: new Set() },
  };
  let left = burst;
  let filled = clock.now();
  let logsLeft = logsTogether;
  let isRefilling = false;
  let timer: { readonly due: number; readonly cancel: () => void } | null = null;

  const pauseOfLogs = (): number =>
    Math.min(logsPause.most, Math.max(logsPause.least, logsPause.each * jobs())) / leastRate;
  const fill = (): number => {
    const rate = Math.max(leastRate, jobs() / 100);
    const now = clock.now();
    left = Math.min(burst, left + ((now - filled) / 1000) * rate);
    logsLeft = Math.min(logsTogether, logsLeft + (now - filled) / pauseOfLogs());
    filled = now;
    return rate;
  };
  /** Milliseconds until logs may be read; 0 where they may be now. */
  const waitOfLogs = (): number => {
    if (logsLeft < 1) isRefilling = true;
    // Sums of fractions come close to the whole.
    else if (logsLeft > logsTogether - 0.01) isRefilling = false;
    return isRefilling ? (logsTogether - logsLeft) * pauseOfLogs() : 0;
  };
  const serve = (): void => {
    const rate = fill();
    for (const purpose of purposes)
      for (const go of waiting[purpose]) {
        const early = purpose === 'logs' ? waitOfLogs() : 0;
        if (left < 1 || early > 0) {
          wake(Math.max(early, ((1 - left) / rate) * 1000));
          return;
        }
        if (purpose === 'logs') logsLeft -= 1;
        left -= 1;
        waiting[purpose].delete(go);
        go();
      }
  };
  const wake = (milliseconds: number): void => {
    // One timer, however many wait: the earliest.
    const due = clock.now() + milliseconds + 1;
    if (timer !== null && timer.due <= due) return;
    timer?.cancel();
    const cancel = clock.after(milliseconds + 1, () => {
      timer = null;
      serve();
    });
    timer = { due, cancel };
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
