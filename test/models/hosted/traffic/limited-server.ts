import type { RateReport } from '../../../../src/models/hosted/traffic/rate-limiter.js';
import type { FakeClock } from './fake-clock.js';

/** A server that refuses what is above its rate, and says what is left; answers take a while. */
export interface LimitedServer {
  readonly answer: (tokens: number) => Promise<RateReport & { readonly refused: boolean }>;
  readonly counts: { allowed: number; refused: number; tokens: number };
}

export interface Limits {
  readonly requests: number;
  readonly tokens: number;
  readonly period: number;
}

/** Counts anew at the beginning of each period. */
export function startWindowServer(clock: FakeClock, limits: Limits, latency: () => number): LimitedServer {
  const counts = { allowed: 0, refused: 0, tokens: 0 };
  let window = -1;
  let left = { requests: 0, tokens: 0 };
  return {
    counts,
    answer: async (tokens) => {
      await new Promise<void>((resolve) => clock.after(latency() / 2, resolve));
      const now = Math.floor(clock.now() / limits.period);
      if (now !== window) [window, left] = [now, { requests: limits.requests, tokens: limits.tokens }];
      const refused = left.requests < 1 || left.tokens < tokens;
      if (refused) counts.refused += 1;
      else {
        counts.allowed += 1;
        counts.tokens += tokens;
        left = { requests: left.requests - 1, tokens: left.tokens - tokens };
      }
      const reset = limits.period - (clock.now() % limits.period);
      const report = {
        retryAfter: refused ? reset : null,
        requests: { limit: limits.requests, remaining: left.requests, reset },
        tokens: { limit: limits.tokens, remaining: left.tokens, reset },
      };
      await new Promise<void>((resolve) => clock.after(latency() / 2, resolve));
      return { ...report, refused };
    },
  };
}

/** Fills up steadily, to the limit at most: as OpenAI says that it does. */
export function startBucketServer(clock: FakeClock, limits: Limits, latency: () => number): LimitedServer {
  const counts = { allowed: 0, refused: 0, tokens: 0 };
  const left = { requests: limits.requests, tokens: limits.tokens };
  let filledAt = 0;
  return {
    counts,
    answer: async (tokens) => {
      await new Promise<void>((resolve) => clock.after(latency() / 2, resolve));
      const passed = (clock.now() - filledAt) / limits.period;
      filledAt = clock.now();
      for (const what of ['requests', 'tokens'] as const)
        left[what] = Math.min(limits[what], left[what] + limits[what] * passed);
      const refused = left.requests < 1 || left.tokens < tokens;
      if (refused) counts.refused += 1;
      else {
        counts.allowed += 1;
        counts.tokens += tokens;
        left.requests -= 1;
        left.tokens -= tokens;
      }
      const tell = (what: 'requests' | 'tokens') => ({
        limit: limits[what],
        remaining: Math.floor(left[what]),
        reset: (1 - left[what] / limits[what]) * limits.period,
      });
      const report = { retryAfter: null, requests: tell('requests'), tokens: tell('tokens') };
      await new Promise<void>((resolve) => clock.after(latency() / 2, resolve));
      return { ...report, refused };
    },
  };
}
