import { setMaxListeners } from 'node:events';
import { samplerStopped, type SamplingOptions } from '../../sampler.js';
import { mostOpenCalls } from './rate-limiter.js';

/** What stops a call. */
export interface CallStops {
  /** Ends it, even while it is open. */
  readonly signal: AbortSignal;
  /** Gives it up as long as it is not open. */
  readonly leave: AbortSignal;
  /** Whether the caller stopped the calls, or left them. */
  readonly isStopped: () => boolean;
}

/**
 * Makes calls of a hosted model, as many at a time as the rate limiter may ever open: it alone decides how many are
 * open. Results come in the order in which they are there. Once a call fails, no other is begun; open calls are waited
 * for, since they are paid for, and the failure is thrown after their results.
 */
export async function* makeCalls<Call, Result>(
  calls: Iterable<Call>,
  make: (call: Call, stops: CallStops) => Promise<Result>,
  options: SamplingOptions = {},
): AsyncGenerator<Result, void, undefined> {
  const waiting = calls[Symbol.iterator]();
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  // It changes between two awaits, which a type does not know.
  const isAborted = (): boolean => signal.aborted;
  const isLeft = (): boolean => options.leave?.aborted === true;
  const failed = new AbortController();
  const leave = AbortSignal.any([signal, failed.signal, ...(options.leave === undefined ? [] : [options.leave])]);
  const stops: CallStops = { signal, leave, isStopped: () => isAborted() || isLeft() };
  // Every open call listens to them, which is no leak.
  setMaxListeners(2 * mostOpenCalls, signal, leave);
  const finished: Result[] = [];
  const failures: unknown[] = [];
  let open = 0;
  let wake = (): void => undefined;

  async function work(call: Call): Promise<void> {
    try {
      finished.push(await make(call, stops));
    } catch (cause) {
      failures.push(cause);
      failed.abort();
    }
    open -= 1;
    wake();
  }

  function begin(): void {
    while (open < mostOpenCalls && failures.length === 0 && !isLeft()) {
      const next = waiting.next();
      if (next.done === true) return;
      open += 1;
      // It keeps what it fails with.
      work(next.value).catch(() => undefined);
    }
  }

  try {
    for (;;) {
      if (isAborted()) throw samplerStopped();
      begin();
      // One by one: more may finish while the caller has a result in hand.
      for (let result = finished.shift(); result !== undefined; result = finished.shift()) {
        yield result;
        if (isAborted()) throw samplerStopped();
        begin();
      }
      if (open === 0) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (finished.length > 0) resolve();
      });
    }
    if (failures.length > 0) throw failures[0];
    if (isLeft()) throw samplerStopped();
  } finally {
    stop.abort();
  }
}
