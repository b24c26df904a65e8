import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { TrainingRow } from '../../../../src/data/training-set.js';
import { parseRecipe } from '../../../../src/engine/train/recipe.js';
import {
  openHostedTrainer,
  type HostedTrainerSettings,
} from '../../../../src/models/hosted/jobs/open-hosted-trainer.js';
import { countTrainedCharacters } from '../../../../src/models/hosted/jobs/fine-tuning-service.js';
import { createSpendingLedger } from '../../../../src/models/hosted/spending/spending-ledger.js';
import type { TunedModel } from '../../../../src/models/trainer.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../../foundation/temporary-folder.js';
import { startTestServer, type TestServer } from '../../../server/start-test-server.js';
import { describeTrainer } from '../../trainer-conformance.js';

const key = 'sk-planted-5f1c';

const open = (url: string, changes: Partial<HostedTrainerSettings> = {}) =>
  openHostedTrainer({
    model: 'tiny',
    identity: 'tiny',
    environment: { OPENAI_BASE_URL: url, OPENAI_API_KEY: key },
    fetch,
    ...changes,
  });

const servers: TestServer[] = [];

/** The weights that the server trained under a name. */
async function identifyServed(model: TunedModel): Promise<string> {
  for (const { client, folder } of servers)
    for (const { id, fine_tuned_model: name } of (await client.fineTuning.jobs.list()).data) {
      if (name === null || model.kind !== 'named' || !model.model.startsWith(name)) continue;
      const step = /:ckpt-step-(\d+)$/.exec(model.model)?.[1];
      const path = step === undefined ? [] : ['checkpoints', `step-${step}`];
      return readFile(join(folder, 'jobs', id, 'model', ...path, 'adapter_model.safetensors'), 'hex');
    }
  throw new Error('no server has the model');
}

describeTrainer(
  'a hosted model',
  async () => {
    // A server of its own for each test: otherwise jobs would be found again.
    const server = await startTestServer();
    servers.splice(0, servers.length, server);
    return open(server.url);
  },
  identifyServed,
);

const rows: TrainingRow[] = Array.from({ length: 6 }, (_, row) => ({
  messages: [
    { role: 'user', content: `Say ${String(row)}.` },
    { role: 'assistant', content: `It is ${String(row)}.` },
  ],
}));
const recipe = parseRecipe({ method: 'lora', rank: 1, alpha: 1, learning_rate: 0.01, batch_size: 2, accumulation: 1 });
const countJobs = async ({ client }: TestServer): Promise<number> => (await client.fineTuning.jobs.list()).data.length;

describe('a hosted model that is fine-tuned', () => {
  let notices: string[] = [];
  const onNotice = (notice: string): void => {
    notices.push(notice);
  };
  beforeAll(() => {
    notices = [];
  });

  it('gets its recipe, its seed and its name, and finds its job from any other folder', async () => {
    const server = await startTestServer();
    const trainer = await open(server.url, { onNotice });
    const result = await trainer.train({ rows, recipe: { ...recipe, seed: 5 }, folder: await makeTemporaryFolder() });
    const [job] = (await server.client.fineTuning.jobs.list()).data;
    expect(job).toMatchObject({ seed: 5, model: 'tiny', fine_tuned_model: (result.model as { model: string }).model });
    const again = await trainer.train({ rows, recipe: { ...recipe, seed: 5 }, folder: await makeTemporaryFolder() });
    expect(again).toEqual(result);
    expect(notices.at(-1)).toContain(`not made again: ${job?.id ?? ''}`);
    expect(await countJobs(server)).toBe(1);
  });

  it('says where a finished model is without key or server', async () => {
    const server = await startTestServer();
    const folder = await makeTemporaryFolder();
    const result = await (await open(server.url)).train({ rows, recipe, folder });
    await server.close();
    const trainer = await open(server.url, { environment: {} });
    expect(await trainer.train({ rows, recipe, folder })).toEqual(result);
  });

  it('is not begun beside another where the limit is enough for one', async () => {
    const server = await startTestServer();
    const ledger = createSpendingLedger({
      ...{ folder: await makeTemporaryFolder(), account: 'a', clock: () => 0 },
      // A dollar a token.
      findRate: () => ({ input: 1e6, output: 0, source: 'test' }),
      limit: 1.5 * Math.ceil(countTrainedCharacters(rows, recipe) / 4),
    });
    const use = {
      model: { text: 'openai:tiny', model: 'tiny' },
      endpoint: server.url,
      purpose: 'fine-tuning',
    } as const;
    const trainer = await open(server.url, { meter: ledger.meter(use) });
    const ended = await Promise.allSettled(
      [1, 2].map(async (seed) =>
        trainer.train({ rows, recipe: { ...recipe, seed }, folder: await makeTemporaryFolder() }),
      ),
    );
    expect(ended.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const [refused] = ended.filter((one) => one.status === 'rejected');
    expect(refused?.reason).toMatchObject({ code: 'cost-limit-reached' });
    expect(await countJobs(server)).toBe(1);
  });

  it('is not paid twice where the answer to the request was lost', async () => {
    const server = await startTestServer();
    let lost = 0;
    const proxy = await startProxy(server.url, ({ method, url }) => {
      const isLost = method === 'POST' && url?.endsWith('/fine_tuning/jobs') === true && lost === 0;
      lost += Number(isLost);
      return isLost;
    });
    const waited: number[] = [];
    const trainer = await open(proxy, {
      wait: (milliseconds) => {
        waited.push(milliseconds);
        return new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
    const { steps } = await trainer.train({ rows, recipe, folder: await makeTemporaryFolder() });
    expect([steps, lost, await countJobs(server)]).toEqual([3, 1, 1]);
    expect(waited[0]).toBe(1000);
  });

  it('leaves its job alone when it is stopped, and cancels it if that is wanted', async () => {
    const server = await startTestServer();
    const long = { ...recipe, epochs: 400 };
    const statusOf = async (): Promise<string | undefined> =>
      (await server.client.fineTuning.jobs.list()).data[0]?.status;
    const folder = await makeTemporaryFolder();
    const stopAtFirstStep = async (cancelsJobs: boolean): Promise<void> => {
      const stop = new AbortController();
      const trainer = await open(server.url, { cancelsJobs, onNotice });
      const error = await errorOf(() =>
        trainer.train(
          { rows, recipe: long, folder },
          {
            signal: stop.signal,
            onStep: () => {
              stop.abort();
            },
          },
        ),
      );
      expect(error.code).toBe('interrupted');
    };
    await stopAtFirstStep(false);
    expect(await statusOf()).toBe('running');
    expect(notices.at(-1)).toMatch(/^ftjob-\S+ goes on at /);
    await stopAtFirstStep(true);
    expect(await statusOf()).toBe('cancelled');
    expect(notices.at(-1)).toMatch(/was cancelled$/);
    expect(await countJobs(server)).toBe(1);
  });

  it('tells why a job failed or was cancelled, and asks for a new one the next time', async () => {
    const server = await startTestServer();
    const folder = await makeTemporaryFolder();
    const short = { ...recipe, max_length: 3 };
    const trainer = await open(server.url);
    const failed = await errorOf(() => trainer.train({ rows, recipe: short, folder }));
    expect(failed).toMatchObject({ code: 'job-failed', exitCode: 4 });
    expect(failed.message).toMatch(/^ftjob-\S+ at 127\.0\.0\.1:\d+ failed: .*tokens/);
    expect((await errorOf(() => trainer.train({ rows, recipe: short, folder }))).code).toBe('job-failed');
    expect(await countJobs(server)).toBe(2);

    const long = { ...recipe, epochs: 2000 };
    let cancelling: Promise<unknown> | null = null;
    const cancelled = await errorOf(() =>
      trainer.train(
        { rows, recipe: long, folder },
        {
          onStep: () => {
            cancelling ??= server.client.fineTuning.jobs
              .list()
              .then(({ data: [job] }) => server.client.fineTuning.jobs.cancel(job?.id ?? ''));
          },
        },
      ),
    );
    expect(cancelled.message).toMatch(/was cancelled$/);
  });

  it('keeps the key to itself', async () => {
    const server = await startTestServer({ key: 'another-key-entirely' });
    const folder = await makeTemporaryFolder();
    const error = await errorOf(async () => (await open(server.url)).train({ rows, recipe, folder }));
    expect(error.code).toBe('provider-unauthorized');
    expect([error.message, error.hint, JSON.stringify(error.details), error.stack].join()).not.toContain(key);
  });

  it('is a server that fine-tunes', async () => {
    const server = await startTestServer();
    const trainer = await open(server.url, { model: 'nobody' });
    const error = await errorOf(async () => trainer.train({ rows, recipe, folder: await makeTemporaryFolder() }));
    expect(error.code).toBe('provider-refused');
    expect(error.hint).toContain('tiny');
  });
});

/** Passes requests on, and breaks the connection after those whose answer is to be lost. */
async function startProxy(target: string, loses: (request: IncomingMessage) => boolean): Promise<string> {
  const { origin, pathname } = new URL(target);
  const server = createServer((request, response) => {
    const pass = async (): Promise<void> => {
      const pieces: Buffer[] = [];
      // Buffers, as no encoding is set.
      for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
      const { method = 'GET', url = '' } = request;
      const type = request.headers['content-type'];
      const answer = await fetch(`${origin}${url}`, {
        method,
        headers: {
          authorization: request.headers.authorization ?? '',
          ...(type === undefined ? {} : { 'content-type': type }),
        },
        ...(method === 'GET' ? {} : { body: Buffer.concat(pieces) }),
      });
      const text = await answer.text();
      if (loses(request)) response.destroy();
      else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    };
    pass().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${String(address.port)}${pathname}`;
}
