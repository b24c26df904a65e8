/** Time as a program sees it; tests pass one of their own. */
export interface Clock {
  /** Milliseconds from some origin. Never goes back, whatever happens to the machine's date. */
  readonly now: () => number;
  /** Milliseconds since 1970, as the machine believes: may jump. */
  readonly date: () => number;
  /** Calls once, when the milliseconds have passed, unless the returned function is called before. */
  readonly after: (milliseconds: number, call: () => void) => () => void;
}

/** Longest that a timer of Node takes; more would fire at once. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, Math.min(Math.max(0, milliseconds), longestTimer));
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Returns when the milliseconds have passed; throws the signal's reason where it comes first. */
export async function waitFor(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let finish = (): void => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const cancel = clock.after(milliseconds, resolve);
      const stop = (): void => {
        reject(signal.reason as Error); // whatever it is, it is what waiting was stopped with
      };
      signal.addEventListener('abort', stop, { once: true });
      finish = () => {
        cancel();
        signal.removeEventListener('abort', stop);
      };
    });
  } finally {
    finish();
  }
}
