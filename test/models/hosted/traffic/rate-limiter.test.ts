import { setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../../../src/foundation/random-stream.js';
import {
  createRateLimiter,
  type RateLimiter,
  type RateLimiterSettings,
  type OpenCall,
  noRateReport,
} from '../../../../src/models/hosted/traffic/rate-limiter.js';
import { createFakeClock, type FakeClock } from './fake-clock.js';
import { startBucketServer, startWindowServer, type LimitedServer } from './limited-server.js';

const ignore = (): void => undefined;
const never = new AbortController().signal;
setMaxListeners(0, never);

function open(settings: Partial<Pick<RateLimiterSettings, 'first' | 'most' | 'slow'>> = {}) {
  const clock = createFakeClock();
  const { uniform } = createRandomStream(0, 'test');
  return { clock, limiter: createRateLimiter({ clock, uniform, first: 8, most: 64, ...settings }) };
}

const enter = (limiter: RateLimiter, tokens = 1, signal = never, isRetry = false): Promise<OpenCall> =>
  limiter.enter({ tokens, isRetry, signal });

/** Has `count` calls open. */
const enterMany = (limiter: RateLimiter, count: number): Promise<OpenCall[]> =>
  Promise.all(Array.from({ length: count }, () => enter(limiter)));

/** Has more to ask than can be asked in the time. */
async function askFor(
  milliseconds: number,
  clock: FakeClock,
  limiter: RateLimiter,
  server: LimitedServer,
  tokens: number,
) {
  let stopped = false;
  const work = async (): Promise<void> => {
    while (!stopped) {
      const call = await enter(limiter, tokens);
      const { refused, ...report } = await server.answer(tokens);
      if (refused) call.refuse(report);
      else call.succeed(report);
    }
  };
  for (let worker = 0; worker < 64; worker += 1) work().catch(ignore);
  await clock.run(milliseconds);
  stopped = true;
}

describe('a limiter of calls', () => {
  it('lets the first calls in at once and others as those end, in order', async () => {
    const { clock, limiter } = open({ first: 2, most: 2 });
    const entered: number[] = [];
    const calls: OpenCall[] = [];
    for (let number = 0; number < 5; number += 1)
      enter(limiter)
        .then((call) => {
          entered.push(number);
          calls.push(call);
        })
        .catch(ignore);
    await clock.run(0);
    expect(entered).toEqual([0, 1]);
    // One that ends makes room for one: the second need not end.
    calls[0]?.succeed(noRateReport);
    await clock.run(0);
    expect(entered).toEqual([0, 1, 2]);
    calls[2]?.fail();
    await clock.run(0);
    expect(entered).toEqual([0, 1, 2, 3]);
  });

  it('doubles a round until the first refusal, and then grows by one a round', async () => {
    const { limiter } = open({ first: 4, most: 64 });
    for (const call of await enterMany(limiter, 4)) call.succeed(noRateReport);
    // Only the first of them ended while all places were taken.
    expect(limiter.concurrency()).toBe(5);
    const refused = await enterMany(limiter, 5);
    refused[0]?.refuse(noRateReport);
    for (const call of refused.slice(1)) call.fail();
    expect(limiter.concurrency()).toBe(3);
    for (let success = 0; success < 4; success += 1) {
      const full = await enterMany(limiter, limiter.concurrency());
      full[0]?.succeed(noRateReport);
      for (const call of full.slice(1)) call.fail();
    }
    expect(limiter.concurrency()).toBe(4);
  });

  it('shrinks once for all refusals of one episode', async () => {
    const { limiter } = open({ first: 16 });
    const calls = await enterMany(limiter, 16);
    for (const call of calls) call.refuse(noRateReport);
    expect(limiter.concurrency()).toBe(12);
    const [next] = await enterMany(limiter, 1);
    next?.refuse(noRateReport);
    expect(limiter.concurrency()).toBe(9);
  });

  it('never has more open than the most, and never fewer than one', async () => {
    const { clock, limiter } = open({ first: 3, most: 4 });
    for (let round = 0; round < 10; round += 1)
      for (const call of await enterMany(limiter, limiter.concurrency())) call.succeed(noRateReport);
    expect(limiter.concurrency()).toBe(4);
    for (let refusal = 0; refusal < 20; refusal += 1) {
      const entering = enter(limiter);
      await clock.run(100_000);
      (await entering).refuse(noRateReport);
    }
    expect(limiter.concurrency()).toBe(1);
  });

  it('opens no more while answers are slow: a queue would only become longer', async () => {
    const { clock, limiter } = open({ slow: 1000 });
    for (const [wait, expected] of [
      [1001, 8],
      [1000, 16],
    ] as const) {
      const calls = await enterMany(limiter, 8);
      await clock.run(wait);
      for (const call of calls) {
        call.succeed(noRateReport);
        // Others take its place.
        if (expected > 8) await enterMany(limiter, 2).catch(ignore);
      }
      expect(limiter.concurrency()).toBe(expected);
    }
  });

  it('keeps everybody waiting for as long as the server says, and hardly longer', async () => {
    const { clock, limiter } = open();
    const [refused] = await enterMany(limiter, 1);
    refused?.refuse({ ...noRateReport, retryAfter: 20_000 });
    let entered = -1;
    enter(limiter)
      .then(() => (entered = clock.now()))
      .catch(ignore);
    await clock.run(19_999);
    expect(entered).toBe(-1);
    await clock.run(1_002);
    expect(entered).toBeGreaterThanOrEqual(20_000);
  });

  it('does not care when the date jumps', async () => {
    const { clock, limiter } = open();
    const [refused] = await enterMany(limiter, 1);
    refused?.refuse({ ...noRateReport, retryAfter: 20_000 });
    let entered = -1;
    enter(limiter)
      .then(() => (entered = clock.now()))
      .catch(ignore);
    clock.setDate(Date.UTC(2040, 0, 1));
    await clock.run(10_000);
    clock.setDate(Date.UTC(1980, 0, 1));
    await clock.run(9_000);
    expect(entered).toBe(-1);
    await clock.run(2_001);
    expect(entered).toBeGreaterThanOrEqual(20_000);
  });

  it('waits longer and longer where even one call at a time is refused', async () => {
    const { clock, limiter } = open({ first: 1 });
    const sent: number[] = [];
    for (let refusal = 0; refusal < 5; refusal += 1) {
      const entering = enter(limiter);
      await clock.run(20_000);
      const call = await entering;
      sent.push(clock.now());
      call.refuse(noRateReport);
    }
    const last = enter(limiter);
    await clock.run(7_999);
    expect(await Promise.race([last, Promise.resolve('waiting')])).toBe('waiting');
    await clock.run(5_000);
    await last;
    expect(sent).toHaveLength(5);
  });

  it('lets those in first that ask again, and those out that no longer want', async () => {
    const { clock, limiter } = open({ first: 1 });
    const [first] = await enterMany(limiter, 1);
    const order: string[] = [];
    const stop = new AbortController();
    const left = enter(limiter, 1, stop.signal);
    const note = (name: string) => (call: OpenCall) => {
      order.push(name);
      call.fail();
    };
    enter(limiter).then(note('new')).catch(ignore);
    enter(limiter, 1, never, true).then(note('again')).catch(ignore);
    stop.abort(new Error('no longer'));
    await expect(left).rejects.toThrow('no longer');
    first?.fail();
    for (let turn = 0; turn < 3; turn += 1) await clock.run(0);
    expect(order).toEqual(['again', 'new']);
    await expect(enter(limiter, 1, stop.signal)).rejects.toThrow('no longer');
    expect(clock.waiting()).toBe(0);
  });

  describe.each([
    ['counts in windows', startWindowServer],
    ['fills up steadily', startBucketServer],
  ] as const)('with a server that %s', (_, start) => {
    it.each([
      ['requests', { requests: 600, tokens: 1e9, period: 60_000 }, 10],
      ['tokens', { requests: 1e6, tokens: 60_000, period: 60_000 }, 100],
      ['many requests', { requests: 2000, tokens: 1e9, period: 60_000 }, 10],
      ['requests of short periods', { requests: 100, tokens: 1e9, period: 1000 }, 10],
    ] as const)(
      'uses at least nine tenths of the %s that are allowed, and is not refused',
      async (_, limits, tokens) => {
        const { clock, limiter } = open();
        const { uniform } = createRandomStream(0, 'latency');
        const server = start(clock, limits, () => 100 + 200 * uniform());
        const periods = limits.period < 60_000 ? 20 : 3;
        await askFor(periods * limits.period, clock, limiter, server, tokens);
        const { counts } = server;
        const allowed = periods * Math.min(limits.requests, limits.tokens / tokens);
        expect(counts.allowed).toBeGreaterThanOrEqual(0.9 * allowed);
        expect(counts.refused).toBe(0);
      },
    );
  });

  it('uses what is allowed of a server that says so only when it refuses', async () => {
    const { clock, limiter } = open();
    const { uniform } = createRandomStream(0, 'latency');
    const limits = { requests: 600, tokens: 1e9, period: 60_000 };
    const server = startWindowServer(clock, limits, () => 100 + 200 * uniform());
    const silent: LimitedServer = {
      ...server,
      answer: async (tokens) => ({ ...(await server.answer(tokens)), requests: null, tokens: null }),
    };
    await askFor(5 * limits.period, clock, limiter, silent, 10);
    expect(server.counts.allowed).toBeGreaterThanOrEqual(0.9 * 5 * limits.requests);
    // In each window those that are open when it is used up.
    expect(server.counts.refused).toBeLessThan(0.1 * server.counts.allowed);
  });
});
