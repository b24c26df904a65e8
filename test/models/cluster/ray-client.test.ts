import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRayClient, type RayClient } from '../../../src/models/cluster/ray-client.js';
import { submitOnce, type WantedJob } from '../../../src/models/cluster/submit-job.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { faults } from '../loopback-faults.js';
import { startFakeRay, type FakeRay } from './fake-ray.js';

let ray: FakeRay;
let client: RayClient;
beforeEach(async () => {
  ray = await startFakeRay({ run: () => Promise.resolve(0) });
  client = open();
});
afterEach(() => ray.close());

const open = (changes: Partial<Parameters<typeof createRayClient>[1]> = {}): RayClient =>
  createRayClient(ray.address, { token: ray.token, uniform: () => 0, timeOut: 500, ...changes });

/** Fails the first requests for which this is true. */
function failFirst(count: number, fail: (response: ServerResponse, request: IncomingMessage) => void): () => number {
  let failed = 0;
  ray.intercept = (response, request) => {
    if (failed === count) return false;
    failed += 1;
    fail(response, request);
    return true;
  };
  return () => failed;
}

const job: WantedJob = {
  ...{ id: 'driftline-t-1', mark: 'm', entrypoint: 'true', environment: {}, metadata: {}, onEnded: 'renew' },
  readFiles: () => Promise.resolve(new Map([['a.txt', Buffer.from('a')]])),
};

describe('a client of Ray', () => {
  it.each(['an error without JSON', 'a dropped connection', 'half of an answer'] as const)(
    'asks again after %s',
    async (fault) => {
      const failed = failFirst(2, faults[fault]);
      expect((await client.version()).ray_version).toBe('2.60.0');
      expect(failed()).toBe(2);
    },
  );

  it('asks again where nothing comes in time', async () => {
    const failed = failFirst(1, () => undefined);
    expect((await client.version()).version).toBe('4');
    expect(failed()).toBe(1);
  });

  it('waits for a large answer as long as something comes', async () => {
    const pieces = ['[', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ']'];
    await submitOnce(client, job);
    const lists = ray.counts.get('GET /api/jobs/') ?? 0;
    failFirst(1, (response) => {
      response.writeHead(200);
      const next = (): void => {
        const piece = pieces.shift();
        if (piece === undefined) response.end();
        else {
          response.write(piece);
          setTimeout(next, 100);
        }
      };
      next();
    });
    expect((await open({ timeOut: 400 }).list()).size).toBe(0);
    expect((ray.counts.get('GET /api/jobs/') ?? 0) - lists).toBe(1);
  });

  it('does not ask again what was refused', async () => {
    const failed = failFirst(9, (response) => {
      response.writeHead(400).end('Traceback (most recent call last):\nTypeError: no\n');
    });
    const error = await errorOf(() => client.list());
    expect(error.code).toBe('cluster-failed');
    expect(error.message).toContain('TypeError: no');
    expect(failed()).toBe(1);
  });

  it('gives up where nobody answers', async () => {
    const error = await errorOf(() =>
      createRayClient('http://127.0.0.1:9', { token: null, retries: 1, uniform: () => 0 }).version(),
    );
    expect(error.code).toBe('cluster-unreachable');
  });

  it('stops at once when it is told to', async () => {
    failFirst(9, () => undefined);
    const stop = new AbortController();
    const asked = client.version(stop.signal);
    setTimeout(() => {
      stop.abort(new Error('enough'));
    }, 10);
    await expect(asked).rejects.toThrow('enough');
  });

  it('finds GPUs and nodes', async () => {
    expect(await client.gpus()).toEqual({ used: 0, total: 1 });
    expect(await client.nodes()).toMatchObject([{ isHead: true, isAlive: true, gpus: 1 }]);
  });
});

describe('a job that is wanted', () => {
  const submissions = (): number =>
    ray.requests.filter(({ method, path }) => method === 'POST' && path === '/api/jobs/').length;

  it('is made once, whoever asks, and however often', async () => {
    ray.held.add(job.id);
    expect(await submitOnce(client, job)).toEqual({ how: 'submitted', status: 'PENDING' });
    expect(await submitOnce(client, job)).toEqual({ how: 'found', status: 'PENDING' });
    expect(submissions()).toBe(1);
    expect(ray.packages.size).toBe(1);
  });

  it('is found where the answer to its request was lost', async () => {
    ray.held.add(job.id);
    let isLost = false;
    const { intercept } = ray;
    ray.intercept = (response, request) => {
      if (request.method === 'POST' && !isLost) {
        isLost = true;
        // Ray takes it in, and its answer never arrives.
        response.end = () => response.destroy();
      }
      return intercept(response, request);
    };
    expect(await submitOnce(client, job)).toEqual({ how: 'found', status: 'PENDING' });
    expect(ray.jobs.size).toBe(1);
  });

  it('is made anew where it failed or was stopped, and left or made anew where it succeeded', async () => {
    const until = async (status: string): Promise<void> => {
      while (ray.jobs.get(job.id)?.status !== status) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    ray.run = () => Promise.resolve(1);
    await submitOnce(client, job);
    await until('FAILED');
    ray.run = () => Promise.resolve(0);
    expect((await submitOnce(client, { ...job, onEnded: 'keep' })).how).toBe('submitted');
    await until('SUCCEEDED');
    expect(await submitOnce(client, { ...job, onEnded: 'keep' })).toEqual({ how: 'found', status: 'SUCCEEDED' });
    expect((await submitOnce(client, job)).how).toBe('submitted');
  });

  it('is made anew where Ray writes down the end of the one that was removed', async () => {
    ray.run = () => Promise.resolve(1);
    await submitOnce(client, job);
    while (ray.jobs.get(job.id)?.status !== 'FAILED') await new Promise((resolve) => setTimeout(resolve, 5));
    ray.held.add(job.id);
    ray.lateEnds.add(job.id);
    // The job that is wanted meets the remnant when it is sent, and once more when it is looked for.
    expect(await submitOnce(client, job)).toEqual({ how: 'submitted', status: 'PENDING' });
    expect(ray.jobs.get(job.id)?.metadata).toEqual({ mark: 'm' });
    expect(submissions()).toBe(3);
  });

  it('is not mistaken for another of its name', async () => {
    ray.held.add(job.id);
    await submitOnce(client, job);
    const error = await errorOf(() => submitOnce(client, { ...job, mark: 'other' }));
    expect(error.code).toBe('cluster-job-conflict');
  });

  it('does not take along more than Ray takes', async () => {
    const large = new Map([['a.zip', Buffer.alloc(101 * 2 ** 20)]]);
    const error = await errorOf(() => submitOnce(client, { ...job, readFiles: () => Promise.resolve(large) }));
    expect(error.message).toContain('100 MiB');
    expect(error.hint).toContain('training set');
    const asked = { ...job, id: 'driftline-s-1', readFiles: () => Promise.resolve(large) };
    expect((await errorOf(() => submitOnce(client, asked))).hint).toContain('storage_here');
  });
});
