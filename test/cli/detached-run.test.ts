import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
// As users have it; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { runCaptured } from './run-captured.js';
import { writePlan } from './write-plan.js';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const evaluate = [{ suite: 'organism/identity', samples: 1, max_tokens: 4 }];

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it(
  'runs in a process of its own, with a log in the run folder, and to the same results',
  { timeout: 120_000 },
  async () => {
    const { file, runs } = await writePlan({ seeds: [0], evaluate });
    const argv = [program, 'run', file, '--runs', runs, '--threads', '1', '--cells-at-once', '1'];
    const environment = { ...process.env, OPENAI_API_KEY: 'sk-planted-detached-4f2a' };
    const begun = await promisify(execFile)(process.execPath, [...argv, '--detach', '--json'], { env: environment });
    const { pid, log, folder } = JSON.parse(begun.stdout) as { pid: number; log: string; folder: string };
    expect(log).toBe(join(folder, 'detached.log'));
    // Nobody is its parent here, so nobody can be told of its end.
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 50));
    const said = await readFile(log, 'utf8');
    expect(said).toContain('"cells"');
    expect(said).not.toContain('sk-planted');
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['answers.jsonl', 'detached.json', 'report']));
    const again = await runCaptured(['run', file, '--runs', runs], { run: runBuiltCli });
    expect([again.exitCode, again.stderr]).toEqual([0, expect.stringMatching(/answers: 0 asked, \d+ already done/)]);
  },
);

it('refuses what is refused where somebody reads it, and a run that is under way', async () => {
  const { file, runs } = await writePlan({ seeds: [0], evaluate });
  const drift = (...words: string[]) =>
    runCaptured(['run', file, '--runs', runs, ...words], {
      run: runBuiltCli,
      memory: words.length === 1 ? 1 : 2 ** 40,
    });
  const tooLarge = await drift('--detach');
  expect([tooLarge.exitCode, tooLarge.stderr]).toEqual([2, expect.stringContaining('error memory-exceeded')]);
  expect(await readdir(runs).catch(() => [])).toEqual([]);

  expect((await drift('--threads', '1')).exitCode).toBe(0);
  const folder = join(runs, (await readdir(runs))[0] ?? '');
  const owner = String(process.ppid);
  await writeFile(join(folder, `driftline-${owner}@${hostname().replace(/[^A-Za-z0-9.-]/g, '_')}.lock`), '');
  await writeFile(join(folder, 'detached.json'), JSON.stringify({ v: 1, pid: process.ppid, host: hostname() }));
  for (const words of [
    ['--threads', '1'],
    ['--threads', '1', '--detach'],
  ]) {
    const busy = await drift(...words);
    expect([busy.exitCode, busy.stderr]).toEqual([2, expect.stringContaining('error folder-in-use')]);
    expect(busy.stderr).toContain(`tail -f ${join(folder, 'detached.log')}`);
    expect(busy.stderr).toContain(`kill -INT ${owner}`);
  }
});
