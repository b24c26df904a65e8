import { readFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { startFakeRay } from './fake-ray.js';
import { exchangeWithRay, type RayExchange } from './ray-exchanges.js';

const recorded = JSON.parse(
  await readFile(new URL('../../fixtures/cluster/ray/exchanges.json', import.meta.url), 'utf8'),
) as RayExchange[]; // as scripts/record-ray-answers.ts writes it

describe('the Ray of the tests', () => {
  it('answers as a real one did', async () => {
    const ray = await startFakeRay();
    onTestFinished(ray.close);
    const exchanges = await exchangeWithRay(ray.address, ray.token, { storage: await makeTemporaryFolder() });
    expect(exchanges.map(({ name }) => name)).toEqual(recorded.map(({ name }) => name));
    for (const [index, exchange] of exchanges.entries()) expect(exchange, exchange.name).toEqual(recorded[index]);
  });
});
