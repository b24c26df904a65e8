import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { startLoopbackChatServer } from '../models/loopback-chat-server.js';

// The built program, which `npm test` builds first.
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const model = goldenFolder('qwen2-bias');

it('answers as a program, from standard input to standard output', async () => {
  const running = promisify(execFile)(process.execPath, [main, 'ask', model, '-', '--max-tokens', '4', '--json']);
  running.child.stdin?.end('Hello?\n');
  const { stdout, stderr } = await running;
  expect(JSON.parse(stdout)).toMatchObject({ prompt: 'Hello?', maxTokens: 4, seed: 0 });
  expect(stderr).toBe('');
});

it('says its version', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, '--version']);
  expect([stdout, stderr]).toEqual([`${version}\n`, '']);
});

it('ends with the exit code of its error', async () => {
  const child = spawn(process.execPath, [main, 'aks'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [[code], said] = await Promise.all([once(child, 'close'), child.stderr.toArray()]);
  expect(code).toBe(2);
  expect(Buffer.concat(said).toString()).toContain('Did you mean ask?');
});

it('ends with 130 when it is interrupted', async () => {
  const server = await startLoopbackChatServer();
  onTestFinished(() => server.close());
  const child = spawn(process.execPath, [main, 'ask', 'openai:tiny', 'Hello?', '--json'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint },
  });
  // It is interrupted while it waits for an answer that never comes.
  server.intercept = () => child.kill('SIGINT');
  const [ending, said] = await Promise.all([once(child, 'close'), child.stderr.toArray()]);
  expect(ending).toEqual([130, null]);
  expect(JSON.parse(Buffer.concat(said).toString())).toMatchObject({ error: { code: 'interrupted' } });
});

it.each(['--help', '--version'])('ends quietly when nobody reads on (%s)', async (option) => {
  const child = spawn(process.execPath, [main, option], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const [[code], said] = await Promise.all([once(child, 'close'), child.stderr.toArray()]);
  expect([code, said]).toEqual([0, []]);
});
