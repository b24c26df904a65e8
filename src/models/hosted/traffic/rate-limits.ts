/** What a server says is left of one of its rate limits. */
interface RateLeft {
  /** Null where it is not said. */
  readonly limit: number | null;
  readonly remaining: number;
  /** Milliseconds until all of the limit is there again. */
  readonly reset: number;
}

/** What a server's answer says of its rate limits. */
export interface RateReport {
  /** Milliseconds to wait before anything else is asked; null where it is not said. */
  readonly retryAfter: number | null;
  readonly requests: RateLeft | null;
  readonly tokens: RateLeft | null;
}

export const noRateReport: RateReport = { retryAfter: null, requests: null, tokens: null };

/**
 * Reads `retry-after-ms`, `retry-after` (seconds or a date) and `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`. What cannot be read is as
 * if it were not there. A date is compared with the answer's own `date`, so that no clock of this machine comes into it; with `date` where there
 * is none.
 * @param date Milliseconds since 1970.
 */
export function readRateReport(headers: Headers, date: number): RateReport {
  return {
    retryAfter: readRetryAfter(headers, date),
    requests: readLeft(headers, 'requests'),
    tokens: readLeft(headers, 'tokens'),
  };
}

function readRetryAfter(headers: Headers, date: number): number | null {
  const milliseconds = readNumber(headers.get('retry-after-ms'));
  if (milliseconds !== null) return milliseconds;
  const written = headers.get('retry-after');
  if (written === null) return null;
  const seconds = readNumber(written);
  if (seconds !== null) return seconds * 1000;
  // Of numbers that make no sense here, Date.parse would make dates.
  const until = /[a-z]/i.test(written) ? Date.parse(written) : NaN;
  if (Number.isNaN(until)) return null;
  const sent = Date.parse(headers.get('date') ?? '');
  return Math.max(0, until - (Number.isNaN(sent) ? date : sent));
}

function readLeft(headers: Headers, what: 'requests' | 'tokens'): RateLeft | null {
  const remaining = readNumber(headers.get(`x-ratelimit-remaining-${what}`));
  const reset = parseDuration(headers.get(`x-ratelimit-reset-${what}`) ?? '');
  if (remaining === null || reset === null) return null;
  return { limit: readNumber(headers.get(`x-ratelimit-limit-${what}`)), remaining, reset };
}

function readNumber(written: string | null): number | null {
  return written !== null && /^\s*\d+(\.\d+)?\s*$/.test(written) ? Number(written) : null;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `12ms`, `6m0s` or `1h2m3.5s`, or of seconds without a unit; null where it is none. */
export function parseDuration(written: string): number | null {
  const text = written.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return null;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g))
    total += Number(amount) * (units[unit] ?? 0);
  return total;
}

/** How much of one rate limit may be used, and when. Times are milliseconds of a clock that never goes back. */
interface RateAllowance {
  /** When so much may be used: now or before, later, or Infinity where only the server's next answer can tell. */
  readonly readyAt: (amount: number, now: number) => number;
  /** Notes that so much is used. */
  readonly use: (amount: number, now: number) => void;
  /** Takes what the server says is left; `uncounted` is used by calls that are open, of which the server may not know yet. */
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
