import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHostedClient } from '../../../../src/models/hosted/client/hosted-client.js';
import type { BatchProgress, BatchSettings } from '../../../../src/models/hosted/batches/batch-settings.js';
import { openBatchedSampler } from '../../../../src/models/hosted/chat/open-batched-sampler.js';
import { requireBatches } from '../../../../src/models/hosted/batches/batch-service.js';
import { openHostedSampler } from '../../../../src/models/hosted/chat/open-hosted-sampler.js';
import type { Answer, Sampler } from '../../../../src/models/sampler.js';
import { createHostedTraffic } from '../../../../src/models/hosted/traffic/hosted-traffic.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../../foundation/temporary-folder.js';
import { startTestServer } from '../../../server/start-test-server.js';
import { sendJson, startLoopbackChatServer } from '../../loopback-chat-server.js';
import { createHastyClock } from '../traffic/fake-clock.js';
import {
  answer,
  answerAll,
  expire,
  refuse,
  startLoopbackBatchServer,
  type LoopbackBatchServer,
} from '../batches/loopback-batch-server.js';

const key = 'sk-planted-33bb';

interface Opened {
  readonly sampler: Sampler;
  readonly notices: string[];
  readonly progress: BatchProgress[];
  readonly waits: number[];
}

function openAt(endpoint: string, folder: string, changes: Partial<BatchSettings> = {}, model = 'tiny'): Opened {
  const clock = createHastyClock();
  const notices: string[] = [];
  const progress: BatchProgress[] = [];
  const sampler = openBatchedSampler({
    model,
    environment: { OPENAI_BASE_URL: endpoint, OPENAI_API_KEY: key },
    fetch,
    traffic: createHostedTraffic({ clock, uniform: () => 0 }),
    batches: {
      folder,
      clock,
      onNotice: (notice) => notices.push(notice),
      onProgress: (one) => progress.push(one),
      ...changes,
    },
  });
  return { sampler, notices, progress, waits: clock.waits };
}

const requests = (count: number) => [
  { messages: [{ role: 'user' as const, content: 'One?' }], count, seed: 3, maximumTokens: 4 },
  { messages: [{ role: 'user' as const, content: 'Two?' }], count: 2, maximumTokens: 4 },
];

async function collect(sampler: Sampler, count = 6, signal?: AbortSignal): Promise<Answer[]> {
  const answers: Answer[] = [];
  for await (const one of sampler.sample(requests(count), signal === undefined ? {} : { signal })) answers.push(one);
  return answers.sort((left, right) => left.request - right.request || left.index - right.index);
}

/** What single calls come to. */
async function expectAnswers(count = 6): Promise<Answer[]> {
  const server = await startLoopbackChatServer();
  const environment = { OPENAI_BASE_URL: server.endpoint, OPENAI_API_KEY: key };
  return collect(openHostedSampler({ model: 'tiny', environment, fetch }), count).finally(server.close);
}

const readRecords = async (folder: string): Promise<string[]> =>
  Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));

async function start(): Promise<{ server: LoopbackBatchServer; folder: string } & Opened> {
  const server = await startLoopbackBatchServer();
  const folder = join(await makeTemporaryFolder(), 'batches');
  return { server, folder, ...openAt(server.endpoint, folder) };
}

describe('a model that is asked in batches', () => {
  it('gives the answers of single calls on the server that really samples', { timeout: 120_000 }, async () => {
    const server = await startTestServer();
    const environment = { OPENAI_BASE_URL: server.url, OPENAI_API_KEY: key };
    const single = await collect(openHostedSampler({ model: 'tuned', environment, fetch }), 20);
    const folder = await makeTemporaryFolder();
    const { sampler, progress } = openAt(server.url, folder, {}, 'tuned');
    expect(await collect(sampler, 20)).toEqual(single);
    expect((await server.client.batches.list()).data).toMatchObject([
      { status: 'completed', request_counts: { total: 22, completed: 22, failed: 0 } },
    ]);
    expect(progress.at(-1)).toMatchObject({ done: 22, total: 22, model: 'tuned' });
    expect((await readRecords(folder)).join()).not.toContain(key);
  });

  it('sends the bodies of single calls, takes results in any order, and says how many are done', async () => {
    const { server, sampler, progress, waits } = await start();
    const single = await startLoopbackChatServer();
    const environment = { OPENAI_BASE_URL: single.endpoint, OPENAI_API_KEY: key };
    const expected = await collect(openHostedSampler({ model: 'tiny', environment, fetch }));
    server.looks = 8;
    expect(await collect(sampler)).toEqual(expected);
    const bodyOf = (body: object): string => JSON.stringify(Object.entries(body).sort());
    expect(server.batches[0]?.lines.map(({ body }) => bodyOf(body)).sort()).toEqual(
      single.requests.map(({ body }) => bodyOf(body)).sort(),
    );
    await single.close();
    expect(progress.map(({ done }) => done)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 8]);
    // The more there is to see, the sooner.
    expect(waits[0]).toBe(500);
    expect(Math.max(...waits)).toBeLessThan(1000);
  });

  it('is looked at less and less often where nothing moves', async () => {
    const { server, sampler, waits } = await start();
    server.carryOut = (lines) => ({ ...answerAll(lines), status: 'completed' });
    server.looks = 40;
    await collect(sampler, 1);
    expect(Math.max(...waits)).toBeGreaterThan(5000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
  });

  it('asks what is alike once', async () => {
    const { server, sampler } = await start();
    const [one] = requests(2);
    const answers: Answer[] = [];
    for await (const each of sampler.sample([one, one].flatMap((same) => same ?? []))) answers.push(each);
    expect(answers.map(({ request, index }) => `${String(request)}${String(index)}`).sort()).toEqual([
      '00',
      '01',
      '10',
      '11',
    ]);
    expect(server.paid).toHaveLength(2);
  });

  it.each(['expired', 'cancelled'])('keeps what came of a batch that was %s, and asks for the rest', async (status) => {
    const { server, sampler, notices } = await start();
    server.carryOut = (lines, number) =>
      number > 0
        ? answerAll(lines)
        : {
            status,
            output: lines.slice(0, 5).map((line) => answer(line)),
            errors: status === 'expired' ? lines.slice(5).map(expire) : [],
          };
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(server.batches.map(({ lines }) => lines.length)).toEqual([3, 8]);
    expect(new Set(server.paid).size).toBe(server.paid.length);
    expect(notices).toContainEqual(expect.stringContaining(`is ${status}, and 3 requests came to nothing`));
  });

  it('asks again for single requests that failed for a moment', async () => {
    const { server, sampler } = await start();
    server.carryOut = (lines, number) =>
      number > 0
        ? answerAll(lines)
        : {
            status: 'completed',
            output: lines.slice(2).map((line) => answer(line)),
            errors: lines.slice(0, 2).map((line, index) => refuse(line, index === 0 ? 500 : 429, { message: 'later' })),
          };
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(server.batches.map(({ lines }) => lines.length)).toEqual([2, 8]);
  });

  it('hands on what came before it says what was refused for good', async () => {
    const { server, sampler } = await start();
    server.carryOut = (lines) => ({
      status: 'completed',
      output: lines.slice(1).map((line) => answer(line)),
      errors: lines.slice(0, 1).map((line) => refuse(line, 400, { message: 'not with me' })),
    });
    const answers: Answer[] = [];
    const error = await errorOf(async () => {
      for await (const one of sampler.sample(requests(6))) answers.push(one);
    });
    expect(error).toMatchObject({
      code: 'provider-refused',
      message: expect.stringContaining('not with me') as string,
    });
    expect(answers).toHaveLength(7);
    expect(server.batches).toHaveLength(1);
  });

  it('counts lines that come twice once, and lines that nobody asked for not at all', async () => {
    const { server, sampler, notices } = await start();
    server.carryOut = (lines) => {
      const all = lines.map((line) => answer(line));
      const wrong = { custom_id: lines[0]?.custom_id, response: { status_code: 200, body: { choices: [] } } };
      return {
        status: 'completed',
        output: [...all, ...all.slice(0, 2), wrong, { ...answer(lines[1] as never), custom_id: 'stranger' }],
        errors: [],
      };
    };
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(notices.join('\n')).toMatch(/3 results twice; the first counts/);
    expect(notices.join('\n')).toMatch(/1 results of other requests; they are left out/);
  });

  it('gives up, and says why, where the service takes none', async () => {
    const { server, sampler, notices } = await start();
    server.carryOut = () => ({
      status: 'failed',
      output: [],
      errors: [],
      problems: [{ code: 'token_limit_exceeded', message: 'Enqueued token limit reached' }],
    });
    const error = await errorOf(() => collect(sampler));
    expect(error).toMatchObject({ code: 'provider-refused', exitCode: 5 });
    expect(error.message).toContain('Enqueued token limit reached');
    expect(error.hint).toContain('single calls');
    expect(server.batches).toHaveLength(3);
    expect(notices.filter((notice) => notice.includes('Enqueued token limit'))).toHaveLength(3);
  });

  it('waits for its other batches where the service takes no more for now', async () => {
    const { server, folder } = await start();
    const { sampler } = openAt(server.endpoint, folder, { limits: { requests: 5, bytes: 1e6 } });
    server.carryOut = (lines, number) =>
      number === 1 ? { status: 'failed', output: [], errors: [], problems: [{ message: 'full' }] } : answerAll(lines);
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(server.batches.map(({ lines }) => lines.length)).toEqual([3, 3, 5]);
  });

  it.each([
    ['requests', { requests: 3, bytes: 1e6 }, [2, 3, 3]],
    ['bytes', { requests: 100, bytes: 750 }, [2, 3, 3]],
  ])('keeps to the limit of %s of a batch', async (_, limits, sizes) => {
    const { server, folder } = await start();
    const { sampler } = openAt(server.endpoint, folder, { limits });
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(server.batches.map(({ lines }) => lines.length)).toEqual(sizes);
  });

  it('halves what is too large for the service', async () => {
    const { server, sampler } = await start();
    let uploads = 0;
    server.intercept = (call, response) => {
      if (call !== 'POST files') return false;
      uploads += 1;
      if (uploads === 1) sendJson(response, 413, { error: { message: 'too large' } });
      return uploads === 1;
    };
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(server.batches.map(({ lines }) => lines.length)).toEqual([4, 4]);
  });
});

describe('batches of a run that was killed', () => {
  it.each([
    ['before it was told of the batch', 'POST batches'],
    ['while it waited', 'GET batches/batch_0'],
    ['before it read the results', 'GET files/batch_0-output/content'],
  ])('are found again, and paid for once: %s', async (_, last) => {
    const { server, folder, sampler } = await start();
    // The server does what it is told, and whoever told it hears nothing any more.
    const killed = new AbortController();
    let isKilled = false;
    server.intercept = (call, response) => {
      if (isKilled || call !== last) return false;
      isKilled = true;
      if (call === 'POST batches') return false;
      response.socket?.destroy();
      killed.abort();
      return true;
    };
    if (last === 'POST batches') {
      await collect(sampler);
      // As it was when the request was on its way.
      for (const name of await readdir(folder)) {
        const record = JSON.parse(await readFile(join(folder, name), 'utf8')) as object; // it is ours
        await writeFile(join(folder, name), JSON.stringify({ ...record, batch: null }));
      }
    } else expect((await errorOf(() => collect(sampler, 6, killed.signal))).code).toBe('interrupted');
    expect(await collect(openAt(server.endpoint, folder).sampler)).toEqual(await expectAnswers());
    expect([server.batches.length, server.paid.length]).toEqual([1, 8]);
  });

  it('are found by their marks where their folder is lost', async () => {
    const { server, sampler } = await start();
    const first = await collect(sampler);
    const { sampler: other, notices } = openAt(server.endpoint, await makeTemporaryFolder());
    expect(await collect(other)).toEqual(first);
    expect(server.batches).toHaveLength(1);
    expect(notices.join()).toContain('has been asked for this already, and is not asked again: batch_0');
  });

  it('serve what is wanted of them, and only the rest is asked for', async () => {
    const { server, folder, sampler } = await start();
    await collect(sampler, 2);
    expect(await collect(openAt(server.endpoint, folder).sampler)).toEqual(await expectAnswers());
    expect(server.batches.map(({ lines }) => lines.length)).toEqual([4, 4]);
    expect(server.paid).toHaveLength(8);
  });

  it('are asked again where the service has forgotten them', async () => {
    const { server, folder, sampler } = await start();
    await collect(sampler);
    server.batches.splice(0);
    expect(await collect(openAt(server.endpoint, folder).sampler)).toEqual(await expectAnswers());
    expect(server.batches).toHaveLength(1);
  });

  it('ask again for what was refused: it may have been cured', async () => {
    const { server, folder, sampler } = await start();
    server.carryOut = (lines, number) =>
      number > 0
        ? answerAll(lines)
        : {
            status: 'completed',
            output: lines.slice(2).map((line) => answer(line)),
            errors: lines
              .slice(0, 2)
              .map((line) => refuse(line, 429, { message: 'no credit', code: 'insufficient_quota' })),
          };
    expect(await errorOf(() => collect(sampler))).toMatchObject({ code: 'provider-quota' });
    expect(await collect(openAt(server.endpoint, folder).sampler)).toEqual(await expectAnswers());
    expect(server.batches.map(({ lines }) => lines.length)).toEqual([2, 8]);
  });

  it('go on after Ctrl-C, which says so', async () => {
    const { server, sampler, notices } = await start();
    server.looks = 1e9;
    const stop = new AbortController();
    server.intercept = (call) => {
      if (call === 'GET batches/batch_0') stop.abort();
      return false;
    };
    expect((await errorOf(() => collect(sampler, 6, stop.signal))).code).toBe('interrupted');
    expect(notices.at(-1)).toMatch(/^batch_0 goes on at 127\.0\.0\.1:\d+; the same command finds it again\.$/);
    expect(server.calls).not.toContain('POST batches/batch_0/cancel');
  });
});

describe('a service of batches at fault', () => {
  it('whose answer to the creation was lost is not asked for another batch', async () => {
    const { server, sampler } = await start();
    let creations = 0;
    let socket: ServerResponse['socket'] = null;
    server.intercept = (call, response) => {
      if (call === 'POST batches') socket = response.socket;
      return false;
    };
    const { carryOut } = server;
    server.carryOut = (lines, number) => {
      creations += 1;
      // It is made, and the answer never comes.
      if (creations === 1) socket?.destroy();
      return carryOut(lines, number);
    };
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(creations).toBe(1);
  });

  it('is looked at again after an outage', async () => {
    const { server, sampler } = await start();
    let outage = 30;
    server.intercept = (call, response) => {
      if (!call.startsWith('GET batches/') || outage === 0) return false;
      outage -= 1;
      if (outage % 2 === 0) response.socket?.destroy();
      else sendJson(response, 502, { error: { message: 'bad gateway' } });
      return true;
    };
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(server.paid).toHaveLength(8);
  });

  it.each<[string, (text: string, response: Parameters<LoopbackBatchServer['send']>[1]) => void]>([
    [
      'breaks off',
      (text, response) => {
        response.writeHead(200, { 'content-length': String(text.length) });
        response.write(text.slice(0, 700), () => response.socket?.destroy());
      },
    ],
    ['ends within a line as if it were whole', (text, response) => response.end(text.slice(0, 700))],
    ['ends with a line as if it were whole', (text, response) => response.end(`${text.split('\n')[0] ?? ''}\n`)],
    ['is a page', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in')],
  ])('whose file %s is not taken for all that there is', async (_, fault) => {
    const { server, sampler } = await start();
    const { send } = server;
    let isFirst = true;
    server.send = (text, response) => {
      if (isFirst) fault(text, response);
      else send(text, response);
      isFirst = false;
    };
    expect(await collect(sampler)).toEqual(await expectAnswers());
    expect(server.batches).toHaveLength(1);
  });

  it('whose file cannot be read is not asked again', async () => {
    const { server, folder, sampler } = await start();
    const { send } = server;
    server.send = (_, response) => response.end('<html>Log in');
    const error = await errorOf(() => collect(sampler));
    expect(error.code).toBe('provider-unavailable');
    expect(error.message).toMatch(
      /batch_0-output of 127\.0\.0\.1:\d+ could not be read to its end: line 1 is no result/,
    );
    server.send = send;
    expect(await collect(openAt(server.endpoint, folder).sampler)).toEqual(await expectAnswers());
    expect(server.paid).toHaveLength(8);
  });

  it('that refuses the key does not show it', async () => {
    const { server, sampler, notices, folder } = await start();
    server.intercept = (_, response) => {
      sendJson(response, 401, { error: { message: `bad key ${key}` } });
      return true;
    };
    const error = await errorOf(() => collect(sampler));
    expect(error.code).toBe('provider-unauthorized');
    expect(JSON.stringify([error.message, error.hint, error.details, notices])).not.toContain(key);
    expect((await readRecords(folder).catch(() => [])).join()).not.toContain(key);
  });
});

describe('requireBatches', () => {
  const probe = (endpoint: string) =>
    requireBatches(
      createHostedClient({ environment: { OPENAI_BASE_URL: endpoint, OPENAI_API_KEY: key }, fetch }),
      'openai:tiny',
      '--batch-answers',
    );

  it('accepts the server that has them, and costs nothing', async () => {
    const server = await startTestServer();
    await probe(server.url);
    expect((await server.client.batches.list()).data).toEqual([]);
  });

  it('refuses a server that has none, and names the alternative', async () => {
    const server = await startLoopbackBatchServer();
    server.intercept = (_, response) => {
      sendJson(response, 404, { error: { message: 'no' } });
      return true;
    };
    const error = await errorOf(() => probe(server.endpoint));
    expect(error).toMatchObject({ code: 'configuration-invalid', exitCode: 2 });
    expect(error.message).toMatch(/openai:tiny cannot be asked in batches: 127\.0\.0\.1:\d+ has none/);
    expect(error.hint).toContain('single calls');
  });

  it('refuses one whose list is of another kind', async () => {
    const server = await startLoopbackBatchServer();
    server.intercept = (_, response) => {
      sendJson(response, 200, [{ id: 'x' }]);
      return true;
    };
    expect((await errorOf(() => probe(server.endpoint))).code).toBe('configuration-invalid');
  });
});
