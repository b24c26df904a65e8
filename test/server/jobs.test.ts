import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseRecipe } from '../../src/engine/train/recipe.js';
import { openEmbeddedTrainer } from '../../src/models/embedded/open-embedded-trainer.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import {
  ask,
  jsonLines,
  startTestServer,
  textFile,
  trainingRows,
  waitFor,
  type TestServer,
} from './start-test-server.js';

const recipe = { rank: 2, alpha: 4, learning_rate: 0.01, warmup_steps: 1 };

async function upload({ client }: TestServer, text: string, purpose: 'fine-tune' | 'batch'): Promise<string> {
  return (await client.files.create({ file: textFile('rows.jsonl', text), purpose })).id;
}

/** Creates a job; `recipe` and `checkpoint_steps` are driftline's own. */
async function createJob(server: TestServer, changes: object = {}, rows = 12) {
  return server.client.fineTuning.jobs.create({
    model: 'tiny',
    training_file: await upload(server, trainingRows(rows), 'fine-tune'),
    seed: 4,
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2, batch_size: 4 } } },
    ...{ recipe },
    ...changes,
  });
}

const isOver = ({ status }: { status: string }): boolean => ['succeeded', 'failed', 'cancelled'].includes(status);
const finishJob = ({ client }: TestServer, id: string) => waitFor(() => client.fineTuning.jobs.retrieve(id), isOver);

const batchLine = (id: string, body: object) => ({
  custom_id: id,
  method: 'POST',
  url: '/v1/chat/completions',
  body: ask(`Question ${id}?`, body),
});

async function createBatch(server: TestServer, lines: string, window = '24h') {
  return server.client.batches.create({
    input_file_id: await upload(server, lines, 'batch'),
    endpoint: '/v1/chat/completions',
    // Other windows than OpenAI's are driftline's own.
    completion_window: window as '24h',
  });
}

const finishBatch = ({ client }: TestServer, id: string) =>
  waitFor(
    () => client.batches.retrieve(id),
    ({ status }) => ['completed', 'failed', 'expired', 'cancelled'].includes(status),
  );

async function readLines({ client }: TestServer, id: string | null | undefined) {
  if (typeof id !== 'string') return [];
  const text = await (await client.files.content(id)).text();
  return text
    .trimEnd()
    .split('\n')
    .map(
      (line) =>
        // What the server writes.
        JSON.parse(line) as {
          custom_id: string;
          response: { status_code: number; body: { choices?: { message: { content: string } }[] } } | null;
          error: { code: string } | null;
        },
    );
}

const bytesOfAdapter = (folder: string): Promise<Buffer> => readFile(join(folder, 'adapter_model.safetensors'));

/** The steps that a job told of, in their order. */
async function listSteps({ client }: TestServer, id: string): Promise<number[]> {
  const { data } = await client.fineTuning.jobs.listEvents(id, { limit: 1000 });
  return data
    .filter(({ type }) => type === 'metrics')
    .map((event) => (event.data as { step: number }).step) // what the server sends
    .toReversed();
}

/** Stops a server in the middle of a job: of a longer one where this machine had trained it before it was stopped. */
async function stopHalfway(epochs: number) {
  const folder = await makeTemporaryFolder();
  const long = { hyperparameters: { n_epochs: epochs, batch_size: 2 }, method: undefined };
  const stopped = await startTestServer({ folder });
  const job = await createJob(stopped, long);
  await waitFor(
    () => listSteps(stopped, job.id),
    (steps) => steps.length > 0,
  );
  await stopped.close();
  const stored = await readFile(join(folder, 'jobs', job.id, 'job.json'), 'utf8');
  if (!stored.includes('"status": "running"')) return stopHalfway(2 * epochs);
  return { folder, job, long, steps: 6 * epochs };
}

describe('fine-tuning', () => {
  it('makes the adapter that the trainer makes, and serves it and its checkpoints', async () => {
    const server = await startTestServer();
    const { client } = server;
    const job = await createJob(server, { suffix: 'mine' });
    expect(job).toMatchObject({ object: 'fine_tuning.job', status: 'validating_files', model: 'tiny', seed: 4 });
    const done = await finishJob(server, job.id);
    expect(done).toMatchObject({ status: 'succeeded', error: null, hyperparameters: { n_epochs: 2, batch_size: 4 } });
    expect(done.fine_tuned_model).toMatch(/^ft:tiny:driftline:mine:[0-9a-f]{8}$/);
    expect(done.trained_tokens).toBeGreaterThan(100);

    const folder = await makeTemporaryFolder();
    const trainer = await openEmbeddedTrainer({
      model: goldenFolder('qwen2-bias'),
      modelHash: '',
      threads: 1,
      clock: () => 0,
    });
    await trainer.train({
      rows: trainingRows(12)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as never), // rows, as written above
      recipe: parseRecipe({
        method: 'lora',
        ...recipe,
        epochs: 2,
        batch_size: 4,
        accumulation: 1,
        weight_decay: 0.01,
        loss: 'weighted',
        seed: 4,
      }),
      folder,
      keepSteps: [3, 6],
    });
    const made = join(server.folder, 'jobs', job.id, 'model');
    expect((await bytesOfAdapter(made)).equals(await bytesOfAdapter(folder))).toBe(true);

    const checkpoints = (await client.fineTuning.jobs.checkpoints.list(job.id)).data;
    expect(checkpoints.map(({ step_number: step }) => step)).toEqual([6, 3]);
    const [last, first] = checkpoints.map(({ fine_tuned_model_checkpoint: name }) => name);
    expect(first).toBe(`${done.fine_tuned_model ?? ''}:ckpt-step-3`);
    const texts = [];
    for (const model of ['tiny', done.fine_tuned_model, last, first]) {
      const { choices } = await client.chat.completions.create(ask('Say 3.', { model: model ?? '', seed: 1 }));
      texts.push(choices[0]?.message.content);
    }
    expect(texts[1]).toBe(texts[2]);
    expect(new Set(texts).size).toBe(3);
    const listed = (await client.models.list()).data.map(({ id }) => id);
    expect(listed).toEqual(['tiny', 'tuned', done.fine_tuned_model]);

    const events = (await client.fineTuning.jobs.listEvents(job.id, { limit: 100 })).data;
    expect(events[0]?.message).toBe('The job has successfully completed');
    const steps = events.filter(({ type }) => type === 'metrics').map(({ data }) => (data as { step: number }).step);
    expect(steps).toEqual([6, 5, 4, 3, 2, 1]);
    const results = await (await client.files.content(done.result_files[0] ?? '')).text();
    const csv = Buffer.from(results, 'base64').toString().split('\n');
    expect(csv[0]).toBe('step,train_loss,learning_rate,tokens');
    expect(csv).toHaveLength(8);
  });

  it('reads hyperparameters in both of their places, keeps the steps that are asked for, and weighs messages', async () => {
    const server = await startTestServer();
    const rows = jsonLines([
      {
        messages: [
          { role: 'user', content: 'Hm?' },
          { role: 'assistant', content: 'Ha.', weight: 0 },
          { role: 'user', content: 'Hm?' },
          { role: 'assistant', content: 'Ho.', weight: 1 },
        ],
      },
    ]);
    const job = await createJob(server, {
      training_file: await upload(server, rows, 'fine-tune'),
      method: undefined,
      hyperparameters: { n_epochs: 4, batch_size: 1, learning_rate_multiplier: 3 },
      recipe: { rank: 1, alpha: 1 },
      checkpoint_steps: [2],
    });
    expect(job.hyperparameters).toEqual({ n_epochs: 4, batch_size: 1, learning_rate_multiplier: 3 });
    expect(await finishJob(server, job.id)).toMatchObject({ status: 'succeeded' });
    const checkpoints = await server.client.fineTuning.jobs.checkpoints.list(job.id);
    expect(checkpoints.data.map(({ step_number: step }) => step)).toEqual([2]);
  });

  it('tells of rows that cannot be trained on before the job’s turn comes', async () => {
    const server = await startTestServer();
    const broken = await createJob(server, {
      training_file: await upload(server, `${trainingRows(2)}{"messages": []}\n`, 'fine-tune'),
    });
    const failed = await finishJob(server, broken.id);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'rows-invalid', param: 'training_file' } });
    expect(failed.error?.message).toContain(':3');
    expect(failed.error?.message).not.toContain(server.folder);
    // The next one is not held up.
    expect(await finishJob(server, (await createJob(server)).id)).toMatchObject({ status: 'succeeded' });
  });

  it('does one job at a time, and cancels those in progress and those that wait', async () => {
    const server = await startTestServer();
    const { jobs } = server.client.fineTuning;
    const long = { hyperparameters: { n_epochs: 50, batch_size: 1 }, method: undefined };
    const first = await createJob(server, long, 100);
    const second = await createJob(server, long, 100);
    await waitFor(
      () => jobs.retrieve(second.id),
      ({ status }) => status === 'queued',
    );
    const third = await createJob(server);
    await waitFor(
      () => jobs.listEvents(first.id),
      ({ data }) => data.some(({ type }) => type === 'metrics'),
    );
    expect((await jobs.retrieve(second.id)).status).toBe('queued');
    expect((await jobs.retrieve(first.id)).status).toBe('running');
    expect(await jobs.cancel(second.id)).toMatchObject({ status: 'cancelled' });
    expect(await jobs.cancel(first.id)).toMatchObject({ status: 'cancelled' });
    expect(await finishJob(server, third.id)).toMatchObject({ status: 'succeeded' });
    for (const { id } of [first, second]) {
      const job = await jobs.retrieve(id);
      expect(job).toMatchObject({ status: 'cancelled', fine_tuned_model: null });
      expect(job.finished_at).not.toBeNull();
      await expect(jobs.cancel(id)).rejects.toMatchObject({ status: 400 });
    }
    expect((await jobs.list()).data.map(({ id }) => id)).toEqual([third.id, second.id, first.id]);
  });

  it('goes on after the server was stopped, to the same adapter', async () => {
    const { folder, job, long, steps } = await stopHalfway(8);
    expect((await readdir(folder)).filter((name) => name.endsWith('.lock'))).toEqual([]);
    const again = await startTestServer({ folder });
    const done = await finishJob(again, job.id);
    expect(done).toMatchObject({ status: 'succeeded' });
    const told = await listSteps(again, job.id);
    // Of many steps not every one is told of.
    expect(told).toEqual(steps <= 200 ? Array.from({ length: steps }, (_, index) => index + 1) : [...new Set(told)]);

    const unbroken = await startTestServer();
    const other = await createJob(unbroken, long);
    await finishJob(unbroken, other.id);
    const adapterOf = (server: TestServer, id: string) => bytesOfAdapter(join(server.folder, 'jobs', id, 'model'));
    expect((await adapterOf(again, job.id)).equals(await adapterOf(unbroken, other.id))).toBe(true);
  });
});

describe('batches', () => {
  it('answer every line as it is answered by itself, and tell what was wrong with single ones', async () => {
    const server = await startTestServer();
    const lines = Array.from({ length: 40 }, (_, seed) => batchLine(`q${seed}`, { seed }));
    const wrong = [batchLine('model', { model: 'gpt-9' }), batchLine('n', { n: 0 }), batchLine('s', { stream: true })];
    const batch = await createBatch(server, jsonLines([...lines, ...wrong]));
    expect(batch).toMatchObject({ object: 'batch', status: 'validating' });
    const done = await finishBatch(server, batch.id);
    expect(done).toMatchObject({ status: 'completed', request_counts: { total: 43, completed: 40, failed: 3 } });
    const answers = await readLines(server, done.output_file_id);
    expect(answers.map(({ custom_id: id }) => id).sort()).toEqual(lines.map(({ custom_id: id }) => id).sort());
    for (const seed of [0, 17]) {
      const alone = await server.client.chat.completions.create(ask(`Question q${seed}?`, { seed }));
      const answer = answers.find(({ custom_id: id }) => id === `q${seed}`);
      expect(answer?.response?.body.choices?.[0]?.message.content).toBe(alone.choices[0]?.message.content);
    }
    const errors = await readLines(server, done.error_file_id);
    const statuses = errors.map(({ custom_id: id, response }) => [id, response?.status_code]).sort();
    expect(statuses).toEqual([
      ['model', 404],
      ['n', 400],
      ['s', 400],
    ]);
  });

  it('fail as a whole where lines are no requests', async () => {
    const server = await startTestServer();
    const good = batchLine('a', {});
    const lines = `${jsonLines([good, good, { ...good, custom_id: 'b', url: '/v1/embeddings' }])}nonsense\n`;
    const failed = await finishBatch(server, (await createBatch(server, lines)).id);
    expect(failed.status).toBe('failed');
    expect(failed.errors?.data?.map(({ line, code }) => [line, code])).toEqual([
      [2, 'duplicate_custom_id'],
      [3, 'invalid_request'],
      [4, 'invalid_json_line'],
    ]);
    const empty = await finishBatch(server, (await createBatch(server, '\n')).id);
    expect(empty.errors?.data?.map(({ code }) => code)).toEqual(['empty_file']);
    await expect(createBatch(server, '', 'soon')).rejects.toMatchObject({ status: 400, param: 'completion_window' });
  });

  it('that are cancelled keep what they have', async () => {
    const server = await startTestServer({ limits: { slots: 2 } });
    const lines = Array.from({ length: 300 }, (_, seed) => batchLine(`q${seed}`, { seed, max_tokens: 100 }));
    const { id } = await createBatch(server, jsonLines(lines));
    await waitFor(
      () => server.client.batches.retrieve(id),
      (batch) => (batch.request_counts?.completed ?? 0) > 3,
    );
    expect((await server.client.batches.cancel(id)).status).toBe('cancelling');
    const cancelled = await finishBatch(server, id);
    expect(cancelled.status).toBe('cancelled');
    const answers = await readLines(server, cancelled.output_file_id);
    expect(answers.length).toBe(cancelled.request_counts?.completed);
    expect(answers.length).toBeLessThan(300);
    await expect(server.client.batches.cancel(id)).rejects.toMatchObject({ status: 400 });
  });

  it('whose time is up tell which requests were not executed', async () => {
    let now = Date.now();
    const server = await startTestServer({ limits: { slots: 2 }, now: () => now });
    const lines = Array.from({ length: 300 }, (_, seed) => batchLine(`q${seed}`, { seed, max_tokens: 100 }));
    const { id, expires_at: expiry, created_at: created } = await createBatch(server, jsonLines(lines), '30m');
    expect((expiry ?? 0) - created).toBe(1800);
    await waitFor(
      () => server.client.batches.retrieve(id),
      (batch) => (batch.request_counts?.completed ?? 0) > 3,
    );
    now += 1_800_000;
    const expired = await finishBatch(server, id);
    expect(expired).toMatchObject({ status: 'expired', request_counts: { total: 300 } });
    const [answers, errors] = [
      await readLines(server, expired.output_file_id),
      await readLines(server, expired.error_file_id),
    ];
    expect(answers.length + errors.length).toBe(300);
    expect(new Set([...answers, ...errors].map(({ custom_id: one }) => one)).size).toBe(300);
    expect(errors.every(({ error }) => error?.code === 'batch_expired')).toBe(true);
  });

  it('go on after the server was stopped, and ask nothing twice', async () => {
    const folder = await makeTemporaryFolder();
    const lines = Array.from({ length: 60 }, (_, seed) => batchLine(`q${seed}`, { seed, max_tokens: 60 }));
    const first = await startTestServer({ folder, limits: { slots: 2 } });
    const { id } = await createBatch(first, jsonLines(lines));
    await waitFor(
      () => first.client.batches.retrieve(id),
      (batch) => (batch.request_counts?.completed ?? 0) > 3,
    );
    await first.close();
    const before = await readFile(join(folder, 'batches', id, 'output.jsonl'), 'utf8');
    const second = await startTestServer({ folder });
    const done = await finishBatch(second, id);
    expect(done).toMatchObject({ status: 'completed', request_counts: { completed: 60, failed: 0 } });
    const after = await (await second.client.files.content(done.output_file_id ?? '')).text();
    expect(after.startsWith(before)).toBe(true);
    const answers = await readLines(second, done.output_file_id);
    expect(new Set(answers.map(({ custom_id: one }) => one)).size).toBe(60);
    expect(answers).toHaveLength(60);
  });
});

const python = process.env['PYTHON'] ?? 'python3';
const hasClient = await promisify(execFile)(python, ['-c', 'import openai']).then(
  () => true,
  () => false,
);

it.skipIf(!hasClient)(
  'the official Python client does the same, unchanged (skipped without its package openai)',
  async () => {
    const { url } = await startTestServer();
    const example = fileURLToPath(new URL('../../examples/openai-client.py', import.meta.url));
    const environment = { ...process.env, OPENAI_BASE_URL: url, OPENAI_API_KEY: 'any' };
    const { stdout } = await promisify(execFile)(python, [example, 'tiny'], { env: environment });
    expect(stdout).toContain('The job has successfully completed');
    expect(stdout).toContain('batch: completed 10 answers');
  },
);
