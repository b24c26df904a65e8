import type { Clock } from '../../../foundation/clock.js';

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
 * Reads `retry-after-ms`, `retry-after` (seconds or a date) and
 * `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`. What cannot be read is as if it were not there. A date is
 * compared with the answer's own `date`, so that no clock of this machine comes into it; with `date` where there is
 * none.
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
 * counts in fixed windows, a window is used up just as it ends. Where it fills up steadily at a rate r, what is left R
 * and the time to the whole (limit - R) / r give a pace of R / ((limit - R) / r), which is r at one half: there it
 * settles.
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

/** Calls to one server that are open at first, and at most. */
const firstOpenCalls = 8;
export const mostOpenCalls = 64;

export interface RateLimiterSettings {
  readonly clock: Clock;
  /** Draws uniformly from [0, 1), for jitter. */
  readonly uniform: () => number;
  /** Calls that may be open at first, and at most. */
  readonly first?: number;
  readonly most?: number;
  /** Milliseconds. A server that takes longer for an answer has enough to do: no more calls are opened than it has. */
  readonly slow?: number;
}

interface WantedCall {
  /** An estimate, of what is sent and of the longest answer. */
  readonly tokens: number;
  /** A retry goes before calls that have not been sent yet. */
  readonly isRetry: boolean;
  /** Leaves the queue when it comes. */
  readonly signal: AbortSignal;
}

/** A call that may be open. Exactly one of its functions must be called, once. */
export interface OpenCall {
  readonly succeed: (report: RateReport) => void;
  /** The server refused it for its rate limits, or had no time for it. */
  readonly refuse: (report: RateReport) => void;
  /** It failed otherwise, or is no longer wanted. */
  readonly fail: (report?: RateReport) => void;
}

export interface RateLimiter {
  /** Waits until another call may be open. */
  readonly enter: (call: WantedCall) => Promise<OpenCall>;
  /** Calls that may be open now. */
  readonly concurrency: () => number;
}

interface Waiting extends WantedCall {
  readonly enter: () => void;
}

const decrease = 0.75;
const [shortestPause, longestPause] = [500, 60_000];

/**
 * Decides when calls to one server may be sent. The number of open calls grows by one with every success until the
 * server first refuses one, and by one a round after that, unless answers are slow; it shrinks to three quarters with
 * every episode of refusals, which are all refusals of calls that were sent before the last shrinking. What the server
 * says of waiting and of what is left is obeyed. A call that ends makes room for the next: nothing is batched.
 */
export function createRateLimiter({
  clock,
  uniform,
  first = firstOpenCalls,
  most = mostOpenCalls,
  slow = Infinity,
}: RateLimiterSettings): RateLimiter {
  const [requests, tokens] = [createRateAllowance(), createRateAllowance()];
  const waiting: Waiting[] = [];
  let concurrency = first;
  let [open, openTokens] = [0, 0];
  let sent = 0;
  let sentAtDecrease = 0;
  let wasRefused = false;
  let refusalsInRow = 0;
  let pausedUntil = -Infinity;
  let cancelTimer: (() => void) | null = null;

  function admit(): void {
    cancelTimer?.();
    cancelTimer = null;
    for (let next = waiting[0]; next !== undefined && open < Math.floor(concurrency); next = waiting[0]) {
      // Of several that leave at the same time, the later ones must not be let in by the first.
      if (next.signal.aborted) {
        waiting.shift();
        continue;
      }
      const now = clock.now();
      const readyAt = Math.max(pausedUntil, requests.readyAt(1, now), tokens.readyAt(next.tokens, now));
      // Where only an answer can tell, and no call is open, somebody has to ask.
      if (readyAt > now && (readyAt < Infinity || open > 0)) {
        if (readyAt < Infinity) cancelTimer = clock.after(readyAt - now, admit);
        return;
      }
      waiting.shift();
      requests.use(1, now);
      tokens.use(next.tokens, now);
      open += 1;
      openTokens += next.tokens;
      sent += 1;
      next.enter();
    }
  }

  function shrink(number: number): void {
    wasRefused = true;
    if (number <= sentAtDecrease) return;
    const wasOne = concurrency < 2;
    concurrency = Math.max(1, concurrency * decrease);
    sentAtDecrease = sent;
    // Fewer than one call cannot be open: from there on, all back off.
    if (wasOne) pause(Math.min(longestPause, shortestPause * 2 ** refusalsInRow) * (1 + uniform() / 2));
    refusalsInRow += 1;
  }

  function grow(number: number, wasFull: boolean, took: number): void {
    refusalsInRow = 0;
    if (!wasFull || number <= sentAtDecrease || took > slow) return;
    concurrency = Math.min(most, concurrency + (wasRefused ? 1 / concurrency : 1));
  }

  function pause(milliseconds: number): void {
    pausedUntil = Math.max(pausedUntil, clock.now() + milliseconds);
  }

  function openCall(number: number, wanted: number): OpenCall {
    const sentAt = clock.now();
    const end = (report: RateReport, adapt: (wasFull: boolean) => void): void => {
      const wasFull = open >= Math.floor(concurrency);
      open -= 1;
      openTokens -= wanted;
      const now = clock.now();
      if (report.requests !== null) requests.report(report.requests, open, now);
      if (report.tokens !== null) tokens.report(report.tokens, openTokens, now);
      // Others were told to wait for the same time: not all come back at once, and nobody too early.
      if (report.retryAfter !== null) pause(report.retryAfter * (1 + uniform() / 20));
      adapt(wasFull);
    };
    // Whoever hears that a call failed may want the others to leave: they are not let in before that.
    const admitLater = (): void => {
      setImmediate(admit);
    };
    return {
      succeed: (report) => {
        end(report, (wasFull) => {
          grow(number, wasFull, clock.now() - sentAt);
        });
        admit();
      },
      refuse: (report) => {
        end(report, () => {
          shrink(number);
        });
        admitLater();
      },
      fail: (report = noRateReport) => {
        end(report, () => undefined);
        admitLater();
      },
    };
  }

  return {
    concurrency: () => Math.floor(concurrency),
    enter: ({ signal, ...wanted }) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const leave = (): void => {
          const place = waiting.indexOf(call);
          if (place !== -1) waiting.splice(place, 1);
          reject(signal.reason as Error); // whatever it is, it is what waiting was stopped with
          admit();
        };
        const call: Waiting = {
          ...wanted,
          signal,
          enter: () => {
            signal.removeEventListener('abort', leave);
            resolve(openCall(sent, wanted.tokens));
          },
        };
        signal.addEventListener('abort', leave, { once: true });
        if (wanted.isRetry) waiting.splice(waiting.findLastIndex((one) => one.isRetry) + 1, 0, call);
        else waiting.push(call);
        admit();
      }),
  };
}
