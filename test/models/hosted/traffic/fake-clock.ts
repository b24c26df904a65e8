import type { Clock } from '../../../../src/foundation/clock.js';

export interface FakeClock extends Clock {
  /** Lets time pass, and calls what falls due, until nothing is left or so much has passed. */
  readonly run: (milliseconds: number) => Promise<void>;
  /** Someone sets the date. */
  readonly setDate: (date: number) => void;
  /** Things that are due later. */
  readonly waiting: () => number;
}

/** Promises that are settled in between have their turns. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is told to run. */
export function createFakeClock(): FakeClock {
  let now = 0;
  let dateAhead = Date.UTC(2026, 0, 1);
  let due: { readonly at: number; readonly call: () => void }[] = [];
  return {
    now: () => now,
    date: () => now + dateAhead,
    setDate: (date) => {
      dateAhead = date - now;
    },
    after: (milliseconds, call) => {
      const one = { at: now + Math.max(0, milliseconds), call };
      due.push(one);
      return () => {
        due = due.filter((other) => other !== one);
      };
    },
    waiting: () => due.length,
    run: async (milliseconds) => {
      const end = now + milliseconds;
      for (;;) {
        await settle();
        const next = due.reduce<(typeof due)[number] | null>(
          (first, one) => (one.at <= end && (first === null || one.at < first.at) ? one : first),
          null,
        );
        if (next === null) break;
        due = due.filter((one) => one !== next);
        now = Math.max(now, next.at);
        next.call();
      }
      now = end;
    },
  };
}

/** A clock for tests against real servers: nobody waits longer than a turn, and it notes what was waited for. Time-outs never come. */
export function createHastyClock(): Clock & { readonly waits: number[] } {
  let now = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    date: () => Date.UTC(2026, 0, 1) + now,
    after: (milliseconds, call) => {
      if (milliseconds >= 600_000) return () => undefined;
      waits.push(milliseconds);
      const turn = setImmediate(() => {
        now += milliseconds;
        call();
      });
      return () => {
        clearImmediate(turn);
      };
    },
  };
}
