import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../../src/foundation/clock.js';
import { createRandomStream } from '../../../../src/foundation/random-stream.js';
import { resolveModelReference } from '../../../../src/models/model-reference.js';
import { openHostedSampler } from '../../../../src/models/hosted/chat/open-hosted-sampler.js';
import { openModelSampler } from '../../../../src/models/open-model-sampler.js';
import type { Sampler } from '../../../../src/models/sampler.js';
import { createHostedTraffic } from '../../../../src/models/hosted/traffic/hosted-traffic.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';
import { complete, sendJson, startLoopbackChatServer, type LoopbackChatServer } from '../../loopback-chat-server.js';
import { describeSampler } from '../../sampler-conformance.js';
import { createHastyClock } from '../traffic/fake-clock.js';

const key = 'sk-loopback-0123456789';

function openAt(
  endpoint: string,
  environment: Record<string, string> = {},
  fetch = globalThis.fetch,
): Promise<Sampler> {
  const connection = { OPENAI_API_KEY: key, OPENAI_BASE_URL: endpoint };
  const reference = resolveModelReference('openai:tiny-1');
  return openModelSampler(reference, { environment: { ...connection, ...environment }, fetch });
}

async function ask(sampler: Sampler, count = 1) {
  const answers = [];
  const request = { messages: [{ role: 'user' as const, content: 'Hello?' }], count, topP: 0.5, maximumTokens: 3 };
  for await (const answer of sampler.sample([request])) answers.push(answer);
  return answers;
}

describe('with a server of its own', () => {
  let shared: LoopbackChatServer;
  beforeAll(async () => {
    shared = await startLoopbackChatServer();
    shared.respond = complete;
  });
  afterAll(() => shared.close());
  describeSampler('a hosted model', () => openAt(shared.endpoint));
});

describe('a hosted model', () => {
  it('is asked often without a warning', async () => {
    const many = await startLoopbackChatServer();
    onTestFinished(() => many.close());
    const warnings: Error[] = [];
    const remember = (warning: Error): void => {
      warnings.push(warning);
    };
    process.on('warning', remember);
    onTestFinished(() => {
      process.off('warning', remember);
    });
    expect(await ask(await openAt(many.endpoint), 40)).toHaveLength(40);
    // Warnings are given in the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  let server: LoopbackChatServer;
  const open: (environment?: Record<string, string>, fetch?: typeof globalThis.fetch) => Promise<Sampler> = (
    ...options
  ) => openAt(server.endpoint, ...options);
  // One server a test: calls that were left behind by one must not count in the next.
  beforeEach(async () => {
    server = await startLoopbackChatServer();
  });
  afterEach(() => server.close());

  it('is asked as the protocol wants it', async () => {
    await ask(await open());
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
    expect(server.requests[0]?.body).toEqual({
      model: 'tiny-1',
      messages: [{ role: 'user', content: 'Hello?' }],
      temperature: 1,
      top_p: 0.5,
      seed: 0,
      max_tokens: 3,
    });
  });

  it('is asked at the official address for the length in its newer words', async () => {
    const redirected: string[] = [];
    const sampler = await open({ OPENAI_BASE_URL: '' }, (input, init) => {
      redirected.push(input instanceof Request ? input.url : input.toString());
      return fetch(`${server.endpoint}/chat/completions`, init);
    });
    await ask(sampler);
    expect(redirected).toEqual(['https://api.openai.com/v1/chat/completions']);
    expect(server.requests[0]?.body).toMatchObject({ max_completion_tokens: 3 });
    expect(server.requests[0]?.body).not.toHaveProperty('max_tokens');
  });

  it('is asked for first tokens in the words of the protocol, and says who tells them where it does not', async () => {
    const request = { messages: [{ role: 'user' as const, content: 'Hello?' }], maximumTokens: 1, likeliest: 20 };
    const askFirst = async (environment: Record<string, string> = {}) => {
      const answers = [];
      for await (const answer of (await open(environment)).sample([request])) answers.push(answer);
      return answers;
    };
    server.respond = complete;
    expect((await askFirst())[0]?.first?.[0]?.probability).toBeCloseTo(0.5);
    expect(server.requests[0]?.body).toMatchObject({ logprobs: true, top_logprobs: 20 });
    const reply = (message: object, reason: string): void => {
      server.respond = () => ({ choices: [{ message, finish_reason: reason }] });
    };
    // Of what was withheld, and of an answer that ended at once, there is nothing to tell.
    reply({ content: null, refusal: 'no' }, 'content_filter');
    expect(await askFirst()).toMatchObject([{ finishReason: 'filtered', first: [] }]);
    reply({ content: '' }, 'stop');
    expect(await askFirst()).toMatchObject([{ text: '', first: [] }]);
    reply({ content: 'Yes' }, 'stop');
    const without = await errorOf(() => askFirst());
    expect(without.code).toBe('provider-refused');
    expect(without.message).toContain('tiny-1 does not tell the likeliest tokens');
    expect(without.hint).toContain('OpenAI (20)');
    server.intercept = (response) => {
      sendJson(response, 400, { error: { message: 'logprobs are not supported with reasoning models' } });
      return true;
    };
    expect((await errorOf(() => askFirst())).message).toContain('refused to give them');
  });

  it('has eight calls open at first, and more and more while all goes well', async () => {
    const { uniform } = createRandomStream(0, 'test');
    const traffic = createHostedTraffic({ clock: systemClock, uniform });
    const environment = { OPENAI_API_KEY: key, OPENAI_BASE_URL: server.endpoint };
    const sampler = openHostedSampler({ model: 'tiny-1', environment, fetch, traffic });
    const held: ServerResponse[] = [];
    const together: number[] = [];
    let left = 200;
    server.intercept = (response) => {
      held.push(response);
      if (held.length < Math.min(traffic.concurrency(), left)) return true;
      together.push(held.length);
      left -= held.length;
      for (const one of held.splice(0)) sendJson(one, 200, { choices: [{ message: { content: 'x' } }], usage: null });
      return true;
    };
    expect(await ask(sampler, 200)).toHaveLength(200);
    expect(together[0]).toBe(8);
    expect(Math.max(...together)).toBeGreaterThan(8);
    expect(Math.max(...together)).toBeLessThanOrEqual(64);
  });

  it('is not kept busy for a caller who has left', async () => {
    const closed: Promise<unknown>[] = [];
    let first: ServerResponse | null = null;
    server.intercept = (response) => {
      if (first === null) first = response;
      else closed.push(once(response, 'close'));
      if (closed.length === 7) sendJson(first, 200, { choices: [{ message: { content: 'x' } }] });
      return true;
    };
    const sampler = await open();
    const messages = [{ role: 'user' as const, content: 'Hello?' }];
    for await (const { text } of sampler.sample([{ messages, count: 8 }])) {
      expect(text).toBe('x');
      break;
    }
    await Promise.all(closed);
    expect(server.requests).toHaveLength(8);
  });

  it('may refuse, be filtered, or leave out what it used', async () => {
    const sampler = await open();
    const answerTo = async (choice: object): Promise<unknown> => {
      server.intercept = (response) => {
        sendJson(response, 200, { choices: [choice] });
        return true;
      };
      return (await ask(sampler))[0];
    };
    const refused = { message: { content: null, refusal: 'I will not.' }, finish_reason: 'stop' };
    expect(await answerTo(refused)).toMatchObject({ text: 'I will not.', finishReason: 'stop', tokens: null });
    const filtered = { message: { content: null }, finish_reason: 'content_filter' };
    expect(await answerTo(filtered)).toMatchObject({ text: '', finishReason: 'filtered' });
  });

  it('is asked again after a passing fault', async () => {
    let faults = 2;
    server.intercept = (response) => {
      faults -= 1;
      if (faults >= 0) sendJson(response, 503, { error: { message: 'busy' } }, { 'retry-after-ms': '1' });
      return faults >= 0;
    };
    expect(await ask(await open())).toHaveLength(1);
    expect(server.requests).toHaveLength(3);
  });

  it.each([
    [400, 'provider-refused', 'rejected the request: 400 no *** here'],
    [401, 'provider-unauthorized', 'refused the key for tiny-1'],
    [403, 'provider-unauthorized', 'refused the key for tiny-1'],
    [404, 'provider-refused', 'has no model tiny-1'],
    [429, 'provider-quota', 'limits'],
    [500, 'provider-unavailable', 'fault'],
  ])('fails with status %i as %s, and never tells the key', async (status, code, message) => {
    server.intercept = (response) => {
      // No retries: they are tested above.
      sendJson(response, status, { error: { message: `no ${key} here` } }, { 'x-should-retry': 'false' });
      return true;
    };
    const sampler = await open();
    const error = await errorOf(() => ask(sampler));
    expect(error).toMatchObject({ code, exitCode: 5 });
    expect(error.message).toContain(message);
    expect(error.message).toContain(new URL(server.endpoint).host);
    expect([error.message, error.hint, JSON.stringify(error.details), error.stack].join()).not.toContain(key);
    expect(error.cause).toBeUndefined();
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['a page', (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hi')],
    ['no JSON', (response: ServerResponse) => response.writeHead(200, { 'content-type': 'application/json' }).end('{')],
    ['null', (response: ServerResponse) => sendJson(response, 200, null)],
    ['no choices', (response: ServerResponse) => sendJson(response, 200, { choices: [] })],
  ])('fails when the server answers %s', async (_, send) => {
    server.intercept = (response) => {
      send(response);
      return true;
    };
    const { uniform } = createRandomStream(0, 'test');
    const traffic = createHostedTraffic({ clock: createHastyClock(), uniform });
    const environment = { OPENAI_API_KEY: key, OPENAI_BASE_URL: server.endpoint };
    const sampler = openHostedSampler({ model: 'tiny-1', environment, fetch, traffic });
    expect((await errorOf(() => ask(sampler))).code).toBe('provider-unavailable');
  });

  it('fails when nobody answers', { timeout: 30_000 }, async () => {
    const gone = await startLoopbackChatServer();
    await gone.close();
    const sampler = await open({ OPENAI_BASE_URL: gone.endpoint });
    const error = await errorOf(() => ask(sampler));
    expect(error.code).toBe('provider-unavailable');
    expect(error.message).toContain('ECONNREFUSED');
  });

  it.each([
    [{ OPENAI_API_KEY: '' }, 'provider-unauthorized', 5],
    [{ OPENAI_API_KEY: 'sk-secret\u00e9' }, 'provider-unauthorized', 5],
    [{ OPENAI_BASE_URL: 'localhost:1' }, 'usage-invalid', 2],
    [{ OPENAI_BASE_URL: 'http://me:sk-secret@localhost/v1' }, 'usage-invalid', 2],
  ])('is not opened with %j', async (environment, code, exitCode) => {
    const error = await errorOf(() => open(environment));
    expect(error).toMatchObject({ code, exitCode });
    expect(`${error.message}${error.hint}`).not.toContain('sk-secret');
  });

  it('takes no adapter', async () => {
    const reference = resolveModelReference('openai:tiny-1');
    const error = await errorOf(() =>
      openModelSampler(reference, { adapter: 'runs/x', environment: { OPENAI_API_KEY: key }, fetch }),
    );
    expect(error).toMatchObject({ code: 'usage-invalid', exitCode: 2 });
    expect(error.message).toContain('runs/x');
  });
});
