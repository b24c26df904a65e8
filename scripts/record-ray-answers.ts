/**
 * Records what a real Ray answers, for the tests: `tsx scripts/record-ray-answers.ts ADDRESS STORAGE`, with
 * RAY_AUTH_TOKEN. STORAGE is a folder that the jobs of that Ray may write to.
 */
import { writeFile } from 'node:fs/promises';
import { exchangeWithRay } from '../test/models/cluster/ray-exchanges.js';

const [address = 'http://127.0.0.1:8265', storage = '/tmp/driftline-probe'] = process.argv.slice(2);
const exchanges = await exchangeWithRay(address, process.env['RAY_AUTH_TOKEN'] ?? '', { storage });
const file = new URL('../test/fixtures/cluster/ray/exchanges.json', import.meta.url);
await writeFile(file, `${JSON.stringify(exchanges, null, 2)}\n`);
process.stdout.write(`${String(exchanges.length)} exchanges\n`);
