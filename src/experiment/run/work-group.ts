import { setMaxListeners } from 'node:events';
import { DriftlineError } from '../../foundation/driftline-error.js';

/** Tasks that go on beside each other. Where one fails, the others are asked to stop. */
export interface WorkGroup {
  /** Aborted by whoever wants the whole to stop, and by the first failure. */
  readonly signal: AbortSignal;
  /** Begins a task, and returns when it is over, whatever came of it. */
  readonly start: (task: () => Promise<void>) => Promise<void>;
  /** Waits for all tasks, and throws what the first that failed did. */
  readonly finish: () => Promise<void>;
}

export function createWorkGroup(signal?: AbortSignal): WorkGroup {
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  // Everything that is under way listens to it, which is no leak.
  setMaxListeners(0, stop);
  const tasks = new Set<Promise<void>>();
  let failure: { readonly cause: unknown } | null = null;

  function fail(cause: unknown): void {
    // Those that are stopped say only that; one that could not save what it had says more.
    if (failure === null || (isInterruption(failure.cause) && !isInterruption(cause))) failure = { cause };
    failed.abort();
  }

  return {
    signal: stop,
    start: (task) => {
      const over: Promise<void> = task()
        .catch(fail)
        .finally(() => tasks.delete(over));
      tasks.add(over);
      return over;
    },
    finish: async () => {
      while (tasks.size > 0) await Promise.all(tasks);
      if (failure !== null) throw failure.cause;
    },
  };
}

function isInterruption(cause: unknown): boolean {
  return DriftlineError.isInstance(cause) && cause.code === 'interrupted';
}
