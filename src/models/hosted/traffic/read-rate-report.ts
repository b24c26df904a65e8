/** What a server says is left of one of its limits. */
export interface RateLeft {
  /** Null where it is not said. */
  readonly limit: number | null;
  readonly remaining: number;
  /** Milliseconds until all of the limit is there again. */
  readonly reset: number;
}

/** What a server's answer says of its limits. */
export interface RateReport {
  /** Milliseconds to wait before anything else is asked; null where it is not said. */
  readonly retryAfter: number | null;
  readonly requests: RateLeft | null;
  readonly tokens: RateLeft | null;
}

export const noRateReport: RateReport = { retryAfter: null, requests: null, tokens: null };

/**
 * Reads `retry-after-ms`, `retry-after` (seconds or a date) and `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`. What cannot be read is as
 * if it were not there. A date is held against the answer's own `date`, so that no clock of this machine comes into it; against `date` where there
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
