import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { APIConnectionError, APIError } from 'openai';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../../src/foundation/clock.js';
import { createDirectFetch } from '../../../../src/foundation/direct-fetch.js';
import { createRandomStream } from '../../../../src/foundation/random-stream.js';
import { openHostedSampler } from '../../../../src/models/hosted/chat/open-hosted-sampler.js';
import type { Answer, Sampler } from '../../../../src/models/sampler.js';
import {
  createHostedTraffic,
  type Delivery,
  shareHostedTraffic,
  UnreadableAnswer,
} from '../../../../src/models/hosted/traffic/hosted-traffic.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';
import { complete, sendJson, type LoopbackChatServer } from '../../loopback-chat-server.js';
import { faults, switchOnFaults, type Fault } from '../../loopback-faults.js';
import { startPaidServer } from '../../start-paid-server.js';
import { createFakeClock, createHastyClock } from './fake-clock.js';
import { startBucketServer, startWindowServer } from './limited-server.js';

const key = 'sk-loopback-0123456789';
/** As the command line has it. */
const directFetch = createDirectFetch(globalThis.fetch);

function openAt(
  { endpoint }: LoopbackChatServer,
  {
    clock = createHastyClock(),
    timeOut = 600_000,
    fetch = directFetch,
  }: { readonly clock?: Clock; readonly timeOut?: number; readonly fetch?: typeof globalThis.fetch } = {},
): Sampler {
  const { uniform } = createRandomStream(0, 'test');
  return openHostedSampler({
    model: 'tiny-1',
    environment: { OPENAI_API_KEY: key, OPENAI_BASE_URL: endpoint },
    fetch,
    traffic: createHostedTraffic({ clock, uniform, timeOut }),
  });
}

async function ask(sampler: Sampler, count = 1, into: Answer[] = []): Promise<Answer[]> {
  const messages = [{ role: 'user' as const, content: 'Hello?' }];
  for await (const answer of sampler.sample([{ messages, count, maximumTokens: 5 }])) into.push(answer);
  return into.sort((first, second) => first.seed - second.seed);
}

/** Fails the first requests in a way. */
function failFirst(server: LoopbackChatServer, times: number, fail: (response: ServerResponse) => void): void {
  let left = times;
  server.intercept = (response) => {
    left -= 1;
    if (left >= 0) fail(response);
    return left >= 0;
  };
}

describe('hosted answers', () => {
  it('are the same with faults as without, and each is paid once', { timeout: 300_000 }, async () => {
    const [quiet, faulty] = [await startPaidServer(), await startPaidServer()];
    const counts = switchOnFaults(faulty, 1);
    const expected = await ask(openAt(quiet), 300);
    expect(expected).toHaveLength(300);
    expect(await ask(openAt(faulty), 300)).toEqual(expected);
    expect(faulty.paid.sort((first, second) => first - second)).toEqual(expected.map(({ seed }) => seed));
    // Of each kind some came.
    for (const fault of ['limited', 'an error', 'a dropped connection'] as const)
      expect(counts.get(fault)).toBeGreaterThan(0);
    expect(
      ['a page', 'half of an answer', 'half of an answer as if it were whole'].some((one) => counts.has(one as Fault)),
    ).toBe(true);
    expect(faulty.requests.length).toBeGreaterThan(340);
  });

  it.each(Object.keys(faults) as Fault[])('come after %s', async (fault) => {
    const server = await startPaidServer();
    failFirst(server, 2, faults[fault]);
    expect(await ask(openAt(server))).toHaveLength(1);
    expect(server.requests).toHaveLength(3);
    expect(server.paid).toEqual([0]);
  });

  const reply = (body: string | Buffer, headers: Record<string, string> = {}) => {
    const all = { 'content-type': 'application/json', ...headers };
    return (response: ServerResponse) => response.writeHead(200, all).end(body);
  };

  it.each([
    ['nothing', reply('')],
    ['a word', reply('"overloaded"')],
    ['null', reply('null')],
    ['no choices', reply('{"choices":[]}')],
    ['choices that are none', reply('{"choices":null,"error":{"message":"overloaded"}}')],
    ['a choice without a message', reply('{"choices":[{"index":0,"finish_reason":"error"}]}')],
    ['bytes that are no text', reply(Buffer.from([0xff, 0xfe, 0x00, 0x80]))],
  ])('come after %s', async (_, fail) => {
    const server = await startPaidServer();
    failFirst(server, 4, fail);
    expect(await ask(openAt(server))).toHaveLength(1);
    expect([server.requests.length, server.paid]).toEqual([5, [0]]);
  });

  it('come after what is not encoded as it says', async () => {
    const server = await startPaidServer();
    failFirst(server, 2, reply('{"choices":[]}', { 'content-encoding': 'gzip' }));
    expect(await ask(openAt(server))).toHaveLength(1);
    expect([server.requests.length, server.paid]).toEqual([3, [0]]);
  });

  it.each(['text/html', 'text/plain; charset=latin1', 'nonsense', ''])(
    'are read though their type is "%s"',
    async (type) => {
      const server = await startPaidServer();
      const expected = await ask(openAt(server));
      server.intercept = (response) => {
        const { body } = server.requests.at(-1)!; // it was just received
        reply(JSON.stringify(complete(body)), { 'content-type': type })(response);
        return true;
      };
      expect(await ask(openAt(server))).toEqual(expected);
      expect(server.requests).toHaveLength(2);
    },
  );

  it.each([
    ['limited', 11, 'provider-quota'],
    ['an error', 7, 'provider-unavailable'],
    ['a conflict', 7, 'provider-refused'],
    ['half of an answer', 7, 'provider-unavailable'],
    ['a page', 5, 'provider-unavailable'],
  ] as const)('are given up after %s, %i times', async (fault, times, code) => {
    const server = await startPaidServer();
    failFirst(server, Infinity, faults[fault]);
    // Some kinds of failure are given up sooner where nothing was ever answered; an error is an answer.
    const sampler = openAt(server);
    if (fault === 'half of an answer') {
      server.intercept = () => false;
      await ask(sampler);
      server.requests.splice(0);
      failFirst(server, Infinity, faults[fault]);
    }
    const error = await errorOf(() => ask(sampler));
    expect(error).toMatchObject({ code, exitCode: 5 });
    expect(server.requests).toHaveLength(times);
  });

  it.each([
    [400, 'invalid_request_error', 'provider-refused', /Change/],
    [401, 'invalid_api_key', 'provider-unauthorized', /OPENAI_API_KEY/],
    [402, 'payment_required', 'provider-quota', /Add credit/],
    [403, 'forbidden', 'provider-unauthorized', /OPENAI_API_KEY/],
    [404, 'model_not_found', 'provider-refused', /spelling/],
    [422, 'unprocessable', 'provider-refused', /Change/],
    [429, 'insufficient_quota', 'provider-quota', /Add credit/],
  ])('fail at once with status %i, %s', async (status, errorCode, code, hint) => {
    const server = await startPaidServer();
    failFirst(server, Infinity, (response) => {
      sendJson(response, status, { error: { message: `no ${key}`, code: errorCode } }, { 'retry-after-ms': '1' });
    });
    const error = await errorOf(() => ask(openAt(server)));
    expect(error).toMatchObject({ code, exitCode: 5 });
    expect(error.hint).toMatch(hint);
    expect([error.message, error.hint, JSON.stringify(error.details), error.stack].join()).not.toContain(key);
    expect(server.requests).toHaveLength(1);
  });

  it('are not waited for where the server wants to be left alone for long', async () => {
    const server = await startPaidServer();
    failFirst(server, Infinity, (response) => {
      sendJson(response, 429, { error: { message: 'come back tomorrow' } }, { 'retry-after': '86400' });
    });
    const clock = createHastyClock();
    expect((await errorOf(() => ask(openAt(server, { clock })))).code).toBe('provider-quota');
    expect(server.requests).toHaveLength(1);
    expect(clock.waits).toEqual([]);
  });

  it('wait as long as the server says', async () => {
    const server = await startPaidServer();
    failFirst(server, 1, (response) => {
      sendJson(response, 429, { error: { message: 'too many' } }, { 'retry-after': '7' });
    });
    const clock = createHastyClock();
    await ask(openAt(server, { clock }));
    expect(clock.now()).toBeGreaterThanOrEqual(7000);
    expect(clock.now()).toBeLessThan(7400);
  });

  it('wait at times that differ and double', async () => {
    const server = await startPaidServer();
    failFirst(server, 5, faults['an error']);
    const clock = createHastyClock();
    await ask(openAt(server, { clock }));
    expect(clock.waits).toHaveLength(5);
    for (const [repeat, wait] of clock.waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(250 * 2 ** repeat);
      expect(wait).toBeLessThan(500 * 2 ** repeat);
    }
    expect(new Set(clock.waits.map((wait, repeat) => wait / 2 ** repeat)).size).toBe(5);
  });

  it.each([
    ['that never begins', () => undefined],
    [
      'that never ends',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'application/json' }).write('{"choices":');
      },
    ],
    [
      'that goes on and on',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 10);
        response.on('close', () => {
          clearInterval(timer);
        });
      },
    ],
  ])('are asked for again after an answer %s', async (_, fail) => {
    const server = await startPaidServer();
    failFirst(server, 2, fail);
    expect(await ask(openAt(server, { clock: systemClock, timeOut: 200 }))).toHaveLength(1);
    failFirst(server, Infinity, fail);
    const error = await errorOf(() => ask(openAt(server, { clock: systemClock, timeOut: 50 })));
    expect(error.code).toBe('provider-unavailable');
    expect(error.message).toContain('took too long');
  });

  it('that are on their way when another fails are waited for, and no others are begun', async () => {
    const server = await startPaidServer();
    const held: ServerResponse[] = [];
    let haveEight = (): void => undefined;
    let isRefused = (): void => undefined;
    const eight = new Promise<void>((resolve) => (haveEight = resolve));
    const refused = new Promise<void>((resolve) => (isRefused = resolve));
    server.intercept = (response) => {
      held.push(response);
      // So many are open at first.
      if (held.length === 8) haveEight();
      return true;
    };
    const answers: Answer[] = [];
    const sampler = openAt(server, {
      fetch: async (...request) => {
        const response = await fetch(...request);
        if (response.status !== 401) return response;
        // Whole before anybody sees it, so that the next turn has made of it what is to be made.
        const whole = new Response(await response.text(), response);
        setImmediate(() => setImmediate(isRefused));
        return whole;
      },
    });
    const asking = errorOf(() => ask(sampler, 100, answers));
    await eight;
    sendJson(held[3]!, 401, { error: { message: 'no' } });
    await refused;
    for (const [place, response] of held.entries())
      if (place !== 3) sendJson(response, 200, { choices: [{ message: { content: 'x' } }] });
    expect((await asking).code).toBe('provider-unauthorized');
    expect(answers).toHaveLength(7);
    expect(server.requests).toHaveLength(8);
  });
});

describe('the traffic to a server', () => {
  it.each([
    ['requests', startWindowServer],
    ['requests, and fills up steadily', startBucketServer],
  ])('uses nine tenths of the rate that is allowed in spite of faults, and stays under it: %s', async (_, start) => {
    const clock = createFakeClock();
    const { uniform } = createRandomStream(0, 'faulty');
    const limits = { requests: 600, tokens: 1e9, period: 60_000 };
    const server = start(clock, limits, () => 100 + 200 * uniform());
    const traffic = createHostedTraffic({ clock, uniform });
    const fail = (status: number, headers: Headers): Error =>
      APIError.generate(status, { error: { message: 'no' } }, undefined, headers);
    const attempt = async (): Promise<Delivery<string>> => {
      const fault = uniform();
      // Whoever is refused by chance does not count for the limit; 5 % errors, 2 % dropped and 1 % garbage do.
      if (fault < 0.1) {
        await new Promise<void>((resolve) => clock.after(100, resolve));
        throw fail(429, new Headers());
      }
      const { refused, requests, retryAfter } = await server.answer(1);
      const headers = new Headers({
        'x-ratelimit-limit-requests': String(requests?.limit),
        'x-ratelimit-remaining-requests': String(requests?.remaining),
        'x-ratelimit-reset-requests': `${String(Math.ceil(requests?.reset ?? 0))}ms`,
        ...(retryAfter === null ? {} : { 'retry-after-ms': String(Math.ceil(retryAfter)) }),
      });
      if (refused) throw fail(429, headers);
      if (fault < 0.15) throw fail(503, headers);
      if (fault < 0.17) throw new APIConnectionError({ message: 'dropped' });
      if (fault < 0.18) throw new UnreadableAnswer('it is no JSON');
      return { result: 'yes', headers };
    };
    let stopped = false;
    let answers = 0;
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const work = async (): Promise<void> => {
      for (; !stopped; answers += 1) await traffic.send({ attempt, tokens: 1, signal });
    };
    const working = Array.from({ length: 64 }, work);
    await clock.run(5 * limits.period);
    const { allowed, refused } = server.counts;
    expect(allowed).toBeGreaterThanOrEqual(0.9 * 5 * limits.requests);
    expect(refused).toBe(0);
    stopped = true;
    await clock.run(limits.period);
    // None was given up.
    await Promise.all(working);
    expect(answers).toBeGreaterThan(0.85 * allowed);
  });

  it.each([408, 504, 524])('shrinks when a server has no time: %i', async (status) => {
    const traffic = createHostedTraffic({ clock: createHastyClock(), uniform: () => 0 });
    let left = 1;
    const attempt = (): Promise<Delivery<string>> => {
      left -= 1;
      if (left < 0) return Promise.resolve({ result: 'yes', headers: new Headers() });
      return Promise.reject(APIError.generate(status, { error: { message: 'late' } }, undefined, new Headers()));
    };
    const before = traffic.concurrency();
    expect(await traffic.send({ attempt, tokens: 1, signal: new AbortController().signal })).toBe('yes');
    expect(traffic.concurrency()).toBeLessThan(before);
  });

  it('is one for each server and key, and way out', () => {
    const other = (() => undefined) as unknown as typeof fetch; // nothing is asked
    const traffic = shareHostedTraffic(fetch, 'http://a/v1', 'k');
    expect(shareHostedTraffic(fetch, 'http://a/v1', 'k')).toBe(traffic);
    expect(shareHostedTraffic(fetch, 'http://b/v1', 'k')).not.toBe(traffic);
    expect(shareHostedTraffic(fetch, 'http://a/v1', 'l')).not.toBe(traffic);
    expect(shareHostedTraffic(other, 'http://a/v1', 'k')).not.toBe(traffic);
  });
});
