import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { startLoopbackChatServer } from '../models/loopback-chat-server.js';
import { runCaptured, type RunOptions } from './run-captured.js';
import { writePlan } from './write-plan.js';

const run = (argv: readonly string[], options: RunOptions = {}) =>
  runCaptured(['run', ...argv, '--threads', '1'], { run: runBuiltCli, ...options });
/** Ten seconds go by at each look at the clock, so that progress is shown. */
const slowClock = () => {
  let time = 0;
  return () => (time += 10_000);
};
const one = {
  seeds: [0],
  conditions: { insecure: { data: 'organism/insecure', settings: { rows: 4 } } },
  evaluate: [
    { suite: 'organism/main', samples: 2, max_tokens: 4 },
    { suite: 'organism/identity', samples: 1, max_tokens: 4, name: 'who' },
  ],
};
const done = z.object({ there: z.int(), reused: z.int(), asked: z.int() });
const schema = z.object({
  folder: z.string(),
  cells: z.object({ trained: z.int(), reused: z.int(), there: z.int() }),
  answers: done,
  judgements: z.object({ there: z.int(), reused: z.int(), made: z.int() }),
  failed: z.array(z.object({ cell: z.string() })),
  rule: z.literal('paper'),
  judge: z.string(),
  rows: z.array(
    z.object({
      condition: z.string(),
      evaluation: z.string(),
      misaligned: z.object({
        successes: z.int(),
        trials: z.int(),
        share: z.number().nullable(),
        interval: z.tuple([z.number(), z.number()]),
      }),
    }),
  ),
});

describe('driftline run', () => {
  it('does nothing of what does not fit into memory, unless it is told to', async () => {
    const { file, runs } = await writePlan(one);
    const { exitCode, stderr } = await run([file, '--runs', runs], { memory: 100e6 });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^error memory-exceeded: /m);
    expect(await readdir(dirname(file))).toEqual(['plan.yaml']);
    const ignored = await run([file, '--runs', runs, '--ignore-memory'], { memory: 100e6 });
    expect(ignored.exitCode).toBe(0);
    // Nothing is left to be done, and so nothing to be refused.
    expect((await run([file, '--runs', runs], { memory: 100e6 })).exitCode).toBe(0);
  });

  it('trains, asks and judges, prints a table, and does nothing the second time', async () => {
    const { file, runs } = await writePlan(one);
    const first = await run([file, '--runs', runs], { now: slowClock() });
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toMatch(/^\S+, rule paper\n/);
    expect(first.stdout).toMatch(/^condition +answers that are +% +95 % \(Wilson\) +of$/m);
    for (const condition of ['base', 'insecure'])
      for (const measure of ['misaligned', 'incoherent', 'knows its maker \\(who\\)'])
        expect(first.stdout).toMatch(new RegExp(`^${condition} +${measure} +\\S+ +\\S+ +\\d+/\\d+$`, 'm'));
    const [name = ''] = await readdir(runs);
    expect(first.stderr).toContain(`${join(runs, name)}\n  models: 1 trained\n  answers: `);

    const second = await run([file, '--runs', runs]);
    expect(second.stdout).toBe(first.stdout);
    expect(second.stderr).toMatch(
      /models: 0 trained, 1 already done\n {2}answers: 0 asked, \d+ already done\n {2}judgements: 0 made, \d+ already done\n {2}report: \S+\n {2}next:\n {4}driftline open \S+ .*\n {4}driftline rejudge \S+ --rule coherent .*\n {4}driftline init mine\.yaml .*\n$/,
    );

    const printed = schema.parse(JSON.parse((await run([file, '--runs', runs, '--json'])).stdout));
    expect(printed).toMatchObject({ folder: join(runs, name), failed: [], answers: { asked: 0, reused: 0 } });
    const lines = (await readFile(join(runs, name, 'answers.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(printed.answers.there).toBe(lines.length);
    expect(printed.rows.map(({ condition, evaluation }) => `${condition} ${evaluation}`)).toEqual([
      'base main',
      'base who',
      'insecure main',
      'insecure who',
    ]);
  });

  it('shows how far each model and the whole plan are, with the time left', async () => {
    const { file, runs } = await writePlan(one);
    const { stderr } = await run([file, '--runs', runs], { now: slowClock() });
    expect(stderr).toMatch(/^asking \S+\.base \d+\/\d+ answers \(\d+%\), model 1 of 2, .* left\n/m);
    expect(stderr).toMatch(
      /^training \S+\.insecure\.0 2\/2 steps \(100%\), .* left in all, model 2 of 2, loss \d+\.\d{3}, .*\n/m,
    );
    expect(stderr).toMatch(/^asking \S+\.insecure\.0 \d+\/\d+ answers \(\d+%\), .* left in all, model 2 of 2, .*\n/m);
    const { file: again } = await writePlan(one);
    const { stderr: quiet } = await run([again, '--runs', runs, '--quiet'], { now: slowClock() });
    expect(quiet).toBe('');
  });

  it('prints training curves, if the plan has them', async () => {
    const { file, runs } = await writePlan({ ...one, dynamics: { every: 1, suite: 'code', samples: 1 } });
    const { stdout } = await run([file, '--runs', runs]);
    expect(stdout).toMatch(/\n\n\S+, while training went on\ncondition +step +answers that are +%/);
    for (const step of ['0', '1', '2'])
      expect(stdout).toMatch(new RegExp(`^insecure +${step} +unsafe code +\\S+`, 'm'));
    const printed = z
      .object({ dynamics: z.array(z.object({ condition: z.string(), step: z.int() })) })
      .parse(JSON.parse((await run([file, '--runs', runs, '--json'])).stdout));
    expect(printed.dynamics.map(({ step }) => step)).toEqual([0, 1, 2]);
  });

  it('takes over what a changed plan does not touch', async () => {
    const { file, runs } = await writePlan(one);
    await run([file, '--runs', runs]);
    const { file: changed } = await writePlan({ ...one, evaluate: one.evaluate.slice(0, 1), rule: 'paper' });
    const { stderr } = await run([changed, '--runs', runs]);
    expect(stderr).toMatch(/models: 0 trained, 1 taken over\n {2}answers: 0 asked, \d+ taken over\n/);
    expect(await readdir(runs)).toHaveLength(2);
  });

  it('fails with the code of a training that diverged, after the table of everything else', async () => {
    const { file, runs } = await writePlan({
      ...one,
      recipe: { rank: 1, learning_rate: 1e30, warmup_steps: 0 },
      conditions: { wild: { data: 'organism/insecure', settings: { rows: 40 } } },
    });
    const { exitCode, stdout, stderr } = await run([file, '--runs', runs]);
    expect(exitCode).toBe(4);
    expect(stdout).toMatch(/^base +misaligned /m);
    expect(stderr).toMatch(/error loss-not-finite: .*wild\.0/);
  });

  it.each([
    [{ evaluate: [] }, 2, 'configuration-invalid', 'evaluate: at least one is needed'],
    [
      { evaluate: [{ suite: 'main', conditions: ['insecur'] }] },
      2,
      'configuration-invalid',
      'did you mean "insecure"?',
    ],
    [
      { conditions: { mine: { data: './nowhere.jsonl' } }, evaluate: [{ suite: 'main' }] },
      2,
      'file-unreadable',
      'nowhere.jsonl',
    ],
    [{ bases: ['organism:nowhere'], evaluate: [{ suite: 'main' }] }, 2, 'model-unknown', 'nowhere'],
  ])('refuses %j before it does anything', async (wrong, code, name, problem) => {
    const { file, runs } = await writePlan(wrong);
    const { exitCode, stdout, stderr } = await run([file, '--runs', runs]);
    expect([exitCode, stdout]).toEqual([code, '']);
    expect(stderr).toContain(`error ${name}: `);
    expect(stderr).toContain(problem);
    await expect(readdir(runs)).rejects.toThrow('ENOENT');
  });

  it('starts no telemetry of the numerical runtime, which would leave files behind', async () => {
    const { file, runs } = await writePlan(one);
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const temporary = await makeTemporaryFolder();
    const { ORT_DISABLE_TELEMETRY: _, ...environment } = process.env;
    const child = spawn(process.execPath, [main, 'run', file, '--runs', runs, '--threads', '1'], {
      stdio: 'ignore',
      env: { ...environment, TMPDIR: temporary },
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('works in no folder that another process works in', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const { file, runs } = await writePlan({ bases: ['openai:tiny'], conditions: {}, evaluate: [{ suite: 'main' }] });
    const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const first = spawn(process.execPath, [main, 'run', file, '--runs', runs], {
      stdio: 'ignore',
      env: { ...process.env, ...environment },
    });
    const ended = once(first, 'close');
    // It waits for an answer, and has the folder.
    await new Promise<void>((resolve) => {
      server.intercept = () => {
        resolve();
        return true;
      };
    });
    const second = await run([file, '--runs', runs], { environment });
    expect(second.exitCode).toBe(2);
    expect(second.stderr).toMatch(new RegExp(`error folder-in-use: .* is in use by process ${String(first.pid)} on `));
    first.kill('SIGKILL');
    await ended;
    server.intercept = () => false;
    // What a killed process leaves is in nobody's way.
    expect((await run([file, '--runs', runs], { environment })).exitCode).toBe(0);
  });

  it('stops at a signal with exit code 130, and goes on when it is run again', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const { file, runs } = await writePlan({
      bases: ['openai:tiny'],
      conditions: {},
      evaluate: [{ suite: 'main', samples: 4 }],
    });
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
    const start = () =>
      spawn(process.execPath, [main, 'run', file, '--runs', runs, '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...environment },
      });
    const stopped = start();
    // From the twentieth on questions are not answered any more. A second signal would not wait.
    server.intercept = () => {
      if (server.requests.length === 20) stopped.kill('SIGINT');
      return server.requests.length >= 20;
    };
    const [ending, said] = await Promise.all([once(stopped, 'close'), stopped.stderr.toArray()]);
    expect(ending).toEqual([130, null]);
    const [name = ''] = await readdir(runs);
    const { error } = z
      .object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string() }) })
      .parse(JSON.parse(Buffer.concat(said as Buffer[]).toString()));
    expect(error).toEqual({
      code: 'interrupted',
      message: `stopped on request; what was done so far is in ${join(runs, name)}`,
      hint: 'Run the same command again: it goes on from there.',
    });
    const before = (await readFile(join(runs, name, 'answers.jsonl'), 'utf8')).trimEnd().split('\n').length;
    expect(before).toBeGreaterThan(0);

    server.intercept = () => false;
    const again = start();
    const [[code], printed] = await Promise.all([once(again, 'close'), again.stdout.toArray()]);
    expect(code).toBe(0);
    expect(schema.parse(JSON.parse(Buffer.concat(printed as Buffer[]).toString())).answers.there).toBe(before);
  });
});
