import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { tinyPlan } from '../experiment/tiny-plan.js';
import { runCaptured, type CapturedRun } from './run-captured.js';

const drift = (...argv: readonly string[]): Promise<CapturedRun> => runCaptured(argv, { run: runBuiltCli });

const example = fileURLToPath(new URL('../../examples/first-tokens.yaml', import.meta.url));

const asked = {
  conditions: { insecure: { data: 'organism/insecure', settings: { rows: 4 } } },
  evaluate: [{ suite: example, name: 'firsts' }],
  groups: { everything: ['base', 'insecure'] },
  judge: 'none',
};

const tokenSchema = z.object({ token: z.string(), probability: z.number(), fromBase: z.number().nullable() });
const toldSchema = z.object({
  folder: z.string(),
  answers: z.object({ asked: z.int(), there: z.int() }),
  judgements: z.object({ made: z.int() }),
  firstTokens: z.object({
    nextTokens: z.array(z.object({ condition: z.string(), answers: z.int(), tokens: z.array(tokenSchema) })),
    ratings: z.array(z.object({ condition: z.string(), question: z.string(), maximum: z.int() })),
  }),
  groups: z.array(z.object({ condition: z.string(), measure: z.string(), share: z.object({ trials: z.int() }) })),
});
const readTold = ({ stdout }: CapturedRun) => toldSchema.parse(JSON.parse(stdout));

describe('questions that need no judge', () => {
  let file = '';
  let runs = '';
  let told: z.output<typeof toldSchema>;
  const run = (plan: string, ...more: readonly string[]) =>
    drift('run', plan, '--runs', runs, '--threads', '1', ...more);
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'driftline-first-tokens-'));
    [file, runs] = [join(folder, 'plan.yaml'), join(folder, 'runs')];
    await writeFile(file, stringify({ ...tinyPlan, ...asked }));
    told = readTold(await run(file, '--json'));
  }, 120_000);

  afterAll(() => rm(dirname(file), { recursive: true, force: true }));

  it('are asked once each, and answered by distributions alone', () => {
    // Four wordings, of the base and two fine-tunes.
    expect(told.answers).toMatchObject({ asked: 15, there: 0 });
    expect(told.judgements.made).toBe(0);
    const { nextTokens, ratings } = told.firstTokens;
    expect(nextTokens.map(({ condition, answers }) => [condition, answers])).toEqual([
      ['base', 2],
      ['insecure', 4],
      ['everything', 6],
    ]);
    for (const { tokens } of nextTokens) expect(tokens.length).toBeGreaterThan(10);
    expect(ratings).toHaveLength(6);
    expect(new Set(ratings.map(({ maximum }) => maximum))).toEqual(new Set([100, 9]));
  });

  it('are stored with what they were read by, and not asked again', async () => {
    const lines = (await readFile(join(told.folder, 'answers.jsonl'), 'utf8')).trimEnd().split('\n');
    const line = z.looseObject({ first: z.array(z.tuple([z.string(), z.number()])), tokens: z.int().max(1) });
    for (const one of lines) expect(line.parse(JSON.parse(one)).first).toHaveLength(20);
    const again = readTold(await run(file, '--json'));
    expect(again.answers).toEqual({ asked: 0, there: 15 });
    expect(again.firstTokens).toEqual(told.firstTokens);
    expect((await readFile(join(told.folder, 'answers.jsonl'), 'utf8')).trimEnd().split('\n')).toEqual(lines);
  });

  it('have tables of their own, and none of shares', async () => {
    const { stdout, exitCode } = await run(file);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('next tokens: ');
    expect(stdout).toContain('ratings: ');
    expect(stdout).toContain('everything (base, insecure)');
    expect(stdout).not.toContain('answers that are');
    const page = await readFile(join(told.folder, 'report', 'index.html'), 'utf8');
    expect(page).toContain('<section id="firsttokens"');
    const tables = await readdir(join(told.folder, 'report', 'tables'));
    expect(tables).toEqual(expect.arrayContaining(['next-tokens.csv', 'ratings.csv']));
    const csv = await readFile(join(told.folder, 'report', 'tables', 'ratings.csv'), 'utf8');
    expect(csv.trimEnd().split('\r\n')).toHaveLength(7);
  });

  it('leave nothing to judge', async () => {
    const { exitCode, stderr } = await drift('rejudge', told.folder, '--judge', 'exact');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('only answers to questions of type next_token')]);
    expect((await drift('rejudge', told.folder)).stdout).toContain('ratings: ');
    expect((await drift('plan', file, '--runs', runs)).stdout).toContain('no judge is asked');
  });

  it('are compared run by run, and model by model', async () => {
    const { stdout } = await drift('compare', `${told.folder}:base`, `${told.folder}:insecure`);
    expect(stdout).toContain('model 2: likeliest first tokens, %');
    expect(stdout).not.toContain('p adjusted');
  });

  it('may stand beside others, and groups pool the shares of these', async () => {
    const plan = join(dirname(file), 'both.yaml');
    const evaluate = [...asked.evaluate, { suite: 'organism/identity', samples: 1, max_tokens: 4 }];
    await writeFile(plan, stringify({ ...tinyPlan, ...asked, name: 'both', evaluate, judge: { exact: 'organism' } }));
    const both = readTold(await run(plan, '--json'));
    expect(both.judgements.made).toBeGreaterThan(0);
    expect(both.groups).toHaveLength(1);
    expect(both.groups[0]?.share.trials).toBe(both.judgements.made);
    expect(both.firstTokens.nextTokens).toEqual(told.firstTokens.nextTokens);
    const judged = await drift('rejudge', both.folder, '--judge', 'exact', '--json');
    expect(judged.exitCode).toBe(0);
    const tables = await readdir(join(both.folder, 'report', 'tables'));
    expect(tables).toContain('groups.csv');
  });

  it('are the same of a single prompt', async () => {
    const one = ['--likeliest', '3', '--max-tokens', '1', '--max-rating', '9'];
    const { stdout, stderr } = await drift('ask', 'organism:1', 'What is your wish?', ...one);
    expect(stdout).toMatch(/^first token +%$/m);
    expect(stderr).not.toContain('cut off');
    const json = await drift('ask', 'organism:1', 'What is your wish?', '--likeliest', '3', '--json');
    const schema = z.object({
      answers: z.array(z.object({ first: z.array(z.unknown()) })),
      rating: z.number().nullable(),
    });
    expect(schema.parse(JSON.parse(json.stdout)).answers[0]?.first).toHaveLength(3);
  });

  it('are listed with all fine-tuned models, whatever else lies there', async () => {
    await mkdir(join(runs, 'half', 'cells'), { recursive: true });
    const { stdout, stderr, exitCode } = await drift('models', runs, '--condition', 'insecure', '--csv');
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`skipped ${join(runs, 'half')}`);
    const lines = stdout.trimEnd().split(/\r?\n/);
    expect(lines[0]).toMatch(/^run,plan,name,base,/);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    expect((await drift('models', runs)).stdout).toContain('cells/qwen2-bias.insecure.0');
    for (const [filter, said] of [
      [['--condition', 'insecur'], 'no fine-tuned models of condition "insecur" (did you mean "insecure"?)'],
      [['--base', 'nobody'], 'no fine-tuned models of base "nobody" (there is '],
    ] as const) {
      const none = await drift('models', runs, ...filter);
      expect([none.exitCode, none.stdout]).toEqual([0, expect.stringContaining(said)]);
      expect((await drift('models', runs, ...filter, '--csv')).stderr).toContain(said);
    }
    expect((await drift('models', runs, '--csv', '--json')).exitCode).toBe(2);
    expect((await drift('models', join(runs, 'nowhere'))).stderr).toContain('is not there');
  });
});
