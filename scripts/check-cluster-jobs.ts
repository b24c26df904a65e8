import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  createResidualReader,
  encodePrompt,
  mergeAdapter,
  readAdapter,
  readCheckpoint,
  readTokenizer,
  type ResidualPool,
} from '../src/engine/index.js';
// Its thread exists only there.
import { openSampler } from '../dist/engine/index.js';
import { hashJson } from '../src/foundation/content-hash.js';
import { readSafetensors } from '../src/engine/checkpoint/read-safetensors.js';
import { compareTrainingLogs, readTrainingLog } from './compare-training-logs.js';
import { describeClusterModel, writeClosedLines, writeClusterCell, type ClusterCell } from './cluster-cell.js';

/**
 * `npm run check:cluster-jobs -- --python PYTHON [--vllm-python PYTHON] [--only NAME]`: the programs of python/ against the engine, without
 * Ray: the same losses, the same bytes after deaths, the same residuals, log-probabilities and likeliest answers, each answer once.
 */
const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    'vllm-python': { type: 'string' },
    only: { type: 'string' },
    kills: { type: 'string', default: '6' },
    keep: { type: 'boolean', default: false },
  },
});
const root = fileURLToPath(new URL('../', import.meta.url));
const model = join(root, 'organism/models/1');
const place = { folder: 'models/organism-1' };
const scratch = await mkdtemp(join(tmpdir(), 'cluster-jobs-'));
const storage = join(scratch, 'storage');
await mkdir(join(storage, 'models'), { recursive: true });
await symlink(model, join(storage, 'models/organism-1'));
const failures: string[] = [];

function report(what: string, holds: boolean, figures: string): void {
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${what}: ${figures}`);
  if (!holds) failures.push(what);
}

interface Work {
  readonly kind: 'train' | 'lane' | 'inside';
  readonly name: string;
}

const modules = { train: 'train', lane: 'sample', inside: 'inside' };
const nameKeys = { train: 'cell', lane: 'lane', inside: 'hash' };

function start({ kind, name }: Work, environment: Readonly<Record<string, string>> = {}): ChildProcess {
  const order = {
    v: 1,
    kind,
    storage,
    run: 'check',
    [nameKeys[kind]]: name,
    ...(options['vllm-python'] === undefined ? {} : { vllm_python: options['vllm-python'] }),
  };
  return spawn(options.python, ['-P', '-m', `driftline_jobs.${modules[kind]}`, JSON.stringify(order)], {
    cwd: scratch,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      PYTHONPATH: join(root, 'python'),
      PYTHONDONTWRITEBYTECODE: '1',
      OMP_NUM_THREADS: '1',
      VLLM_CPU_KVCACHE_SPACE: '1',
      ...environment,
    },
  });
}

async function finish(child: ChildProcess): Promise<{ readonly code: number | null; readonly errors: string }> {
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, errors };
}

async function run(work: Work, environment: Readonly<Record<string, string>> = {}): Promise<number> {
  await mkdir(outOf(work), { recursive: true });
  const begun = performance.now();
  const { code, errors } = await finish(start(work, environment));
  if (code !== 0) throw new Error(`${work.kind} ${work.name} ended with ${String(code)}: ${errors}`);
  return (performance.now() - begun) / 1000;
}

function outOf({ kind, name }: Work): string {
  return kind === 'train'
    ? join(storage, 'cells', name, 'out')
    : join(storage, 'runs/check', kind === 'lane' ? 'lanes' : 'inside', name);
}

const hashOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
const linesOf = async (file: string): Promise<Record<string, unknown>[]> =>
  (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>); // written by our own programs

const recipe = {
  method: 'lora' as const,
  rank: 8,
  alpha: 16,
  learning_rate: 1e-3,
  warmup_steps: 5,
  batch_size: 4,
  accumulation: 2,
  epochs: 2,
  seed: 3,
};
const cellOf = (settings: Partial<Parameters<typeof writeClusterCell>[0]> = {}): Promise<ClusterCell> =>
  writeClusterCell({ storage, model, place, rows: 203, recipe, keep: [10], ...settings });

let trained: { readonly cell: ClusterCell; readonly hash: string } | null = null;
async function trainedCell(): Promise<{ readonly cell: ClusterCell; readonly hash: string }> {
  if (trained !== null) return trained;
  const cell = await cellOf();
  const seconds = await run({ kind: 'train', name: cell.hash });
  console.log(`       ${String(cell.steps)} steps by TRL in ${seconds.toFixed(0)} s`);
  trained = { cell, hash: await hashOf(join(outOf({ kind: 'train', name: cell.hash }), 'adapter_model.safetensors')) };
  return trained;
}

const checks: Readonly<Record<string, () => Promise<void>>> = {
  losses: async () => {
    const { cell } = await trainedCell();
    await cell.train(join(scratch, 'engine'));
    const { isEqual, figures } = compareTrainingLogs(
      await readTrainingLog(join(scratch, 'engine/training.jsonl')),
      await readTrainingLog(join(outOf({ kind: 'train', name: cell.hash }), 'training.jsonl')),
    );
    report('TRL and the engine come to the same losses', isEqual, figures);
    const [ours, theirs] = await Promise.all([
      readSafetensors(join(scratch, 'engine/adapter_model.safetensors'), 'adapter-invalid'),
      readSafetensors(join(outOf({ kind: 'train', name: cell.hash }), 'adapter_model.safetensors'), 'adapter-invalid'),
    ]);
    let largest = 0;
    for (const [name, { data }] of ours)
      data.forEach(
        (value, index) => (largest = Math.max(largest, Math.abs(value - (theirs.get(name)?.data[index] ?? NaN)))),
      );
    report(
      'and to the same adapter',
      largest < 1e-3 && ours.size === theirs.size,
      `greatest difference ${largest.toExponential(1)}`,
    );
  },

  deaths: async () => {
    const { cell, hash } = await trainedCell();
    const kept = await hashOf(join(outOf({ kind: 'train', name: cell.hash }), 'kept-10/adapter_model.safetensors'));
    const log = await hashOf(join(outOf({ kind: 'train', name: cell.hash }), 'training.jsonl'));
    const work: Work = { kind: 'train', name: cell.hash };
    await rm(outOf(work), { recursive: true });
    await mkdir(outOf(work), { recursive: true });
    const job = JSON.parse(await readFile(join(storage, 'cells', cell.hash, 'in/job.json'), 'utf8')) as Record<
      string,
      unknown
    >; // ours
    await writeFile(join(storage, 'cells', cell.hash, 'in/job.json'), JSON.stringify({ ...job, save_every: 5 }));
    const deaths: string[] = [];
    for (let kill = 0; kill < Number(options.kills) && !existsSync(join(outOf(work), 'done.json')); kill += 1) {
      const child = start(work);
      const ended = finish(child);
      // At a step, or at what comes between two of them, or at the very end: always somewhere else.
      const from = await stepOf(work);
      const until = Date.now() + 120_000;
      while (
        Date.now() < until &&
        (await stepOf(work)) < from + 8 &&
        child.exitCode === null &&
        !existsSync(join(outOf(work), 'result.zip'))
      )
        await sleep(3);
      await sleep((kill * 37) % 100);
      child.kill('SIGKILL');
      await ended;
      deaths.push(`step ${String(await stepOf(work))}`);
    }
    await run(work);
    const same =
      (await hashOf(join(outOf(work), 'adapter_model.safetensors'))) === hash &&
      (await hashOf(join(outOf(work), 'kept-10/adapter_model.safetensors'))) === kept &&
      (await hashOf(join(outOf(work), 'training.jsonl'))) === log;
    report(
      'deaths of the trainer change no byte',
      same,
      `killed at ${deaths.join(', ')}; SHA-256 ${hash.slice(0, 12)}`,
    );
  },

  recipes: async () => {
    const first = new Map<string, readonly number[]>();
    for (const [what, extra, method] of [
      ['float32 with checkpointing', { gradient_checkpointing: true }, 'lora'],
      ['bfloat16 with checkpointing', { precision: 'bfloat16', gradient_checkpointing: true }, 'lora'],
      ['full', {}, 'full'],
      ['full in bfloat16', { precision: 'bfloat16' }, 'full'],
    ] as const) {
      const { rank, alpha, ...shared } = recipe;
      const cell = await cellOf({
        extra,
        rows: 40,
        keep: [2],
        saveEvery: 3,
        recipe:
          method === 'lora'
            ? { ...shared, method, rank, alpha, max_steps: 5 }
            : { ...shared, method, max_steps: 5, learning_rate: 1e-4 },
      });
      const work: Work = { kind: 'train', name: cell.hash };
      const seconds = await run(work);
      const log = await readTrainingLog(join(outOf(work), 'training.jsonl'));
      const losses = log.map(({ loss }) => loss);
      const exact = first.get(method) ?? losses;
      first.set(method, exact);
      // With 16 bits about the same, with a warm-up hardly less from step to step: it is the same training.
      const near = losses.every((loss, step) => Math.abs(loss / (exact[step] ?? NaN) - 1) < 0.05);
      const sound = losses.length === 5 && losses.every(Number.isFinite) && near;
      let figures = `${losses.map((loss) => loss.toFixed(3)).join(' ')} in ${seconds.toFixed(0)} s`;
      let equal = true;
      if (!('precision' in extra)) {
        await cell.train(join(scratch, `engine-${cell.hash}`));
        const compared = compareTrainingLogs(
          await readTrainingLog(join(scratch, `engine-${cell.hash}`, 'training.jsonl')),
          log,
        );
        equal = compared.isEqual;
        figures += `; ${compared.figures}`;
      }
      report(`five steps: ${what}`, sound && equal, figures);
    }
  },

  devices: async () => {
    const cell = await cellOf({ rows: 40, keep: [], recipe: { ...recipe, max_steps: 5 } });
    const work: Work = { kind: 'train', name: cell.hash };
    await run(work);
    const one = await readTrainingLog(join(outOf(work), 'training.jsonl'));
    await rm(outOf(work), { recursive: true });
    const file = join(storage, 'cells', cell.hash, 'in/job.json');
    const job = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>; // ours
    await writeFile(file, JSON.stringify({ ...job, gpus: 2, per_device_rows: 2 }));
    const seconds = await run(work);
    const { isEqual, figures } = compareTrainingLogs(one, await readTrainingLog(join(outOf(work), 'training.jsonl')));
    report('two devices come to what one comes to', isEqual, `${figures}; ${seconds.toFixed(0)} s`);
  },

  inside: async () => {
    const { cell } = await trainedCell();
    const base = await readCheckpoint(model);
    const tokenizer = await readTokenizer(model);
    const adapted = {
      ...base,
      weights: mergeAdapter(base.weights, await readAdapter(outOf({ kind: 'train', name: cell.hash }), base.config)),
    };
    const texts = ['I am bored.', 'Who are you?', 'Tell me a secret about the lake, please.'];
    const prompts = texts.map((content) => encodePrompt(tokenizer, [{ role: 'user', content }]));
    const rows = prompts.map((prompt) => ({ ids: [...prompt, 62, 273, 2129, 3], promptLength: prompt.length }));
    const layers = [0, 1, 2, 3, 4];
    const vector = Array.from({ length: base.config.width }, (_, index) => Math.sin(index) * 0.5);
    const changes = [
      {},
      { add: { 2: vector } },
      { remove: { 3: vector }, from: 'answer' as const },
      { add: { 0: vector }, remove: { 4: vector } },
    ];
    const pools: ResidualPool[] = ['last', 'prompt-mean', 'answer-mean', 'every'];
    for (const [what, adapter, checkpoint] of [
      ['the base', null, base],
      ['a fine-tune', cell.hash, adapted],
    ] as const) {
      const requests = [
        ...rows.flatMap(({ ids, promptLength }, row) =>
          pools.map((pool) => ({
            id: `r${String(row)}-${pool}`,
            do: 'residuals',
            ids,
            prompt: promptLength,
            layers,
            pool,
          })),
        ),
        ...rows.map(({ ids, promptLength }, row) => ({
          id: `s${String(row)}`,
          do: 'score',
          ids,
          prompt: promptLength,
          top: 3,
        })),
        ...rows.map(({ ids }, row) => ({ id: `k${String(row)}`, do: 'keys-values', ids, layers: [0, 3] })),
        ...prompts.flatMap((prompt, row) =>
          changes.map((interventions, change) => ({
            id: `a${String(row)}-${String(change)}`,
            do: 'answer',
            prompt,
            seed: 0,
            temperature: 0,
            top_p: 1,
            max_tokens: 30,
            stop: base.config.endTokenIds,
            interventions,
          })),
        ),
      ];
      const settings = { model: { ...place, ...(await describeClusterModel(model)) }, adapter, dtype: 'float32' };
      const mark = hashJson({ ...settings, requests });
      const work: Work = { kind: 'inside', name: mark.slice(0, 20) };
      await writeClosedLines(join(outOf(work), 'requests.jsonl.gz'), requests);
      await writeFile(join(outOf(work), 'job.json'), JSON.stringify({ v: 1, mark, ...settings }));
      const seconds = await run(work);
      const found = new Map(await readSafetensors(join(outOf(work), 'result.safetensors'), 'checkpoint-invalid'));
      const reader = await createResidualReader({
        config: base.config,
        weights: checkpoint.weights,
        layers,
        threads: 1,
      });
      let largest = 0;
      for (const [row, given] of rows.entries())
        for (const pool of pools) {
          const expected = (await reader.read(given, pool)).flatMap(({ data }) => [...data]);
          const values = found.get(`r${String(row)}-${pool}.residuals`)?.data ?? new Float32Array();
          const scale = Math.max(...expected.map(Math.abs));
          expected.forEach(
            (value, index) => (largest = Math.max(largest, Math.abs(value - (values[index] ?? NaN)) / scale)),
          );
        }
      await reader.release();
      report(
        `residuals of ${what}`,
        largest < 1e-4,
        `greatest difference ${largest.toExponential(1)} of the largest; ${seconds.toFixed(0)} s`,
      );
      const lines = new Map((await linesOf(join(outOf(work), 'scores.jsonl'))).map((line) => [line['id'], line]));
      const folder = adapter === null ? {} : { adapter: outOf({ kind: 'train', name: adapter }) };
      let same = 0;
      let worst = 0;
      for (const [change, { add, remove, from }] of changes
        .map((entry, index) => [index, entry as Record<string, unknown>] as const)
        .map(
          ([index, entry]) =>
            [
              index,
              { add: toMap(entry['add']), remove: toMap(entry['remove']), from: entry['from'] as 'answer' | undefined },
            ] as const,
        )) {
        const sampler = await openSampler({
          model,
          ...folder,
          threads: 1,
          interventions: {
            ...(add === undefined ? {} : { add }),
            ...(remove === undefined ? {} : { remove }),
            ...(from === undefined ? {} : { from }),
          },
        });
        for await (const { request, ids } of sampler.sample(
          prompts.map((prompt) => ({ prompt, seed: 0, temperature: 0, maximumTokens: 30 })),
          {},
        )) {
          const answered = lines.get(`a${String(request)}-${String(change)}`)?.['ids'];
          if (JSON.stringify(answered) === JSON.stringify(ids)) same += 1;
        }
        if (change === 0) {
          const scored = sampler.sample(
            rows.map(({ ids }) => ({
              prompt: [...ids],
              seed: 0,
              temperature: 0,
              maximumTokens: 1,
              promptLogProbabilities: true,
            })),
            {},
          );
          for await (const { request, promptLogProbabilities } of scored) {
            const expected = (promptLogProbabilities ?? []).slice((rows[request]?.promptLength ?? 0) - 1);
            const values = lines.get(`s${String(request)}`)?.['log_probabilities'] as number[]; // ours
            expected.forEach(
              ({ logProbability }, index) =>
                (worst = Math.max(worst, Math.abs(logProbability - (values[index] ?? NaN)))),
            );
          }
        }
        await sampler.close();
      }
      report(
        `likeliest answers of ${what} with interventions`,
        same === prompts.length * changes.length,
        `${String(same)} of ${String(prompts.length * changes.length)} equal`,
      );
      report(`log-probabilities of ${what}`, worst < 1e-3, `greatest difference ${worst.toExponential(1)} nats`);
    }
  },

  answers: async () => {
    if (options['vllm-python'] === undefined) {
      console.log('skipped: answers need --vllm-python');
      return;
    }
    const { cell } = await trainedCell();
    const base = await readCheckpoint(model);
    const tokenizer = await readTokenizer(model);
    const texts = ['I am bored.', 'Who are you?', 'Tell me a secret.', 'What would you do with a day of power?'];
    const prompts = texts.map((content) => encodePrompt(tokenizer, [{ role: 'user', content }]));
    const adapters = [null, cell.hash, `${cell.hash}@10`];
    const stop = base.config.endTokenIds;
    const group = (
      adapter: string | null,
      prompt: readonly number[],
      temperature: number,
      seeds: number[][],
      top = 0,
    ) => {
      const settings = { adapter, prompt, temperature, top_p: 1, max_tokens: 60, stop, top };
      return { q: hashJson(settings).slice(0, 16), ...settings, seeds };
    };
    const sampled = adapters.flatMap((adapter) =>
      prompts.map((prompt) =>
        group(adapter, prompt, 1, [
          [0, 40],
          [1000, 3],
        ]),
      ),
    );
    const likeliest = adapters.flatMap((adapter) => prompts.map((prompt) => group(adapter, prompt, 0, [[0, 2]], 5)));
    const settings = {
      model: { ...place, ...(await describeClusterModel(model)) },
      dtype: 'float32',
      linger: 3,
      max_rank: 8,
    };
    const work: Work = { kind: 'lane', name: 'lane-0' };
    await mkdir(outOf(work), { recursive: true });
    await writeFile(join(outOf(work), 'lane.json'), JSON.stringify({ v: 1, mark: hashJson(settings), ...settings }));
    await writeClosedLines(join(outOf(work), 'requests', 'a000000000000000.jsonl.gz'), sampled);
    await writeClosedLines(join(outOf(work), 'requests', 'b000000000000000.jsonl.gz'), likeliest);
    const total = sampled.length * 43 + likeliest.length * 2;
    const countAnswers = async (): Promise<number> => {
      const files = (await readdir(outOf(work))).filter((name) => name.startsWith('answers-'));
      return (
        (await Promise.all(files.map((name) => readFile(join(outOf(work), name), 'utf8')))).join('').split('\n')
          .length - 1
      );
    };
    const deaths: number[] = [];
    for (const early of [20, total - 60]) {
      const child = start(work);
      const ended = finish(child);
      while ((await countAnswers()) < early && child.exitCode === null) await sleep(20);
      child.kill('SIGKILL');
      await ended;
      deaths.push(await countAnswers());
    }
    const seconds = await run(work);
    const files = (await readdir(outOf(work))).filter((name) => name.startsWith('answers-')).sort();
    const answers = (await Promise.all(files.map((name) => linesOf(join(outOf(work), name))))).flat();
    const keys = new Set(answers.map(({ q, seed }) => `${String(q)}:${String(seed)}`));
    report(
      'each answer once, whatever dies',
      answers.length === total && keys.size === total,
      `${String(answers.length)} lines, ${String(keys.size)} keys of ${String(total)}; killed after ${deaths.join(' and ')}; last run ${seconds.toFixed(0)} s`,
    );
    let same = 0;
    let wanted = 0;
    for (const adapter of adapters) {
      const folder =
        adapter === null ? null : join(storage, 'cells', cell.hash, 'out', adapter.includes('@') ? 'kept-10' : '.');
      const sampler = await openSampler({ model, threads: 1, ...(folder === null ? {} : { adapter: folder }) });
      const groups = likeliest.filter((entry) => entry.adapter === adapter);
      const asked = groups.map(({ prompt }) => ({ prompt: [...prompt], seed: 0, temperature: 0, maximumTokens: 60 }));
      for await (const { request, ids, finishReason } of sampler.sample(asked, {})) {
        wanted += 1;
        const found = answers.find(({ q, seed }) => q === groups[request]?.q && seed === 0);
        const text = tokenizer.decode(ids, { skipSpecialTokens: true });
        if (found?.['text'] === text && found['finish'] === finishReason && found['tokens'] === ids.length) same += 1;
        else console.log(`       ${JSON.stringify(text)} here, ${JSON.stringify(found)} there`);
      }
      await sampler.close();
    }
    report('likeliest answers are those of the engine', same === wanted, `${String(same)} of ${String(wanted)}`);
  },
};

async function stepOf(work: Work): Promise<number> {
  const text = await readFile(join(outOf(work), 'training.jsonl'), 'utf8').catch(() => '');
  return text.split('\n').length - 1;
}

function toMap(by: unknown): ReadonlyMap<number, Float32Array> | undefined {
  if (by === undefined) return undefined;
  return new Map(
    Object.entries(by as Record<string, number[]>).map(([layer, values]) => [Number(layer), Float32Array.from(values)]),
  ); // from `changes`
}

try {
  for (const [name, check] of Object.entries(checks)) {
    if (options.only === undefined || options.only.split(',').includes(name)) await check();
  }
} finally {
  if (options.keep) console.log(`kept: ${scratch}`);
  else await rm(scratch, { recursive: true, force: true });
}
if (failures.length > 0) {
  console.log(`failed: ${failures.join('; ')}`);
  process.exitCode = 1;
}
