import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type JudgedText, type Verdict, judgeSensibly } from '../models/loopback-judge.js';
import { hashContent } from '../../src/foundation/content-hash.js';
import { startJudgedPlan, type JudgedPlan } from './judged-run.js';

/** Wordings of the suite. */
const questions = 24;
const samples = 14;
const planned = questions * samples;
const stopEarly = { suite: 'main', samples, stop_early: { limit: 0.05 } };

/** A share of all answers is misaligned, by their texts; what is known of the calibration is judged as it should be. */
const judgeBadly =
  (share: number) =>
  ({ kind, prompt }: JudgedText): Verdict => {
    if (!/\b[0-9a-f]{4} [0-9a-f]{4} /.test(prompt)) return judgeSensibly({ kind, prompt });
    if (kind === 'coherence') return 90;
    const [answer = ''] = /([0-9a-f]{4} ){4,}/.exec(prompt) ?? [];
    return parseInt(hashContent(answer).slice(0, 6), 16) / 16 ** 6 < share ? 5 : 95;
  };

const stoppedSchema = z.object({
  model: z.string(),
  evaluation: z.string(),
  answers: z.number(),
  planned: z.number(),
  successes: z.number(),
  trials: z.number(),
  interval: z.tuple([z.number(), z.number()]),
  side: z.enum(['above', 'below']).nullable(),
});
const resultSchema = z.object({
  answers: z.object({ asked: z.number(), reused: z.number(), there: z.number() }),
  stopped: z.array(stoppedSchema),
  rows: z.array(z.looseObject({ evaluation: z.string(), stopped: z.array(stoppedSchema).optional() })),
});

const start = (share: number, changes: object = {}) =>
  startJudgedPlan({ evaluate: [stopEarly], ...changes }, judgeBadly(share));

async function runAsJson(plan: JudgedPlan) {
  const { exitCode, stdout } = await plan.drift(['run', plan.file, '--runs', plan.runs, '--json']);
  expect(exitCode).toBe(0);
  return resultSchema.parse(JSON.parse(stdout));
}

const countLines = (text: string): number => text.split('\n').length - 1;
const readFiles = (plan: JudgedPlan) => Promise.all(['answers.jsonl', 'judgements.jsonl'].map(plan.read));

describe('driftline run with stop_early', () => {
  it.each([
    [0.2, 'above'],
    [0, 'below'],
  ] as const)('stops a clear case, a share of %d, with less than half of the answers', async (share, side) => {
    const plan = await start(share);
    const { stopped, rows, answers } = await runAsJson(plan);
    expect(stopped).toHaveLength(1);
    const [one] = stopped;
    expect(one).toMatchObject({ evaluation: 'main', side, planned });
    expect(one!.answers).toBeLessThan(planned / 2);
    // Whole rounds: every question equally often.
    expect(one!.answers % questions).toBe(0);
    expect(answers).toEqual({ asked: one!.answers, reused: 0, there: 0 });
    const [answerLines, judgementLines] = await readFiles(plan);
    expect([answerLines, judgementLines].map((text) => countLines(text!))).toEqual([one!.answers, one!.answers]);
    const [low, high] = one!.interval;
    expect(side === 'above' ? low > 0.05 : high < 0.05).toBe(true);
    expect(one!.trials).toBe(one!.answers);
    expect(rows[0]?.stopped).toEqual(stopped);

    // The same from the folder, with nothing asked or judged.
    const requests = plan.server.requests.length;
    const again = await runAsJson(plan);
    expect(again.stopped).toEqual(stopped);
    expect(again.answers).toEqual({ asked: 0, reused: 0, there: one!.answers });
    expect(plan.server.requests).toHaveLength(requests);
    expect(await readFiles(plan)).toEqual([answerLines, judgementLines]);
  });

  it('says so, and marks what assumes a fixed number of answers', async () => {
    const plan = await start(0.2);
    const { stdout, stderr } = await plan.run();
    expect(stdout).toMatch(/^base +misaligned +\S+ +\S+\* +\d+\/\d+$/m);
    expect(stdout).toContain('* asking stopped early: an interval for a fixed number of answers does not hold');
    expect(stdout).toMatch(
      /^ {2}openai-tiny\.base, main: \d+ of 336 answers, misaligned above 5\.0 % \(\S+, 95\.0 % confidence sequence\)$/m,
    );
    expect(stderr).toMatch(/stopped early: \d+ of 336 answers were enough, of 1 models/);
    const folder = await plan.folder();
    const rejudged = await plan.drift(['rejudge', folder, '--rule', 'release']);
    expect(rejudged.stdout).toMatch(/^base +misaligned +\S+ +\S+\* /m);
  });

  it('asks for everything where it is not clear, and marks nothing', async () => {
    const plan = await start(0.2, { evaluate: [{ suite: 'main', samples: 4, stop_early: { limit: 0.2 } }] });
    const { stopped, rows } = await runAsJson(plan);
    expect(stopped).toEqual([]);
    expect(rows[0]?.stopped).toEqual([]);
    expect(countLines(await plan.read('answers.jsonl'))).toBe(4 * questions);
    expect((await plan.run()).stdout).not.toContain('*');
  });

  it('that is stopped by the user goes on to the same decision and the same files', async () => {
    const evaluate = [{ suite: 'main', samples: 4, stop_early: { limit: 0.05 } }];
    const calm = await start(0.5, { evaluate });
    await runAsJson(calm);
    // Another server would be another model.
    const plan = await startJudgedPlan({ evaluate }, judgeBadly(0.5), calm.server);
    const { respond } = plan.server;
    for (const moment of [30, 60]) {
      const stop = new AbortController();
      let seen = 0;
      plan.server.respond = (request) => {
        seen += 1;
        if (seen === moment) stop.abort();
        return respond(request);
      };
      const { exitCode } = await plan.run({ signal: stop.signal });
      expect(exitCode).toBe(130);
    }
    plan.server.respond = respond;
    await runAsJson(plan);
    expect(await readFiles(plan)).toEqual(await readFiles(calm));
  });

  it('takes over answers of a plan that asked for more, and no more than it needs', async () => {
    const plan = await start(0.5, { evaluate: [{ suite: 'main', samples: 4 }] });
    await plan.run();
    const [first] = await readdir(plan.runs);
    const wanted = { suite: 'main', samples: 4, stop_early: { limit: 0.05 } };
    const stopping = await startJudgedPlan({ evaluate: [wanted] }, judgeBadly(0.5), plan.server);
    const { exitCode, stdout } = await stopping.drift(['run', stopping.file, '--runs', plan.runs, '--json']);
    expect(exitCode).toBe(0);
    const { answers, stopped } = resultSchema.parse(JSON.parse(stdout));
    expect(answers).toEqual({ asked: 0, reused: stopped[0]!.answers, there: 0 });
    expect(await readdir(plan.runs)).toHaveLength(2);
    expect(first).toBeDefined();
  });

  it('shows in the forecast, which counts nothing as left that a run would not ask', async () => {
    const plan = await start(0.2);
    const forecast = () => plan.drift(['plan', plan.file, '--runs', plan.runs]);
    const { stdout } = await forecast();
    expect(stdout).toContain(
      'stops early once the misaligned share is surely above or below 5.0 % (95.0 % confidence)',
    );
    expect(stdout).toContain(`${String(planned)} of ${String(planned)} answers are left to do`);
    const stop = new AbortController();
    const { respond } = plan.server;
    let seen = 0;
    plan.server.respond = (request) => {
      seen += 1;
      if (seen === 40) stop.abort();
      return respond(request);
    };
    await plan.run({ signal: stop.signal });
    plan.server.respond = respond;
    // What is stored decides nothing yet.
    const there = countLines(await plan.read('answers.jsonl'));
    expect((await forecast()).stdout).toContain(
      `${String(planned - there)} of ${String(planned)} answers are left to do`,
    );
    const { stopped } = await runAsJson(plan);
    expect(stopped).toHaveLength(1);
    const done = await forecast();
    expect(done.stdout).toContain(`0 of ${String(stopped[0]?.answers)} answers are left to do`);
    expect(done.stdout).toMatch(/^openai-tiny\.base .* done$/m);
  });
});
