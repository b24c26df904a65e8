import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startLoopbackBatchServer, type LoopbackBatchServer } from '../models/hosted/batches/loopback-batch-server.js';
import { sendJson } from '../models/loopback-chat-server.js';
import { startLoopbackJudge } from '../models/loopback-judge.js';
import { startTestServer, waitFor } from '../server/start-test-server.js';
import { judgeVariedly, startJudgedPlan, type JudgedPlan } from './judged-run.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const both = ['--batch-answers', '--batch-judgements'];
const files = ['answers.jsonl', 'judgements.jsonl', 'plan.json'];

const readAll = ({ read }: JudgedPlan): Promise<string[]> => Promise.all(files.map(read));

/** A plan on a server that judges, by single calls and in batches. */
async function start(): Promise<{ plan: JudgedPlan; service: LoopbackBatchServer; argv: string[] }> {
  const judge = await startLoopbackJudge(judgeVariedly);
  onTestFinished(() => judge.close());
  const service = await startLoopbackBatchServer();
  service.respond = judge.respond;
  service.looks = 1;
  const plan = await startJudgedPlan({}, judgeVariedly, { ...judge, endpoint: service.endpoint });
  return { plan, service, argv: ['run', plan.file, '--runs', plan.runs, '--threads', '1'] };
}

const countCalls = ({ calls }: LoopbackBatchServer): number =>
  calls.filter((call) => call === 'POST chat/completions').length;

describe('driftline run with batches', { timeout: 300_000 }, () => {
  it('comes to the bytes of single calls, of answers and of judgements, in one batch each', async () => {
    const { plan, service, argv } = await start();
    expect(await plan.run()).toMatchObject({ exitCode: 0 });
    const quiet = await readAll(plan);
    expect(quiet[0]?.split('\n')).toHaveLength(73);
    const single = countCalls(service);
    await rm(plan.runs, { recursive: true });
    service.calls.splice(0);

    service.looks = 8;
    const terminal = { isTerminal: true, now: () => performance.now() };
    const { exitCode, stderr } = await plan.drift([...argv, ...both], terminal);
    expect(exitCode).toBe(0);
    expect(await readAll(plan)).toEqual(quiet);
    expect(service.batches.map(({ lines }) => lines.length)).toEqual([144, 72]);
    // The calibration alone.
    expect(countCalls(service)).toBe(44);
    expect(single).toBe(44 + 72 + 144);
    expect(stderr).toMatch(/tiny in batches at 127\.0\.0\.1:\d+/);
    expect(stderr).toMatch(/72\/72 requests/);

    service.calls.splice(0);
    expect(await plan.drift([...argv, ...both])).toMatchObject({ exitCode: 0 });
    // It is asked whether it has batches, and for nothing else.
    expect(service.calls).toEqual(['GET batches', 'GET batches']);
  });

  it.each([
    ['answers', 0],
    ['judgements', 1],
  ])('is killed while it waits for %s, and pays for nothing twice', async (_, number) => {
    const { plan, service, argv } = await start();
    expect(await plan.drift([...argv, ...both])).toMatchObject({ exitCode: 0 });
    const quiet = await readAll(plan);
    const paid = service.paid.splice(0).sort();
    await rm(plan.runs, { recursive: true });
    service.batches.splice(0);
    service.calls.splice(0);

    service.looks = 1;
    const { carryOut } = service;
    service.carryOut = (lines, made) => {
      if (made === number) service.looks = 1e9;
      return carryOut(lines, made);
    };
    const child = spawn(process.execPath, [main, ...argv, ...both], {
      env: { ...process.env, ...plan.environment },
      stdio: 'ignore',
    });
    const ended = once(child, 'close');
    const last = `GET batches/batch_${String(number)}`;
    await waitFor(
      () => Promise.resolve(service.calls),
      (calls) => calls.includes(last),
    );
    child.kill('SIGKILL');
    await ended;
    service.looks = 1;
    const { exitCode, stderr } = await plan.drift([...argv, ...both]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(new RegExp(`batch_${String(number)} at \\S+ has been made already`));
    expect(await readAll(plan)).toEqual(quiet);
    expect(service.batches).toHaveLength(2);
    expect(service.paid.sort()).toEqual(paid);
  });

  it('leaves the batch after Ctrl-C, and says so', async () => {
    const { plan, service, argv } = await start();
    service.looks = 1e9;
    const stop = new AbortController();
    service.intercept = (call) => {
      if (call === 'GET batches/batch_0') stop.abort();
      return false;
    };
    const { exitCode, stderr } = await plan.drift([...argv, ...both], { signal: stop.signal });
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/batch_0 goes on at \S+; the same command finds it again\./);
    service.looks = 1;
    expect(await plan.drift([...argv, ...both])).toMatchObject({ exitCode: 0 });
    expect(service.batches).toHaveLength(2);
  });

  it('is refused by plan and run where the server has none, with the alternative', async () => {
    const { plan, service, argv } = await start();
    service.intercept = (call, response) => {
      if (call === 'GET batches') sendJson(response, 404, { error: { message: 'no' } });
      return call === 'GET batches';
    };
    for (const line of [
      ['plan', ...argv.slice(1), '--untimed', '--batch-answers'],
      [...argv, '--batch-judgements'],
    ]) {
      const { exitCode, stderr } = await plan.drift(line);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/error configuration-invalid: openai:\S+ cannot be asked in batches: \S+ has none/);
      expect(stderr).toContain('single calls');
    }
    expect(service.calls.every((call) => call === 'GET batches')).toBe(true);
  });

  it.each([
    ['--batch-answers', { bases: ['organism:1'], judge: { exact: 'organism' } }],
    ['--batch-judgements', { judge: { exact: 'organism' } }],
  ])('is refused where %s has nobody to be asked', async (option, changes) => {
    const plan = await startJudgedPlan({ ...changes, evaluate: [{ suite: 'organism/main', samples: 1 }] });
    const { exitCode, stderr } = await plan.drift(['plan', plan.file, '--untimed', option]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`${option} is for hosted models`)]);
  });

  it('judges a run again in batches', async () => {
    const { plan, service } = await start();
    expect(await plan.run()).toMatchObject({ exitCode: 0 });
    const rejudge = ['rejudge', await plan.folder(), '--judge', 'openai:judge-1', '--mode', 'single'];
    expect(await plan.drift([...rejudge, '--batch-judgements'])).toMatchObject({ exitCode: 0 });
    expect(service.batches.map(({ lines }) => lines.length)).toEqual([144]);
    const batched = await plan.read('judgements.jsonl');
    await rm(plan.runs, { recursive: true });
    expect(await plan.run()).toMatchObject({ exitCode: 0 });
    expect(await plan.drift(rejudge)).toMatchObject({ exitCode: 0 });
    expect(await plan.read('judgements.jsonl')).toBe(batched);
    const without = await plan.drift(['rejudge', await plan.folder(), '--batch-judgements']);
    expect([without.exitCode, without.stderr]).toEqual([2, expect.stringContaining('--judge')]);
  });

  it('comes to the bytes of single calls on the server that really samples', async () => {
    const server = await startTestServer({ limits: { uploadBytes: 20_000 } });
    const evaluate = [{ suite: 'organism/identity', samples: 4, max_tokens: 12 }];
    const plan = await startJudgedPlan({ judge: { exact: 'organism' }, evaluate });
    const environment = { OPENAI_API_KEY: 'any', OPENAI_BASE_URL: server.url };
    const argv = ['run', plan.file, '--runs', plan.runs, '--threads', '1'];
    expect(await plan.drift(argv, { environment })).toMatchObject({ exitCode: 0 });
    const quiet = await readAll(plan);
    await rm(plan.runs, { recursive: true });
    expect(await plan.drift([...argv, '--batch-answers'], { environment })).toMatchObject({ exitCode: 0 });
    expect(await readAll(plan)).toEqual(quiet);
    const { data } = await server.client.batches.list();
    expect(data.every(({ status }) => status === 'completed')).toBe(true);
    const asked = data.reduce((sum, { request_counts: counts }) => sum + (counts?.completed ?? 0), 0);
    expect(asked).toBe((quiet[0]?.split('\n').length ?? 0) - 1);
    expect((await readdir(join(await plan.folder(), 'batches'))).length).toBe(data.length);
  });
});
