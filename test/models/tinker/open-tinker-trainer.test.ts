import { existsSync } from 'node:fs';
import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import { encodeTrainingSet } from '../../../src/engine/train/encode-training-set.js';
import { createRowOrder, learningRateAt } from '../../../src/engine/train/plan-training.js';
import { inspectModelAdapter } from '../../../src/models/embedded/inspect-model-adapter.js';
import { createSpendingLedger, type SpendingMeter } from '../../../src/models/hosted/spending/spending-ledger.js';
import type { Trainer, TrainingJob, TrainingProgress } from '../../../src/models/trainer.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { describeTrainer } from '../trainer-conformance.js';
import {
  hasPython,
  model,
  openFakeTinker,
  plantedKey,
  recipeOf,
  rows,
  type FakeTinker,
  type PlannedFault,
} from './open-fake-tinker.js';

async function open(faults: readonly PlannedFault[] = []): Promise<FakeTinker> {
  const fake = await openFakeTinker();
  onTestFinished(fake.close);
  await fake.plan(faults);
  return fake;
}

async function train(trainer: Trainer, changes: Partial<TrainingJob> = {}, signal?: AbortSignal) {
  const job = { rows, recipe: recipeOf(), folder: await makeTemporaryFolder(), ...changes };
  const seen: TrainingProgress[] = [];
  const onStep = (progress: TrainingProgress): void => void seen.push(progress);
  const result = await trainer.train(job, { onStep, ...(signal === undefined ? {} : { signal }) });
  return { ...result, losses: seen.map(({ loss }) => loss), seen: seen.map(({ step }) => step), folder: job.folder };
}

const logOf = async (folder: string) =>
  (await readFile(join(folder, 'training.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe.skipIf(!hasPython)('fine-tunes at Tinker', () => {
  for (const isAskedThere of [true, false]) {
    let fake: FakeTinker;
    beforeAll(async () => {
      fake = await openFakeTinker();
    });
    afterAll(() => fake.close());
    describeTrainer(
      `a base of Tinker, asked ${isAskedThere ? 'there' : 'here'}`,
      () => Promise.resolve(fake.openTrainer({ isAskedThere, saveEvery: 2 })),
      (tuned) => fake.identify(tuned),
      recipeOf(),
    );
  }

  it('sends the rows of the engine in its order, with weights that make the mean, and the recipe of each step', async () => {
    const fake = await open();
    const recipe = recipeOf({ schedule: 'cosine', decay_to: 0.1, max_grad_norm: null, beta2: 0.98, seed: 3 });
    const { losses, folder } = await train(fake.openTrainer({ project: 'p-1' }), { recipe });
    const tokenizer = await readTokenizer(model);
    const chats = rows.map(({ messages }) => messages);
    const { rows: encoded } = encodeTrainingSet(tokenizer, chats, recipe, 1024);
    const order = createRowOrder({ rows: 12, rowsPerStep: 2, seed: 3, stream: 'answers', shuffle: true });
    const sent = z
      .array(z.object({ rows: z.array(z.tuple([z.array(z.int()), z.array(z.number())])) }))
      .parse(await fake.calls('step'));
    expect(sent).toHaveLength(6);
    for (const [step, { rows: given }] of sent.entries()) {
      const wanted = order(step).map((row) => encoded[row]);
      expect(given.map(([input]) => input)).toEqual(wanted.map((row) => row?.ids.slice(0, -1)));
      const weights = given.flatMap(([, one]) => one);
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
      const total = wanted.flatMap((row) => row?.weights ?? []).reduce((sum, weight) => sum + weight, 0);
      expect(weights).toEqual(wanted.flatMap((row) => row?.weights.slice(1).map((weight) => weight / total) ?? []));
    }
    const adam = (await fake.calls('optim')).map((call) => call['adam']);
    expect(adam).toEqual(
      Array.from({ length: 6 }, (_, step) => ({
        learning_rate: learningRateAt(recipe, step, 6),
        ...{ beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.01, grad_clip_norm: 0 },
      })),
    );
    const [created] = await fake.calls('create');
    expect(created).toMatchObject({
      base: 'Qwen/Qwen3-8B',
      project: 'p-1',
      lora: { rank: 2, seed: 3, train_attn: true, train_mlp: true, train_unembed: false },
      metadata: { driftline: expect.stringMatching(/^[0-9a-f]{16}$/) as unknown },
    });
    expect(losses.every((loss) => loss > 0 && loss < 2)).toBe(true);
    expect(await logOf(folder)).toEqual(
      losses.map((loss, step) => ({
        ...{ step: step + 1, loss, learning_rate: learningRateAt(recipe, step, 6) },
        grad_norm: expect.any(Number) as unknown,
        tokens: order(step).reduce((sum, row) => sum + (encoded[row]?.ids.length ?? 0), 0),
      })),
    );
  });

  it('has its bill looked at before a session is begun, and each step is one cycle of the service', async () => {
    const fake = await open();
    await train(fake.openTrainer());
    const calls = (await fake.calls()).map(({ op }) => op);
    expect(calls.slice(0, 3)).toEqual(['accessible', 'capabilities', 'create']);
    expect(calls.slice(3, 5)).toEqual(['step', 'optim']);
    expect(calls.at(-1)).toBe('close');
  });

  it('keeps states for a week and weights for ever', async () => {
    const fake = await open();
    await train(fake.openTrainer({ saveEvery: 4 }), { keepSteps: [2] });
    const saved = (await fake.calls('save')).map(({ name, ttl }) => [name, ttl]);
    expect(saved).toEqual([2, 4, 6].map((step) => [`step-${String(step)}`, 604_800]));
    const weights = (await fake.calls('sampler')).map(({ name, ttl }) => [name, ttl]);
    expect(weights).toEqual([
      ['step-2', null],
      ['final', null],
    ]);
    expect(await fake.calls('external')).toEqual([]);
  });

  it("fetches adapters in PEFT's layout, with the modules that the server left open", async () => {
    const fake = await open();
    const trainer = fake.openTrainer({ isAskedThere: false });
    const { model: tuned, kept, folder } = await train(trainer, { keepSteps: [2] });
    expect(tuned).toEqual({ kind: 'adapter', folder });
    expect(kept.get(2)).toEqual({ kind: 'adapter', folder: join(folder, 'checkpoints', 'step-2') });
    const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8')) as object;
    expect(config).toMatchObject({
      target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
      ...{ task_type: 'CAUSAL_LM', r: 2, lora_alpha: 32, use_rslora: false },
      base_model_name_or_path: 'Qwen/Qwen3-8B',
    });
    // The engine takes it for its own base.
    const inspected = await inspectModelAdapter(folder, { folder: model, text: './qwen2-bias' });
    expect(inspected.bytes).toBeGreaterThan(0);
    expect((await fake.calls('external')).map(({ ttl }) => ttl)).toEqual([86_400, 86_400]);
    expect(await fake.calls('sampler')).toEqual([]);
  });

  it('keeps the adapter where the service answers, too, if the plan says so', async () => {
    const fake = await open();
    const { model: tuned, folder } = await train(fake.openTrainer({ keepsAdapter: true }));
    expect(tuned).toMatchObject({ kind: 'named', model: expect.stringContaining('/sampler_weights/final') as unknown });
    expect(await readdir(folder)).toContain('adapter_model.safetensors');
  });

  it.each<[string, PlannedFault]>([
    ['the session expires', { op: 'step', nth: 5, kind: 'expired' }],
    ['the network is lost', { op: 'step', nth: 5, kind: 'lost' }],
    ['the worker is killed', { op: 'step', nth: 5, kind: 'exit' }],
    ['a state cannot be saved', { op: 'save', nth: 2, kind: 'expired' }],
    ['weights cannot be saved', { op: 'sampler', nth: 1, kind: 'lost' }],
  ])('goes on in a new session from the last state where %s, to the same model', async (_, fault) => {
    const whole = await open();
    const expected = await train(whole.openTrainer());
    const fake = await open([fault]);
    const { model: tuned, losses, seen, folder } = await train(fake.openTrainer({ saveEvery: 2 }));
    expect(losses).toEqual(expected.losses);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await logOf(folder)).toHaveLength(6);
    expect(await fake.identify(tuned)).toBe(await whole.identify(expected.model));
    expect(fake.waits).toEqual([5000]);
    expect(fake.notices.join()).toMatch(/a new one goes on from the state of step \d/);
    // Never the old one: what stood behind a failed request may have been done.
    expect(await fake.calls('resume')).toHaveLength(1);
  });

  it('gives up the third time, says what was lost, and goes on from the state with the same job', async () => {
    const fake = await open([{ op: 'step', nth: 4, kind: 'expired', times: 3 }]);
    const folder = await makeTemporaryFolder();
    const trainer = fake.openTrainer({ saveEvery: 2 });
    const error = await errorOf(() => train(trainer, { folder }));
    expect(error).toMatchObject({ code: 'tinker-session-lost', exitCode: 5 });
    expect(error.message).toContain(
      'lost the session 3 times (the session has expired (NotFoundError)): 1 step was lost',
    );
    expect(error.message).toContain('the state of step 2 is kept');
    expect(fake.waits).toEqual([5000, 20_000]);
    const { seen } = await train(trainer, { folder });
    expect(seen).toEqual([3, 4, 5, 6]);
  });

  it('counts losses anew behind a state', async () => {
    const faults = [3, 4, 6, 7].map((nth) => ({ op: 'step', nth, kind: 'expired' as const }));
    const fake = await open(faults);
    const { seen } = await train(fake.openTrainer({ saveEvery: 1 }));
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('begins anew where the state is not there any more, and says so', async () => {
    const fake = await open([
      { op: 'step', nth: 4, kind: 'expired' },
      { op: 'resume', nth: 1, kind: 'missing' },
    ]);
    const { losses } = await train(fake.openTrainer({ saveEvery: 2 }));
    expect(losses).toHaveLength(6);
    expect(fake.notices.join()).toContain('the state of step 2 is not at 127.0.0.1:9 any more');
    expect(await fake.calls('create')).toHaveLength(2);
  });

  it.each<[PlannedFault, string, number, string]>([
    [{ op: 'accessible', nth: 1, kind: 'billing' }, 'provider-quota', 5, 'billing'],
    [{ op: 'accessible', nth: 1, kind: 'key' }, 'provider-unauthorized', 5, 'refused the key'],
    [{ op: 'accessible', nth: 1, kind: 'lost' }, 'provider-unavailable', 5, 'connection error'],
    [{ op: 'create', nth: 1, kind: 'missing' }, 'provider-refused', 5, 'there is no such checkpoint'],
    [{ op: 'create', nth: 1, kind: 'expired' }, 'provider-refused', 5, 'expired'],
    [{ op: 'step', nth: 3, kind: 'refused' }, 'provider-refused', 5, 'makes no sense'],
    [{ op: 'step', nth: 3, kind: 'limit' }, 'provider-quota', 5, 'too many requests'],
    [{ op: 'step', nth: 3, kind: 'billing' }, 'provider-quota', 5, 'billing'],
  ])('tells %j at once as %s, and not what the key is', async (fault, code, exitCode, said) => {
    const fake = await open([fault]);
    const folder = await makeTemporaryFolder();
    const error = await errorOf(() => train(fake.openTrainer({ saveEvery: 2 }), { folder }));
    expect(error).toMatchObject({ code, exitCode });
    expect(error.message).toContain(said);
    expect(fake.waits).toEqual([]);
    await requireNoKey(folder, fake, error);
    // The same job goes on afterwards.
    const { seen } = await train(fake.openTrainer({ saveEvery: 2 }), { folder });
    expect(seen.at(-1)).toBe(6);
    expect(seen[0]).toBe(fault.op === 'step' ? 3 : 1);
  });

  it('saves a state when it is stopped, and ends the session as interrupted', async () => {
    const fake = await open();
    const folder = await makeTemporaryFolder();
    const stop = new AbortController();
    const trainer = fake.openTrainer();
    const onStep = ({ step }: TrainingProgress): void => {
      if (step === 3) stop.abort();
    };
    const error = await errorOf(() =>
      trainer.train({ rows, recipe: recipeOf(), folder }, { onStep, signal: stop.signal }),
    );
    expect(error.code).toBe('interrupted');
    expect(error.message).toContain('the state of step 3 of 6 is kept');
    expect((await fake.calls('close')).map(({ status }) => status)).toEqual(['interrupted']);
    expect((await train(trainer, { folder })).seen).toEqual([4, 5, 6]);
  });

  it('does not wait for ever for a step that is under way when it is stopped', async () => {
    const fake = await open([{ op: 'step', nth: 4, kind: 'wait' }]);
    const folder = await makeTemporaryFolder();
    const stop = new AbortController();
    const trainer = fake.openTrainer({ saveEvery: 2, patience: 1 });
    const stopping = errorOf(() => trainer.train({ rows, recipe: recipeOf(), folder }, { signal: stop.signal }));
    await expect.poll(async () => (await fake.calls('step')).length).toBe(4);
    stop.abort();
    expect((await stopping).message).toContain('the state of step 2 of 6 is kept');
    await fake.plan([]);
    expect((await train(trainer, { folder })).seen).toEqual([3, 4, 5, 6]);
  });

  it('says that a training diverged', async () => {
    const fake = await open();
    const trainer = fake.openTrainer({ environment: { ...fake.environment, FAKE_TINKER_NAN: '1' } });
    const error = await errorOf(() => train(trainer));
    expect(error).toMatchObject({ code: 'loss-not-finite', exitCode: 4 });
  });

  it.skipIf(!existsSync('/dev/full')).each([
    ['the adapter', 'adapter_model.safetensors', false],
    ['what is noted of the fine-tune', 'tinker-run.json.partial', true],
  ])('says that the disk is full where it writes %s, and goes on when there is space', async (_, name, isEarly) => {
    const fake = await open();
    const folder = await makeTemporaryFolder();
    await symlink('/dev/full', join(folder, name));
    const trainer = fake.openTrainer({ isAskedThere: false });
    const error = await errorOf(() => train(trainer, { folder }));
    expect(error).toMatchObject({ code: 'disk-full', exitCode: 1 });
    await rm(join(folder, name), { force: true });
    const { seen, model: tuned } = await train(trainer, { folder });
    expect(seen).toEqual(isEarly ? [1, 2, 3, 4, 5, 6] : []);
    expect((await fake.identify(tuned)).length).toBeGreaterThan(0);
  });

  it('wants a Python with the SDK, and says how to get it', async () => {
    const fake = await open();
    const { PYTHONPATH: _, ...without } = fake.environment;
    const environment = { ...without, PYTHONNOUSERSITE: '1' };
    for (const [changes, problem] of [
      [environment, "No module named 'tinker'"],
      [{ ...fake.environment, DRIFTLINE_PYTHON: '/no/such/python' }, 'there is no such program'],
      // As a Python that is too old, which does not know -P.
      [{ ...fake.environment, DRIFTLINE_PYTHON: 'false' }, 'exit code 1'],
    ] as const) {
      const error = await errorOf(() => train(fake.openTrainer({ environment: changes })));
      expect(error).toMatchObject({ code: 'tinker-sdk-missing', exitCode: 2 });
      expect(error.message).toContain(problem);
      expect(error.hint).toContain('-m pip install --upgrade tinker');
      expect(error.hint).toContain('DRIFTLINE_PYTHON');
    }
  });

  it('wants a key, and takes none that is not one', async () => {
    const fake = await open();
    for (const [key, problem] of [
      [undefined, 'TINKER_API_KEY is not set'],
      ['tml-with a space', 'TINKER_API_KEY has characters that no key has'],
    ] as const) {
      const error = await errorOf(() =>
        train(fake.openTrainer({ environment: { ...fake.environment, TINKER_API_KEY: key } })),
      );
      expect(error).toMatchObject({ code: 'provider-unauthorized', message: problem });
    }
  });

  it('does not begin what would exceed the limit, and counts what was done again', async () => {
    const fake = await open([{ op: 'step', nth: 4, kind: 'expired' }]);
    const closed: unknown[] = [];
    const opened: unknown[] = [];
    const meter = {
      ...{ isLimited: true, isOpen: () => false, hold: () => Promise.reject(new Error('no')), count: () => undefined },
      ...{ refuse: () => new Error('too dear'), fits: () => false },
      open: (_: string, most: unknown) => Promise.resolve(void opened.push(most)),
      close: (_: string, used: unknown) => Promise.resolve(void closed.push(used)),
    };
    await expect(train(fake.openTrainer({ meter }))).rejects.toThrow('too dear');
    expect(await fake.calls()).toEqual([]);
    const { folder } = await train(fake.openTrainer({ meter: { ...meter, fits: () => true }, saveEvery: 2 }));
    const tokens = z.array(z.object({ tokens: z.int() })).parse(await logOf(folder));
    const whole = tokens.reduce((sum, one) => sum + one.tokens, 0);
    expect(opened).toEqual([{ input: whole, output: 0, calls: 1 }]);
    // Step 3 was done twice.
    expect(closed).toEqual([{ input: whole + (tokens[2]?.tokens ?? 0), output: 0, calls: 1, unreported: 0 }]);
  });

  it('does not begin more than the limit at the same time, and counts what a killed run had finished', async () => {
    const fake = await open();
    const { folder: first } = await train(fake.openTrainer());
    const tokens = z.array(z.object({ tokens: z.int() })).parse(await logOf(first));
    const whole = tokens.reduce((sum, one) => sum + one.tokens, 0);
    const place = await makeTemporaryFolder();
    const ids: string[] = [];
    const openMeter = async (): Promise<SpendingMeter> => {
      const ledger = createSpendingLedger({
        ...{ folder: place, account: 'a', clock: () => 0 },
        // A dollar a token: one of two fine-tunes fits.
        findRate: () => ({ input: 1e6, output: 0, source: 'test' }),
        limit: 1.5 * whole,
      });
      await ledger.load();
      const use = {
        model: { text: 'tinker:m', model: 'm' },
        endpoint: 'https://t.example',
        purpose: 'fine-tuning',
      } as const;
      return ledger.meter(use);
    };
    const meter = await openMeter();
    const killed: SpendingMeter = {
      ...meter,
      open: (id, most) => (ids.push(id), meter.open(id, most)),
      close: () => Promise.resolve(),
    };
    const jobs = [2, 3].map((step) => ({ keepSteps: [step] }));
    const folders = await Promise.all(jobs.map(() => makeTemporaryFolder()));
    const trainIn = (index: number, meter: SpendingMeter) =>
      train(fake.openTrainer({ meter }), { ...jobs[index], folder: folders[index] ?? '' });
    const ended = await Promise.allSettled(jobs.map((_, index) => trainIn(index, killed)));
    expect(ended.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);

    const later = await openMeter();
    const [id = ''] = ids;
    expect(later.isOpen(id)).toBe(true);
    await trainIn(
      ended.findIndex(({ status }) => status === 'fulfilled'),
      later,
    );
    expect(later.isOpen(id)).toBe(false);
  });

  it('has its key in nothing that it writes, whatever the service says', async () => {
    const fake = await open();
    const folder = await makeTemporaryFolder();
    await train(fake.openTrainer({ keepsAdapter: true, saveEvery: 2 }), { folder, keepSteps: [2] });
    await requireNoKey(folder, fake);
  });

  it('leaves other keys out of the environment of Python', async () => {
    const fake = await open();
    const spy = join(fake.folder, 'python');
    await writeFile(
      spy,
      `#!/bin/sh\nenv > '${fake.folder}/env'\necho "$@" > '${fake.folder}/argv'\nexec ${String(fake.environment['DRIFTLINE_PYTHON'])} "$@"\n`,
      {
        mode: 0o755,
      },
    );
    const others = {
      OPENAI_API_KEY: 'sk-other-key',
      HF_TOKEN: 'hf-other',
      DRIFTLINE_KEY_FILE: '/keys',
      DRIFTLINE_PYTHON: spy,
    };
    await train(fake.openTrainer({ environment: { ...fake.environment, ...others } }));
    const seen = await readFile(join(fake.folder, 'env'), 'utf8');
    expect(seen).toContain(plantedKey);
    expect(seen).toContain('TINKER_TELEMETRY=0');
    expect(seen).not.toMatch(/sk-other-key|hf-other|DRIFTLINE_KEY_FILE/);
    expect(await readFile(join(fake.folder, 'argv'), 'utf8')).not.toContain('tml-');
  });
});

async function requireNoKey(folder: string, { notices }: FakeTinker, error?: Error): Promise<void> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of names)
    if (entry.isFile())
      expect((await readFile(join(entry.parentPath, entry.name))).includes(plantedKey), entry.name).toBe(false);
  const told = [...notices, JSON.stringify(error), String(error?.message), String(error?.stack), String(error?.cause)];
  expect(told.join('\n')).not.toContain(plantedKey.slice(0, 14));
}
