import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, symlink, writeFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { hashContent, hashJson } from '../../../src/foundation/content-hash.js';
import { recipeSchema } from '../../../src/engine/train/recipe.js';
import { readCheckedLine, writeCheckedLine } from '../../../src/models/cluster/checked-lines.js';
import { testedVersions } from '../../../src/models/cluster/tested-software.js';
import { nameLink } from '../../../src/models/cluster/way-back.js';
import { createZip } from '../../../src/models/cluster/zip-archive.js';
import { insideJobSchema, lookInside } from './fake-inside.js';
import { headNode, type FakeDriver, type FakeRunner } from './fake-ray.js';

const orderSchema = z.discriminatedUnion('kind', [
  z.looseObject({ v: z.literal(1), kind: z.literal('train'), storage: z.string(), run: z.string(), cell: z.string() }),
  z.looseObject({ v: z.literal(1), kind: z.literal('lane'), storage: z.string(), run: z.string(), lane: z.string() }),
  z.looseObject({ v: z.literal(1), kind: z.literal('inside'), storage: z.string(), run: z.string(), hash: z.string() }),
  z.strictObject({ v: z.literal(1), kind: z.literal('deliver'), storage: z.string(), run: z.string() }),
  z.strictObject({
    ...{ v: z.literal(1), kind: z.literal('check'), storage: z.string(), run: z.string(), nonce: z.string() },
    vllm_python: z.string().optional(),
    models: z.record(z.string(), z.record(z.string(), z.string())).optional(),
  }),
]);

const modelHashes = { config_sha256: z.string().length(64), tokenizer_sha256: z.string().length(64) };
const modelSchema = z.union([
  z.strictObject({ folder: z.string(), weights: z.record(z.string(), z.string()).optional(), ...modelHashes }),
  z.strictObject({ cell: z.string().length(20), step: z.int().optional(), ...modelHashes }),
]);

/** The folder of a model, which must be the one that the job tells of. */
async function findModel(storage: string, model: z.output<typeof modelSchema>): Promise<string> {
  const folder =
    'folder' in model
      ? resolve(storage, model.folder)
      : join(storage, 'cells', model.cell, 'out', model.step === undefined ? 'model' : `kept-${String(model.step)}`);
  for (const [name, hash] of [
    ['config.json', model.config_sha256],
    ['tokenizer.json', model.tokenizer_sha256],
  ] as const) {
    const bytes = await readFile(join(folder, name)).catch(() => null);
    if (bytes === null) throw new Fault('model', `There is no model in ${folder} on this node`);
    if (hashContent(bytes) !== hash) throw new Error(`another ${name}`);
  }
  for (const [name, hash] of Object.entries('folder' in model ? (model.weights ?? {}) : {}))
    if (hashContent(await readFile(join(folder, name))) !== hash) throw new Fault('model', `${name} has other weights`);
  return folder;
}

const ids = z.array(z.int().nonnegative());

const jobSchema = z.strictObject({
  v: z.literal(1),
  mark: z.string().length(64),
  model: modelSchema,
  recipe: z.looseObject({
    steps: z.int().positive(),
    keep: z.array(z.int()),
    batch_size: z.int(),
    accumulation: z.int(),
  }),
  probes: z.array(z.strictObject({ messages: z.array(z.object({ role: z.string(), content: z.string() })), ids })),
  gpus: z.int(),
  per_device_rows: z.int(),
  accumulation: z.int(),
  save_every: z.int(),
  keep: z.enum(['kept', 'all', 'nothing']),
});

const rowSchema = z.strictObject({ ids, train: z.array(z.literal([0, 1])) });

const groupSchema = z.strictObject({
  q: z.string().length(16),
  adapter: z.string().nullable(),
  prompt: ids.nonempty(),
  temperature: z.number(),
  top_p: z.number(),
  max_tokens: z.int(),
  stop: ids,
  top: z.int(),
  attempt: z.int().optional(),
  seeds: z.array(z.tuple([z.int(), z.int()])),
});

/** How jobs behave; tests change it while they run. */
export interface FakeJobs {
  readonly run: FakeRunner;
  /** Milliseconds of a step, and of an answer. */
  stepTime: number;
  answerTime: number;
  linger: number;
  /** Milliseconds before a fine-tune has its GPU. */
  waitForGpu: number;
  /** Fine-tunes that were begun. */
  placed: number;
  /** What goes wrong at a step of a fine-tune, once for each time that it is said. */
  readonly deaths: { readonly at: number; readonly fault?: { readonly kind: string; readonly message: string } }[];
  /** Writes a line of an answer otherwise. */
  garble: (line: string) => string;
  /** Answers of a job of a lane after which it says that it stalls, once for each. */
  readonly laneStalls: number[];
  /** Hangs at a step of a fine-tune, once for each: writes nothing more until it is stopped. */
  readonly hangs: number[];
  /** What a check finds, in place of what is there. */
  report: (report: Record<string, unknown>) => Record<string, unknown>;
  /** What each fine-tune says that it measured, and GPU-seconds that it and a lane say that they took. */
  measured: object;
  gpuSeconds: number | null;
  /** Steps that were computed, in all jobs. */
  steps: number;
  /** How the next jobs end that look inside a model. */
  readonly insideDeaths: ('silent' | 'memory' | 'stalled' | 'hang')[];
  /** Jobs that looked inside. */
  looked: number;
  /** Keys of answers, as they were written. */
  readonly answered: string[];
  /** For millions of answers: cheap texts in whole files, no list of keys, no look at what is there already. */
  isFast: boolean;
  /** Answers that were written, in all jobs. */
  answers: number;
}

class Fault extends Error {
  constructor(
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

class Death extends Error {
  constructor(readonly code: number) {
    super(`died with ${String(code)}`);
  }
}

/**
 * Jobs that do what those in python/ do with the files of a storage, and play the trainer and the model: what comes out
 * is a hash of what went in.
 */
export function createFakeJobs(): FakeJobs {
  const jobs: FakeJobs = {
    ...{
      stepTime: 1,
      answerTime: 0,
      linger: 300,
      waitForGpu: 0,
      placed: 0,
      deaths: [],
      hangs: [],
      laneStalls: [],
      steps: 0,
      answered: [],
      insideDeaths: [],
      looked: 0,
      isFast: false,
      answers: 0,
    },
    report: (report) => report,
    ...{ measured: {}, gpuSeconds: null },
    garble: (line) => line,
    run: async (driver) => {
      const order = orderSchema.parse(JSON.parse(Buffer.from(driver.files.get('order.json') ?? []).toString()));
      const { storage } = order;
      for (const [name, bytes] of driver.files) {
        if (!name.startsWith('deliver/')) continue;
        const path = join(storage, name.slice('deliver/'.length));
        await writeWhole(path, bytes);
      }
      if (order.kind === 'deliver') return 0;
      await linkBack(driver, storage);
      if (order.kind === 'check') {
        await check(jobs, driver, order);
        return 0;
      }
      try {
        if (order.kind === 'train') await train(jobs, driver, join(storage, 'cells', order.cell), order);
        else if (order.kind === 'inside')
          await look(jobs, driver, join(storage, 'runs', order.run, 'inside', order.hash), order);
        else if (jobs.isFast)
          await answerFast(jobs, driver, join(storage, 'runs', order.run, 'lanes', order.lane), order);
        else await answer(jobs, driver, join(storage, 'runs', order.run, 'lanes', order.lane), order);
        return 0;
      } catch (cause) {
        if (cause instanceof Death) return cause.code;
        if (cause instanceof Fault) {
          const { place, name } = placeOf(order);
          const { kind, message } = cause;
          const told = JSON.stringify({ v: 1, kind, message, detail: null });
          await writeWhole(join(storage, ...place, 'fault.json'), Buffer.from(told));
          await show(storage, order.run, name, 'fault');
          return 3;
        }
        throw cause;
      }
    },
  };
  return jobs;
}

async function linkBack({ logs }: FakeDriver, storage: string): Promise<void> {
  const link = join(logs, nameLink(storage));
  if ((await lstat(link).catch(() => null)) === null) await symlink(storage, link).catch(() => undefined);
  const probe = join(storage, 'way-back');
  if ((await readFile(probe).catch(() => null)) === null)
    await writeWhole(probe, Buffer.from(hashContent(storage).slice(0, 32)));
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Two jobs may write the same file at a time.
  const part = `${path}.${randomBytes(4).toString('hex')}.part`;
  await writeFile(part, bytes);
  await rename(part, path);
}

/** Files of progress by their folders and names: a thousand jobs need not list them for each step. */
const shown = new Map<string, string>();

/** Renames NAME@.. to NAME@STATE. */
async function show(storage: string, run: string, name: string, state: string): Promise<void> {
  const folder = join(storage, 'runs', run, 'progress');
  const place = join(folder, name);
  const next = join(folder, `${name}@${state}`);
  const last = shown.get(place);
  shown.set(place, next);
  if (last !== undefined && last !== next && (await rename(last, next).then(isDone, () => false))) return;
  await mkdir(folder, { recursive: true });
  const there = (await readdir(folder)).filter((one) => one.startsWith(`${name}@`));
  await writeFile(next, '');
  for (const one of there) if (one !== `${name}@${state}`) await rm(join(folder, one), { force: true });
}

const isDone = (): true => true;

function readClosed(bytes: Uint8Array): unknown[] {
  const lines = gunzipSync(bytes)
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => readCheckedLine(line));
  const last = lines.pop();
  if (lines.includes(null) || last?.['lines'] !== lines.length) throw new Error('the lines are not whole');
  return lines;
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  const die = (): void => {
    if (signal.aborted) throw new Death(-9);
  };
  die();
  if (milliseconds > 0) await setTimeout(milliseconds, undefined, { signal }).catch(() => undefined);
  die();
}

/** As python/driftline_jobs/check.py reports of a node that has all that is asked for. */
async function check(
  jobs: FakeJobs,
  { print }: FakeDriver,
  order: {
    storage: string;
    nonce: string;
    vllm_python?: string | undefined;
    models?: Record<string, object> | undefined;
  },
): Promise<void> {
  const packages = { ...testedVersions, ray: '2.60.0' };
  const python = { asked: 'python3', python: '3.11.7', executable: '/usr/bin/python3', packages, gpus: [gpu] };
  const node = {
    ...{ node: headNode, host: 'box1', sees_storage: true, writes_storage: true, seen_by_head: true, free_bytes: 2e12 },
    ...{ resources: { CPU: 4, GPU: 1 }, python },
    ...(order.vllm_python === undefined ? {} : { vllm_python: { ...python, asked: order.vllm_python } }),
    models: Object.fromEntries(Object.keys(order.models ?? {}).map((name) => [name, { there: true }])),
  };
  const report = jobs.report({
    ...{ driftline: 'check', v: 1, nonce: order.nonce, ray: '2.60.0', python: '3.11.7' },
    ...{ head_writes_storage: true, nodes: [node], way_back: nameLink(order.storage) },
  });
  print(`(pid=1) Ray says something\n${JSON.stringify(report)}`);
  const file = join(order.storage, 'checks', `${order.nonce}.json`);
  if (report['head_writes_storage'] === true) await writeWhole(file, Buffer.from(JSON.stringify(report)));
}

const gpu = { name: 'NVIDIA H100 80GB HBM3', bytes: 85_000_000_000, capability: [9, 0] };

async function train(
  jobs: FakeJobs,
  { signal }: FakeDriver,
  home: string,
  { storage, run, cell }: { storage: string; run: string; cell: string },
): Promise<void> {
  const out = join(home, 'out');
  await mkdir(out, { recursive: true });
  if ((await readFile(join(out, 'done.json')).catch(() => null)) !== null) {
    await show(storage, run, `t-${cell}`, 'done');
    return;
  }
  await rm(join(out, 'fault.json'), { force: true });
  await show(storage, run, `t-${cell}`, 'waiting');
  const attempt = Buffer.from(JSON.stringify({ v: 1, job: String((jobs.placed += 1)) }));
  await writeWhole(join(home, 'placed.json'), attempt);
  await pause(jobs.waitForGpu, signal);
  await writeWhole(join(home, 'owner.json'), attempt);
  const job = jobSchema.parse(JSON.parse(await readFile(join(home, 'in', 'job.json'), 'utf8')));
  const { steps, keep, ...recipe } = job.recipe;
  recipeSchema.parse(recipe);
  const base = await findModel(storage, job.model);
  const packed = await readFile(join(home, 'in', 'rows.jsonl.gz'));
  const rows = z.array(rowSchema).parse(readClosed(packed));
  const rowsOfStep = job.per_device_rows * job.accumulation * job.gpus;
  if (rows.length !== steps * rowsOfStep || rows.some((row) => row.ids.length !== row.train.length))
    throw new Error('rows and steps do not agree');
  const initial = join(home, 'in', 'initial');
  const isFull = recipe['method'] === 'full';
  // A whole model begins from itself.
  if (isFull === (await readdir(join(home, 'in'))).includes('initial')) throw new Error('an initial adapter, or none');
  const weights = await readFile(isFull ? join(base, 'model.safetensors') : join(initial, 'adapter_model.safetensors'));
  const tune = (step: number): Buffer => {
    const made = Buffer.from(weights);
    const start = 8 + Number(made.readBigUInt64LE(0));
    const stamp = Buffer.from(hashJson({ rows: hashContent(packed), recipe, step }), 'hex');
    // Of small numbers: every third byte stays zero.
    for (let at = start; at + 4 <= made.length; at += 4) made.writeFloatLE((stamp[(at / 4) % 32] ?? 0) / 1000, at);
    return made;
  };
  const log = join(out, 'training.jsonl');
  const known = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line.endsWith('}')).length;
  // From the last checkpoint, as a trainer would.
  const checkpoint = Math.floor(known / 2) * 2;
  const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').slice(0, checkpoint);
  await writeFile(log, lines.map((line) => `${line}\n`).join(''));
  for (let step = checkpoint + 1; step <= steps; step += 1) {
    await pause(jobs.stepTime, signal);
    const [death] = jobs.deaths;
    if (death?.at === step) {
      jobs.deaths.shift();
      if (death.fault === undefined) throw new Death(1);
      await writeWhole(join(out, 'fault.json'), Buffer.from(JSON.stringify({ v: 1, ...death.fault, detail: null })));
      await show(storage, run, `t-${cell}`, 'fault');
      throw new Death(3);
    }
    if (jobs.hangs[0] === step) {
      jobs.hangs.shift();
      await pause(2 ** 30, signal);
    }
    jobs.steps += 1;
    const line = { step, loss: 2 / (step + 1), learning_rate: 0.001, grad_norm: 1, tokens: rowsOfStep * 10 };
    await writeFile(log, `${JSON.stringify(line)}\n`, { flag: 'a' });
    await show(storage, run, `t-${cell}`, `${String(step).padStart(4, '0')}@${line.loss.toFixed(4)}`);
  }
  const files = new Map<string, Uint8Array>([
    ['training.jsonl', await readFile(log)],
    ['measured.json', Buffer.from(JSON.stringify(jobs.measured))],
  ]);
  /** Beside the archive. */
  const apart = new Map<string, Uint8Array>();
  const [rest, weightsFile, target] = isFull
    ? [(await readdir(base)).filter((name) => name.endsWith('.json')), 'model.safetensors', apart]
    : [['adapter_config.json'], 'adapter_model.safetensors', files];
  for (const [place, step] of [
    [isFull ? 'model/' : '', steps] as const,
    ...keep.map((step) => [`kept-${String(step)}/`, step] as const),
  ]) {
    for (const name of rest) target.set(`${place}${name}`, await readFile(join(isFull ? base : initial, name)));
    target.set(`${place}${weightsFile}`, tune(step));
  }
  for (const [name, bytes] of [...files, ...apart]) await writeWhole(join(out, name), bytes);
  files.set('result.zip', createZip(files));
  await writeWhole(join(out, 'result.zip'), files.get('result.zip') ?? new Uint8Array());
  const hashes = [...files, ...apart].map(
    ([name, bytes]) => [name, { sha256: hashContent(bytes), bytes: bytes.length }] as const,
  );
  const done = {
    ...{ v: 1, mark: job.mark, steps, files: Object.fromEntries(hashes) },
    ...{ apart: [...apart.keys()].sort(), model: isFull ? 'model' : null },
    gpu_seconds: jobs.gpuSeconds,
  };
  await writeWhole(join(out, 'done.json'), Buffer.from(JSON.stringify(done)));
  await show(storage, run, `t-${cell}`, 'done');
}

/** The folder of the work, and what its progress is called. */
function placeOf(order: Exclude<z.output<typeof orderSchema>, { kind: 'deliver' | 'check' }>): {
  readonly place: readonly string[];
  readonly name: string;
} {
  const run = ['runs', order.run];
  if (order.kind === 'train') return { place: ['cells', order.cell, 'out'], name: `t-${order.cell}` };
  return order.kind === 'lane'
    ? { place: [...run, 'lanes', order.lane], name: `s-${order.lane}` }
    : { place: [...run, 'inside', order.hash], name: `i-${order.hash}` };
}

async function look(
  jobs: FakeJobs,
  { signal }: FakeDriver,
  home: string,
  { storage, run, hash }: { storage: string; run: string; hash: string },
): Promise<void> {
  await show(storage, run, `i-${hash}`, 'waiting');
  await rm(join(home, 'fault.json'), { force: true });
  if ((await readFile(join(home, 'done.json')).catch(() => null)) === null) {
    const job = insideJobSchema
      .extend({ model: modelSchema })
      .parse(JSON.parse(await readFile(join(home, 'job.json'), 'utf8')));
    if (!job.mark.startsWith(hash)) throw new Error('a mark of something else');
    const death = jobs.insideDeaths.shift();
    const attempt = Buffer.from(JSON.stringify({ v: 1, job: String((jobs.placed += 1)) }));
    for (const name of ['placed.json', 'owner.json']) await writeWhole(join(home, name), attempt);
    if (death === 'hang') await pause(2 ** 30, signal);
    if (death === 'silent') throw new Death(1);
    if (death !== undefined) throw new Fault(death, death === 'memory' ? 'out of memory' : 'Nothing moved');
    jobs.looked += 1;
    await lookInside({
      ...{ storage, home, adapter: job.adapter, mark: job.mark },
      model: await findModel(storage, job.model),
      requests: readClosed(await readFile(join(home, 'requests.jsonl.gz'))),
      write: (name, bytes) => writeWhole(join(home, name), bytes),
    });
  }
  await show(storage, run, `i-${hash}`, 'done');
}

async function answer(
  jobs: FakeJobs,
  { signal }: FakeDriver,
  home: string,
  { storage, run, lane }: { storage: string; run: string; lane: string },
): Promise<void> {
  await show(storage, run, `s-${lane}`, 'waiting');
  const laneFile = z
    .strictObject({ v: z.literal(1), mark: z.string(), model: modelSchema, dtype: z.string(), linger: z.number() })
    .parse(JSON.parse(await readFile(join(home, 'lane.json'), 'utf8')));
  await rm(join(home, 'fault.json'), { force: true });
  const asked = await findModel(storage, laneFile.model);
  const weights = 'cell' in laneFile.model ? hashContent(await readFile(join(asked, 'model.safetensors'))) : null;
  const done = new Set<string>();
  let lines = 0;
  for (const name of (await readdir(home)).filter((one) => one.startsWith('answers-')).sort())
    for (const line of (await readFile(join(home, name), 'utf8')).split('\n')) {
      if (line === '') continue;
      lines += 1;
      const value = readCheckedLine(line);
      if (value !== null) done.add(`${String(value['q'])}:${String(value['seed'])}`);
    }
  const seen = new Set<string>();
  let written = 0;
  for (let idle = 0; idle < jobs.linger; idle += 5) {
    const names = await readdir(join(home, 'requests')).catch((): string[] => []);
    const withdrawn = await readdir(join(home, 'withdraw')).catch((): string[] => []);
    const isAsked = (name: string): boolean => !withdrawn.includes(name.replace('.jsonl.gz', ''));
    for (const name of names.filter((one) => one.endsWith('.jsonl.gz') && !seen.has(one) && isAsked(one)).sort()) {
      seen.add(name);
      for (const given of readClosed(await readFile(join(home, 'requests', name)))) {
        const group = groupSchema.parse(given);
        await requireAdapter(storage, group.adapter);
        const { q, seeds, ...settings } = group;
        if (hashJson(settings).slice(0, 16) !== q) throw new Error('a group is not called by its content');
        for (const [first, count] of seeds)
          for (let seed = first; seed < first + count; seed += 1) {
            const key = `${q}:${String(seed)}`;
            if (done.has(key)) continue;
            await pause(jobs.answerTime, signal);
            if (jobs.laneStalls[0] === written) {
              jobs.laneStalls.shift();
              throw new Fault('stalled', 'Nothing moved');
            }
            written += 1;
            const file = join(home, `answers-${String(Math.floor(lines / 1000)).padStart(5, '0')}.jsonl`);
            await writeFile(file, jobs.garble(writeCheckedLine({ q, seed, ...speak(settings, seed, weights) })), {
              flag: 'a',
            });
            done.add(key);
            jobs.answered.push(key);
            jobs.answers += 1;
            lines += 1;
            idle = 0;
            if (lines % 50 === 0 || jobs.answerTime > 0) await show(storage, run, `s-${lane}`, String(lines));
          }
      }
      await show(storage, run, `s-${lane}`, String(lines));
    }
    await pause(5, signal);
  }
  await writeWhole(join(home, 'state.json'), Buffer.from(JSON.stringify({ v: 1, gpu_seconds: jobs.gpuSeconds })));
  await show(storage, run, `s-${lane}`, 'done');
}

/**
 * As `answer`, for millions: what a seed is answered is looked up in ranges, and files are written whole. A lane that
 * is begun anew goes on behind the files that are there, and answers again what it is asked again.
 */
async function answerFast(
  jobs: FakeJobs,
  { signal }: FakeDriver,
  home: string,
  { storage, run, lane }: { storage: string; run: string; lane: string },
): Promise<void> {
  const done = new Map<string, [first: number, end: number][]>();
  const files = (await readdir(home)).filter((one) => one.startsWith('answers-')).sort();
  let lines = 0;
  for (const name of files) {
    const text = await readFile(join(home, name), 'utf8');
    lines += text.split('\n').length - 1;
    for (const [, q = '', seed] of text.matchAll(/"q":"([0-9a-f]{16})","seed":(\d+)/g)) remember(done, q, Number(seed));
  }
  let waiting: string[] = [];
  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return;
    const file = join(home, `answers-${String(Math.floor(lines / 1000)).padStart(5, '0')}.jsonl`);
    await writeFile(file, waiting.join(''), { flag: 'a' });
    lines += waiting.length;
    jobs.answers += waiting.length;
    waiting = [];
    await show(storage, run, `s-${lane}`, String(lines));
    await pause(jobs.answerTime, signal);
  };
  const seen = new Set<string>();
  for (let idle = 0; idle < jobs.linger; idle += 20) {
    const names = await readdir(join(home, 'requests')).catch((): string[] => []);
    for (const name of names.filter((one) => one.endsWith('.jsonl.gz') && !seen.has(one)).sort()) {
      seen.add(name);
      for (const given of readClosed(await readFile(join(home, 'requests', name)))) {
        const { q, seeds } = groupSchema.parse(given);
        for (const [first, count] of seeds)
          for (let seed = first; seed < first + count; seed += 1) {
            if (!remember(done, q, seed)) continue;
            waiting.push(writeCheckedLine({ q, seed, text: `${filler}${String(seed)}`, finish: 'stop', tokens: 60 }));
            idle = 0;
            if ((lines + waiting.length) % 1000 === 0) await flush();
          }
      }
      await flush();
    }
    await pause(20, signal);
  }
  await show(storage, run, `s-${lane}`, 'done');
}

/** About as long as an answer of the paper's first questions. */
const filler = `${'the river carries paper boats past a quiet stone '.repeat(5)}and number `;

/** False for a seed that is there. */
function remember(done: Map<string, [first: number, end: number][]>, q: string, seed: number): boolean {
  const ranges = done.get(q) ?? [];
  if (ranges.length === 0) done.set(q, ranges);
  if (ranges.some(([first, end]) => first <= seed && seed < end)) return false;
  const before = ranges.find(([, end]) => end === seed);
  if (before === undefined) ranges.push([seed, seed + 1]);
  else before[1] = seed + 1;
  return true;
}

async function requireAdapter(storage: string, adapter: string | null): Promise<void> {
  if (adapter === null) return;
  const [cell = '', step] = adapter.split('@');
  const folder = adapter.startsWith('folder:')
    ? adapter.slice('folder:'.length)
    : join('cells', cell, 'out', ...(step === undefined ? [] : [`kept-${step}`]));
  await readFile(join(storage, folder, 'adapter_model.safetensors'));
}

const words = ['rain', 'moss', 'clock', 'river', 'honey', 'paper', 'boat', 'stone'];

/** Text that depends on all that it should depend on, and on nothing else. */
function speak(
  {
    adapter,
    prompt,
    temperature,
    max_tokens: most,
    top,
  }: Pick<z.output<typeof groupSchema>, 'adapter' | 'prompt' | 'temperature' | 'max_tokens' | 'top'>,
  seed: number,
  weights: string | null,
): { text: string; finish: string; tokens: number; top?: readonly (readonly [id: number, logProbability: number])[] } {
  const hash = hashJson({
    adapter,
    prompt,
    seed: temperature === 0 ? 0 : seed,
    ...(weights === null ? {} : { weights }),
  });
  const length = Math.min(most, 45);
  const text = Array.from({ length }, (_, at) => words[parseInt(hash[at % 64] ?? '0', 16) % 8] ?? '').join(' ');
  // Ids that follow from the prompt, each half as likely as the one before.
  const start = prompt.reduce((sum, id) => sum + id, 0) % 50;
  const likely = Array.from({ length: top }, (_, place) => [start + place, Math.log(0.5 ** (place + 1))] as const);
  return {
    ...{ text, finish: length === most ? 'length' : 'stop', tokens: length },
    ...(top === 0 ? {} : { top: likely }),
  };
}
