import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { goldenFolder } from '../checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

// The built package, which `npm test` builds first.
const engine = fileURLToPath(new URL('../../../dist/engine/index.js', import.meta.url));
const { ORT_DISABLE_TELEMETRY: _, ...environment } = process.env;
const program = `
const { openSampler } = await import(process.argv[1]);
const sampler = await openSampler({ model: process.argv[2], threads: 1 });
for await (const answer of sampler.sample([{ prompt: [1, 2], seed: 0, maximumTokens: 1 }])) void answer;
await sampler.close();
console.log(process.env.ORT_DISABLE_TELEMETRY);
`;
const run = async (variables: Readonly<Record<string, string>>): Promise<string> => {
  const argv = ['--input-type=module', '--eval', program, engine, goldenFolder('qwen2-bias')];
  return (await promisify(execFile)(process.execPath, argv, { env: { ...environment, ...variables } })).stdout.trim();
};

it('starts no telemetry of the numerical runtime in programs that use the engine', async () => {
  const temporary = await makeTemporaryFolder();
  expect(await run({ TMPDIR: temporary })).toBe('1');
  // It would leave a file there.
  expect(await readdir(temporary)).toEqual([]);
});

it('leaves the choice to whoever has made it', async () => {
  expect(await run({ ORT_DISABLE_TELEMETRY: '0' })).toBe('0');
});
