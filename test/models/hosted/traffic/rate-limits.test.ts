import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, readRateReport } from '../../../../src/models/hosted/traffic/rate-limiter.js';

const date = Date.parse('Wed, 25 Nov 2026 10:00:00 GMT');

describe('what a server says of its limits', () => {
  it.each([
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after-ms': '30', 'retry-after': '2' }, 30],
    [{ 'retry-after': 'Wed, 25 Nov 2026 10:00:07 GMT' }, 7000],
    // The answer's own date counts, however wrong the clock of this machine is.
    [{ 'retry-after': 'Fri, 01 Jan 2027 00:00:09 GMT', date: 'Fri, 01 Jan 2027 00:00:00 GMT' }, 9000],
    [{ 'retry-after': 'Wed, 25 Nov 2026 09:00:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': '-3' }, null],
    [{}, null],
  ])('%j is to wait for %j milliseconds', (headers, wait) => {
    expect(readRateReport(new Headers(headers as Record<string, string>), date).retryAfter).toBe(wait);
  });

  it('is read for requests and tokens', () => {
    const headers = new Headers({
      'x-ratelimit-limit-requests': '500',
      'x-ratelimit-remaining-requests': '499',
      'x-ratelimit-reset-requests': '120ms',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '6m0s',
    });
    expect(readRateReport(headers, date)).toEqual({
      retryAfter: null,
      requests: { limit: 500, remaining: 499, reset: 120 },
      tokens: { limit: null, remaining: 0, reset: 360_000 },
    });
    headers.set('x-ratelimit-remaining-requests', 'many');
    expect(readRateReport(headers, date).requests).toBeNull();
  });

  it.each([
    ['12ms', 12],
    ['1s', 1000],
    ['6m0s', 360_000],
    ['1h2m3.5s', 3_723_500],
    ['1d', 86_400_000],
    ['7', 7000],
    ['', null],
    ['1 hour', null],
    ['s', null],
  ])('"%s" is %j milliseconds', (written, milliseconds) => {
    expect(parseDuration(written)).toBe(milliseconds);
  });

  it('never throws', () => {
    const text = fc.string().filter((value) => /^[\x20-\x7e]*$/.test(value));
    fc.assert(
      fc.property(text, text, (after, reset) => {
        const headers = {
          'retry-after': after,
          'x-ratelimit-reset-tokens': reset,
          'x-ratelimit-remaining-tokens': '1',
        };
        const { retryAfter, tokens } = readRateReport(new Headers(headers), date);
        expect(retryAfter === null || retryAfter >= 0).toBe(true);
        expect(tokens === null || tokens.reset >= 0).toBe(true);
      }),
    );
  });
});
