import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exchangeWithRay } from '../models/cluster/ray-exchanges.js';
import { requirePart } from './installed-parts.js';
import { startRay, type RealRay } from './start-ray.js';

let ray: RealRay;
let storage: string;
beforeAll(async () => {
  storage = await mkdtemp('/tmp/driftline-storage-');
  ray = await startRay({ python: requirePart('train'), gpus: 1, isOneBox: true });
});
afterAll(async () => {
  // Undefined where it did not start.
  await (ray as RealRay | undefined)?.close();
  await rm(storage, { recursive: true, force: true });
});

it('a real Ray answers what was recorded, which is what the Ray of the tests answers', async () => {
  const file = new URL('../fixtures/cluster/ray/exchanges.json', import.meta.url);
  const recorded: unknown = JSON.parse(await readFile(file, 'utf8'));
  expect(await exchangeWithRay(ray.address, ray.token, { storage })).toEqual(recorded);
});
