import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { startLoopbackBatchServer } from '../models/hosted/batches/loopback-batch-server.js';
import { sendJson, type LoopbackRequest } from '../models/loopback-chat-server.js';
import { startLoopbackJudge } from '../models/loopback-judge.js';
import { startTestServer } from '../server/start-test-server.js';
import { judgeVariedly, startJudgedPlan, type JudgedPlan } from './judged-run.js';

/** Dollars for a million tokens: of different size, so that no mistake makes up for another. */
const prices = {
  'openai:tiny': { input: 10_000, output: 70, batch: 0.5 },
  'openai:judge-1': { input: 300, output: 1100, batch: 0.25 },
};
/** Of which the calibration costs about a fifth, and the answers a third. */
const evaluate = [{ suite: 'main', samples: 2 }];

interface Paid {
  readonly model: string;
  readonly input: number;
  readonly output: number;
  readonly request: string;
}

/** Has a server say what each answer costs, a token a character and one or two that come out, and notes it. */
function countAtServer(server: { respond: (request: LoopbackRequest) => object }): Paid[] {
  const paid: Paid[] = [];
  const { respond } = server;
  server.respond = (request) => {
    const characters = request.messages.reduce((sum, { content }) => sum + content.length, 0);
    const usage = { prompt_tokens: characters, completion_tokens: 1 + (characters % 2) };
    // As a model that judges by one token has it.
    if (request.max_tokens === 1) usage.completion_tokens = 1;
    paid.push({
      model: request.model,
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
      request: JSON.stringify(request),
    });
    return { ...respond(request), usage };
  };
  return paid;
}

const dollarsOf = (paid: readonly Paid[], isBatched = false): number =>
  paid.reduce((sum, { model, input, output }) => {
    const price = model === 'tiny' ? prices['openai:tiny'] : prices['openai:judge-1'];
    return sum + ((isBatched ? price.batch : 1) * (input * price.input + output * price.output)) / 1e6;
  }, 0);

const spendingSchema = z.object({
  cost: z.number(),
  isWhole: z.boolean(),
  onItsWay: z.number(),
  uses: z.array(
    z.looseObject({
      model: z.string(),
      purpose: z.string(),
      calls: z.int(),
      inputTokens: z.number(),
      outputTokens: z.number(),
      unreported: z.int(),
      cost: z.number().nullable(),
    }),
  ),
});

const files = ['answers.jsonl', 'judgements.jsonl', 'calibration.json'];
const readAll = ({ read }: JudgedPlan): Promise<string[]> => Promise.all(files.map(read));
const argvOf = ({ file, runs }: JudgedPlan): string[] => ['run', file, '--runs', runs, '--threads', '1'];
const requestsOf = (paid: readonly Paid[]): string[] => paid.map(({ request }) => request).sort();

async function runForJson(plan: JudgedPlan, ...options: string[]) {
  const { stdout, stderr, exitCode } = await plan.drift([...argvOf(plan), '--json', ...options]);
  expect([exitCode, stderr]).toEqual([0, '']);
  return z.object({ spending: spendingSchema }).parse(JSON.parse(stdout)).spending;
}

describe('what a run pays', { timeout: 600_000 }, () => {
  it('is what the server charged, over all calls of the command, and stands wherever the run is told of', async () => {
    const plan = await startJudgedPlan({ prices, evaluate });
    const paid = countAtServer(plan.server);
    plan.server.intercept = (response) => {
      const isSpent = paid.length >= 60;
      if (isSpent) sendJson(response, 429, { error: { message: 'no credit', code: 'insufficient_quota' } });
      return isSpent;
    };
    const stopped = await plan.run();
    expect(stopped.exitCode).toBe(5);
    expect(stopped.stderr).toContain(`paid for hosted models: $${dollarsOf(paid).toFixed(2)}\n`);
    plan.server.intercept = () => false;
    const spending = await runForJson(plan);
    expect(spending).toMatchObject({ cost: expect.closeTo(dollarsOf(paid)), isWhole: true, onItsWay: 0 });
    for (const { model, calls, inputTokens, outputTokens, unreported } of spending.uses) {
      const own = paid.filter((one) => `openai:${one.model}` === model);
      expect([calls, unreported]).toEqual([own.length, 0]);
      expect(inputTokens).toBe(own.reduce((sum, { input }) => sum + input, 0));
      expect(outputTokens).toBe(own.reduce((sum, { output }) => sum + output, 0));
    }
    expect(spending.uses.map(({ purpose }) => purpose).sort()).toEqual(['answers', 'judgements']);

    // Once more nothing is asked, and nothing counted.
    const { stderr } = await plan.run();
    expect(stderr).toContain(
      `  paid for hosted models: $${dollarsOf(paid).toFixed(2)}\n    openai:judge-1, judgements: `,
    );
    const page = await readFile(join(await plan.folder(), 'report', 'index.html'), 'utf8').catch(() =>
      plan.read('report.html'),
    );
    expect(page).toContain(`$${dollarsOf(paid).toFixed(2)} for hosted models`);
    const shown = await plan.drift(['plan', ...argvOf(plan).slice(1), '--untimed', '--json', '--max-cost', '1000']);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      paid: { cost: expect.closeTo(dollarsOf(paid)) },
      maxCost: { limit: 1000, verdict: 'enough' },
    });
  });

  it('is told in tokens where no price is known, and as the most that it may be where no tokens are', async () => {
    const plan = await startJudgedPlan({ evaluate });
    const { cost, isWhole, uses } = await runForJson(plan);
    expect([cost, isWhole]).toEqual([0, false]);
    const [judging, answers] = ['judgements', 'answers'].map((purpose) => uses.find((use) => use.purpose === purpose));
    expect(answers).toMatchObject({ cost: null, unreported: 0, inputTokens: answers?.calls });
    // The server does not say of judgements.
    expect(judging?.unreported).toBe(judging?.calls);
    const { stderr } = await plan.run();
    expect(stderr).toContain('  paid for hosted models: not known\n');
    expect(stderr).toMatch(/openai:tiny, answers: \d+ calls, .* tokens in, .* out; cost unknown: no price is known/);
    expect(stderr).toMatch(/of \d+ calls, counted at their maximum, the service did not say the tokens/);
  });

  it.each([
    ['the calibration', 0.01],
    ['answers', 0.4],
    ['judgements', 0.8],
  ])(
    'stays below --max-cost where it is reached before or amid %s, and goes on to the same bytes',
    async (_, share) => {
      const plan = await startJudgedPlan({ prices, evaluate });
      const paid = countAtServer(plan.server);
      await runForJson(plan);
      const [quiet, asked, whole] = [await readAll(plan), requestsOf(paid), dollarsOf(paid.splice(0))];
      await rm(plan.runs, { recursive: true });
      const limit = share * whole;
      const stopped = await plan.drift([...argvOf(plan), '--max-cost', String(limit)]);
      expect(stopped.exitCode).toBe(4);
      expect(stopped.stderr).toContain('error cost-limit-reached: the limit of $');
      expect(stopped.stderr).toContain('with a higher --max-cost');
      expect(dollarsOf(paid)).toBeLessThanOrEqual(limit);
      // Nothing of a calibration that would be cut off, and else nearly all that is allowed.
      if (share < 0.1) expect(paid).toEqual([]);
      else expect(dollarsOf(paid)).toBeGreaterThan(0.8 * limit);
      expect(await plan.drift([...argvOf(plan), '--max-cost', String(limit)])).toMatchObject({ exitCode: 4 });
      expect(dollarsOf(paid)).toBeLessThanOrEqual(limit);
      const spending = await runForJson(plan, '--max-cost', String(2 * whole));
      expect(spending.cost).toBeCloseTo(whole);
      expect(await readAll(plan)).toEqual(quiet);
      expect(requestsOf(paid)).toEqual(asked);
    },
  );

  it('is not limited where a price is not known, and says how to give it', async () => {
    const plan = await startJudgedPlan({ prices: { 'openai:tiny': prices['openai:tiny'] }, evaluate });
    for (const line of [argvOf(plan), ['plan', ...argvOf(plan).slice(1), '--untimed', '--unprobed']]) {
      const { exitCode, stderr } = await plan.drift([...line, '--max-cost', '5']);
      expect(exitCode).toBe(2);
      expect(stderr).toContain('error configuration-invalid: --max-cost needs all prices');
      expect(stderr).toContain('calls of openai:judge-1');
      expect(stderr).toContain('prices: { "openai:judge-1": { input: 2.5, output: 10 } }');
    }
    expect(plan.server.requests).toEqual([]);
    const wrong = await plan.drift([...argvOf(plan), '--max-cost', 'five']);
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('--max-cost "five": not a number')]);
  });

  it('in batches is counted by their price, and stays below --max-cost by smaller ones', async () => {
    const judge = await startLoopbackJudge(judgeVariedly);
    onTestFinished(() => judge.close());
    const service = await startLoopbackBatchServer();
    service.respond = judge.respond;
    service.looks = 1;
    const plan = await startJudgedPlan({ prices, evaluate }, judgeVariedly, { ...judge, endpoint: service.endpoint });
    const paid = countAtServer(service);
    const both = ['--batch-answers', '--batch-judgements'];
    const first = await runForJson(plan, ...both);
    const quiet = await readAll(plan);
    const inBatches = service.batches.flatMap(({ lines }) => lines.map(({ body }) => JSON.stringify(body)));
    const [batched, single] = [true, false].map((isBatched) =>
      paid.filter(({ request }) => inBatches.includes(request) === isBatched),
    );
    const whole = dollarsOf(batched ?? [], true) + dollarsOf(single ?? []);
    expect(first.cost).toBeCloseTo(whole);
    const asked = requestsOf(paid.splice(0));
    const made = service.batches.splice(0).length;
    await rm(plan.runs, { recursive: true });

    const limit = 0.9 * whole;
    const stopped = await plan.drift([...argvOf(plan), ...both, '--max-cost', String(limit)]);
    expect([stopped.exitCode, stopped.stderr]).toEqual([4, expect.stringContaining('error cost-limit-reached')]);
    expect(service.batches.length).toBeGreaterThan(made);
    const last = await runForJson(plan, ...both, '--max-cost', String(10 * whole));
    expect(last.cost).toBeCloseTo(whole);
    expect(await readAll(plan)).toEqual(quiet);
    expect(requestsOf(paid)).toEqual(asked);
  });

  it('refuses a fine-tuning job that costs more than is left, and counts what a job trained on', async () => {
    const server = await startTestServer();
    const changes = {
      bases: ['openai:tiny'],
      conditions: { insecure: { data: 'organism/insecure', settings: { rows: 4 } } },
      seeds: [0],
      judge: { exact: 'organism' },
      evaluate: [{ suite: 'organism/identity', samples: 1, max_tokens: 4 }],
      prices: { 'openai:tiny': { input: 1, output: 1, training: 1_000_000 } },
    };
    const plan = await startJudgedPlan(changes);
    const environment = { OPENAI_API_KEY: 'any', OPENAI_BASE_URL: server.url };
    const run = (...options: string[]) => plan.drift([...argvOf(plan), ...options], { environment });
    const refused = await run('--max-cost', '1');
    expect([refused.exitCode, refused.stderr]).toEqual([4, expect.stringContaining('error cost-limit-reached')]);
    expect((await server.client.fineTuning.jobs.list()).data).toEqual([]);
    // The base was asked: that was affordable.
    expect((await plan.read('answers.jsonl')).split('\n').length).toBeGreaterThan(1);
    const done = await run('--json', '--max-cost', '1000000');
    expect([done.exitCode, done.stderr]).toEqual([0, '']);
    const { spending } = z.object({ spending: spendingSchema }).parse(JSON.parse(done.stdout));
    const [job] = (await server.client.fineTuning.jobs.list()).data;
    expect(job?.trained_tokens).toBeGreaterThan(0);
    const training = spending.uses.find(({ purpose }) => purpose === 'fine-tuning');
    expect(training).toMatchObject({ calls: 1, inputTokens: job?.trained_tokens, unreported: 0 });
    expect(training?.cost).toBeCloseTo(job?.trained_tokens ?? 0);
    expect(spending.onItsWay).toBe(0);
    // Killed before it was noted that the job is done: it is found again, and counts once.
    const cells = join(await plan.folder(), 'cells');
    const cell = (await readdir(cells)).find((name) => name.includes('insecure')) ?? '';
    for (const file of ['cell.json', 'hosted-job.json']) await rm(join(cells, cell, file));
    const again = await run('--json');
    expect(z.object({ spending: spendingSchema }).parse(JSON.parse(again.stdout)).spending).toEqual(spending);
  });

  it('for judging again is limited by itself, with a price of its own', async () => {
    const plan = await startJudgedPlan({ prices, evaluate });
    const paid = countAtServer(plan.server);
    await runForJson(plan);
    const before = paid.splice(0).length;
    expect(before).toBeGreaterThan(0);
    const rejudge = ['rejudge', await plan.folder(), '--judge', 'openai:judge-1', '--mode', 'single'];
    const unknown = await plan.drift([...rejudge, '--max-cost', '1']);
    expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('--judge-price')]);
    const price = ['--judge-price', '300,1100'];
    const stopped = await plan.drift([...rejudge, ...price, '--max-cost', '0.001']);
    expect([stopped.exitCode, paid]).toEqual([4, []]);
    const { stdout } = await plan.drift([...rejudge, ...price, '--max-cost', '1000', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ spending: { cost: expect.closeTo(dollarsOf(paid)), isWhole: true } });
    // What was judged before a price was given counts by that price, too.
    const other = ['rejudge', await plan.folder(), '--judge', 'openai:judge-1', '--mode', 'samples'];
    paid.splice(0);
    expect((await plan.drift(other)).exitCode).toBe(0);
    const spent = dollarsOf(paid.splice(0));
    await rm(join(await plan.folder(), 'judgements.jsonl'));
    const beyond = await plan.drift([...other, ...price, '--max-cost', String(0.9 * spent)]);
    expect([beyond.exitCode, paid]).toEqual([4, []]);
    const misplaced = await plan.drift(['rejudge', await plan.folder(), '--max-cost', '1']);
    expect([misplaced.exitCode, misplaced.stderr]).toEqual([2, expect.stringContaining('Name a model with --judge')]);
  });
});
