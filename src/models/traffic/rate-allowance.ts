import type { RateLeft } from './read-rate-report.js';

/** How much of one limit of a server may be used, and when. Times are milliseconds of a clock that never goes back. */
export interface RateAllowance {
  /** When so much may be used: now or before, later, or Infinity where only the server's next answer can tell. */
  readonly readyAt: (amount: number, now: number) => number;
  /** Notes that so much is used. */
  readonly use: (amount: number, now: number) => void;
  /** Takes what the server says is left; `uncounted` is used by calls on their way, of which the server may not know yet. */
  readonly report: (left: RateLeft, uncounted: number, now: number) => void;
}

/** A longer reset is not believed: whoever has to wait longer is told so by the server's refusal. */
const longestReset = 600_000;

/**
 * Goes at full speed while more than half of the limit is left, and spreads the rest over the time until it is whole again. Where a server
 * counts in fixed windows, a window is used up just as it ends. Where it fills up steadily at a rate r, what is left R and the time to the whole
 * (limit - R) / r give a pace of R / ((limit - R) / r), which is r at one half: there it settles.
 */
export function createRateAllowance(): RateAllowance {
  let limit: number | null = null;
  let left = Infinity;
  let wholeAt = -Infinity;
  let lastUse = -Infinity;

  /** Once the time is over, all of the limit is there; of how much it is gone again, only the server knows. */
  function refill(now: number): void {
    if (now < wholeAt || wholeAt === -Infinity) return;
    left = limit ?? Infinity;
    wholeAt = -Infinity;
  }

  return {
    readyAt: (amount, now) => {
      refill(now);
      if (amount > left) {
        // More than the whole limit will never be there: let the server say so.
        if (limit !== null && left === limit) return now;
        return wholeAt === -Infinity ? Infinity : wholeAt;
      }
      if (wholeAt === -Infinity || (limit !== null && left > limit / 2)) return now;
      return lastUse + ((wholeAt - lastUse) * amount) / (left + amount);
    },
    use: (amount, now) => {
      refill(now);
      left -= amount;
      lastUse = now;
    },
    report: (told, uncounted, now) => {
      limit = told.limit ?? limit;
      left = told.remaining - uncounted;
      wholeAt = now + Math.min(told.reset, longestReset);
    },
  };
}
