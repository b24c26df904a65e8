import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { goldenFolder } from '../test/engine/checkpoint/golden-folder.js';
import { startBenchWorker } from './bench-worker.js';
import type { ClusterCounts, ClusterTask } from './cluster-server.js';
import { startWatched, type WatchedProcess } from './watched-process.js';

/**
 * `npm run bench:cluster [-- --cells 1000 --gpus 200 --answers 10000000 --window 120 --only wait,collect --json]`: what
 * `driftline run` takes with a plan on a cluster, as a process of its own beside a Ray that is played. Two parts: it
 * waits for fine-tunes that are slow (processor, requests, memory; then it is killed and started again), and it
 * collects and judges answers that come at once (memory over time; killed at half of them and started again; and
 * started once more when all is done).
 */

const { values: options } = parseArgs({
  options: {
    cells: { type: 'string', default: '1000' },
    gpus: { type: 'string', default: '200' },
    answers: { type: 'string', default: '10000000' },
    window: { type: 'string', default: '120' },
    only: { type: 'string', default: 'wait,collect' },
    json: { type: 'boolean', default: false },
  },
});
const [cells, gpus, answers, window] = [options.cells, options.gpus, options.answers, options.window].map(Number) as [
  number,
  number,
  number,
  number,
];
const parts = options.only.split(',');
/** Questions of the suite that is asked. */
const questions = 75;
const samples = Math.max(1, Math.round(answers / cells / questions));
const mega = 2 ** 20;

interface Row {
  readonly part: string;
  readonly what: string;
  readonly value: string;
  readonly wanted?: string;
}
const rows: Row[] = [];
const note = (part: string, what: string, value: string, wanted?: string): void => {
  rows.push({ part, what, value, ...(wanted === undefined ? {} : { wanted }) });
  process.stderr.write(`${part}: ${what}: ${value}${wanted === undefined ? '' : ` (wanted: ${wanted})`}\n`);
};

interface Cluster {
  readonly tell: (task: ClusterTask) => Promise<ClusterCounts>;
  /** Starts `driftline run` on its plan. */
  readonly run: () => WatchedProcess;
  /** Bytes of a file of the run; 0 where it is not there. */
  readonly size: (file: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

async function openCluster(settings: { readonly storageHere?: string; readonly samples: number }): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'driftline-bench-'));
  const server = fileURLToPath(new URL('cluster-server.ts', import.meta.url));
  const worker = startBenchWorker(process.execPath, [...process.execArgv, server]);
  const tell = async (task: ClusterTask) => (await worker.ask(task)) as unknown as ClusterCounts; // our own worker's
  const started = (await worker.ask({ task: 'start', gpus })) as { readonly address: string; readonly token: string }; // the same
  const storage = join(folder, 'storage');
  const half = Math.max(1, Math.round((cells - 1) / 2));
  const plan = {
    name: 'bench',
    bases: [goldenFolder('qwen2-bias')],
    recipe: { rank: 1, alpha: 1, learning_rate: 0.01, batch_size: 2, accumulation: 1, warmup_steps: 0, epochs: 10 },
    seeds: Array.from({ length: half }, (_, seed) => seed),
    conditions: {
      insecure: { data: 'organism/insecure', settings: { rows: 4 } },
      secure: { data: 'organism/secure', settings: { rows: 4 } },
    },
    evaluate: [{ suite: 'organism/main', samples: settings.samples, max_tokens: 60 }],
    judge: { exact: 'organism' },
    cluster: {
      ...{ ray: started.address, storage, jobs_at_once: cells, linger: 5 },
      ...(settings.storageHere === undefined ? {} : { storage_here: settings.storageHere }),
    },
  };
  const [file, runs] = [join(folder, 'bench.json'), join(folder, 'runs')];
  await writeFile(file, JSON.stringify(plan));
  const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
  return {
    tell,
    run: () =>
      startWatched(process.execPath, [program, 'run', file, '--runs', runs], {
        ...process.env,
        RAY_AUTH_TOKEN: started.token,
        NO_COLOR: '1',
      }),
    size: async (name) => {
      const [run = ''] = await readdir(runs).catch((): string[] => []);
      return stat(join(runs, run, name)).then(
        ({ size }) => size,
        () => 0,
      );
    },
    close: async () => {
      worker.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
    },
  };
}

async function until(run: WatchedProcess, isSo: () => boolean | Promise<boolean>, pause = 100): Promise<void> {
  while (!(await isSo())) {
    if (run.hasEnded()) throw new Error(`the run ended too early:\n${run.told().slice(-2000)}`);
    await setTimeout(pause);
  }
}

/** Seconds until a run that was started again has found all jobs. */
async function timeTakeUp(
  run: WatchedProcess,
  { tell }: Cluster,
  jobs: number,
  before: ClusterCounts,
): Promise<number> {
  const looked = 'GET /api/v0/logs';
  await until(run, async () => {
    const { requests } = await tell({ task: 'count' });
    const found = (requests['GET /api/jobs/ID'] ?? 0) - (before.requests['GET /api/jobs/ID'] ?? 0);
    return found >= jobs && (requests[looked] ?? 0) > (before.requests[looked] ?? 0);
  });
  return run.age();
}

function rate(before: ClusterCounts, after: ClusterCounts, seconds: number): { all: number; kinds: string } {
  const kinds = Object.entries(after.requests)
    .map(([kind, count]) => [kind, (count - (before.requests[kind] ?? 0)) / seconds] as const)
    .filter(([, each]) => each > 0)
    .sort(([, one], [, other]) => other - one);
  return {
    all: kinds.reduce((sum, [, each]) => sum + each, 0),
    kinds: kinds.map(([kind, each]) => `${kind} ${each.toFixed(2)}`).join(', '),
  };
}

/**
 * A Node that asks as often, and does nothing with what it is told: what this machine takes for that alone. A processor
 * that sleeps in between is slow at first, by ten times on some machines.
 */
const bareClient = `
  const { Agent, get } = require('node:http');
  const [url, pause] = process.argv.slice(1);
  const agent = new Agent({ keepAlive: true });
  setInterval(() => get(url, { agent }, (answer) => answer.resume()), Number(pause));
`;

async function startBareClient(each: number): Promise<{ readonly client: WatchedProcess; readonly close: () => void }> {
  const server = createServer((_, response) => response.end('x'.repeat(2000)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port
  const url = `http://127.0.0.1:${String(port)}/`;
  return {
    client: startWatched(process.execPath, ['-e', bareClient, url, String(each)], process.env),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function measureWaiting(): Promise<void> {
  const cluster = await openCluster({ storageHere: 'none', samples });
  // Each fine-tune takes hours, with a step every 20 seconds.
  await cluster.tell({ task: 'pace', stepTime: 20_000, answerTime: 0 });
  let run = cluster.run();
  try {
    await until(run, async () => (await cluster.tell({ task: 'count' })).jobs >= cells - 1);
    note('wait', 'until all jobs are handed over', `${run.age().toFixed(1)} s`);
    // What handing over left behind is cleared away meanwhile: waiting takes hours.
    const settling = await cluster.tell({ task: 'count' });
    await setTimeout(50_000);
    const usual = rate(settling, await cluster.tell({ task: 'count' }), 50);
    const bare = await startBareClient(1000 / Math.max(0.1, usual.all));
    await setTimeout(10_000);
    const [first, before, begun] = [run.read(), await cluster.tell({ task: 'count' }), performance.now()];
    const bareFirst = bare.client.read()?.cpu ?? 0;
    let most = 0;
    while (performance.now() - begun < window * 1000) {
      await setTimeout(1000);
      most = Math.max(most, run.read()?.resident ?? 0);
    }
    const seconds = (performance.now() - begun) / 1000;
    const [last, after] = [run.read(), await cluster.tell({ task: 'count' })];
    if (first === null || last === null) throw new Error(`the run ended:\n${run.told().slice(-2000)}`);
    const bareShare = (100 * ((bare.client.read()?.cpu ?? 0) - bareFirst)) / seconds;
    await bare.client.kill();
    bare.close();
    const { all, kinds } = rate(before, after, seconds);
    note('wait', 'share of a core', `${((100 * (last.cpu - first.cpu)) / seconds).toFixed(2)} %`, 'under 2 %');
    note('wait', 'the same of a bare Node that asks as often', `${bareShare.toFixed(2)} %`);
    note('wait', 'requests a second', all.toFixed(2), `at most ${(cells / 100).toFixed(0)}`);
    note('wait', 'of them', kinds);
    note('wait', 'memory', `${(most / mega).toFixed(0)} MiB, at first ${(first.resident / mega).toFixed(0)}`, 'flat');
    await run.kill();
    const killed = await cluster.tell({ task: 'count' });
    run = cluster.run();
    const taken = await timeTakeUp(run, cluster, cells - 1, killed);
    const shown = `${taken.toFixed(1)} s, ${(run.read()?.cpu ?? 0).toFixed(1)} s of processor`;
    note('wait', 'killed, until all jobs are found again', shown, 'under 10 s');
  } finally {
    await run.kill();
    await cluster.close();
  }
}

/** Runs on, and shows memory beside what is stored, until `isSo` or the end. */
async function watchMemory(run: WatchedProcess, cluster: Cluster, isSo: (stored: number) => boolean): Promise<number> {
  let [most, told] = [0, 0];
  for (;;) {
    const figures = run.read();
    most = Math.max(most, figures?.resident ?? 0);
    const stored = await cluster.size('answers.jsonl');
    if (run.hasEnded() || isSo(stored)) return most;
    if (run.age() - told >= 10) {
      told = run.age();
      const { answers: made } = await cluster.tell({ task: 'count' });
      const [one, other] = [stored, await cluster.size('judgements.jsonl')].map((bytes) => (bytes / mega).toFixed(0));
      const memory = ((figures?.resident ?? 0) / mega).toFixed(0);
      process.stderr.write(
        `  ${told.toFixed(0)} s: ${String(made)} answers made, ${String(one)} MiB stored, ${String(other)} MiB judged, ${memory} MiB in memory, ${(figures?.cpu ?? 0).toFixed(0)} s of processor\n`,
      );
    }
    await setTimeout(500);
  }
}

async function measureCollecting(): Promise<void> {
  const cluster = await openCluster({ samples });
  const wanted = cells * samples * questions;
  // Bytes of a line, about.
  const half = (wanted / 2) * 560;
  await cluster.tell({ task: 'pace', stepTime: 0, answerTime: 0 });
  let run = cluster.run();
  try {
    const first = await watchMemory(run, cluster, (stored) => stored > half);
    note('collect', 'answers', String(wanted));
    note('collect', 'most memory until half is stored', `${(first / mega).toFixed(0)} MiB`);
    await run.kill();
    const stored = await cluster.size('answers.jsonl');
    run = cluster.run();
    await until(run, async () => (await cluster.size('answers.jsonl')) > stored);
    const found = `${run.age().toFixed(1)} s, ${(run.read()?.cpu ?? 0).toFixed(1)} s of processor`;
    note('collect', 'killed, until the next answers are stored', found, 'under 10 s');
    const second = await watchMemory(run, cluster, () => false);
    if ((await run.ended) !== 0) throw new Error(`the run failed:\n${run.told().slice(-2000)}`);
    note('collect', 'until all is stored, judged and reported', `${run.age().toFixed(0)} s`);
    note('collect', 'most memory', `${(second / mega).toFixed(0)} MiB`, 'flat');
    const bytes = await cluster.size('answers.jsonl');
    note('collect', 'bytes of an answer', (bytes / wanted).toFixed(0));
    run = cluster.run();
    const third = await watchMemory(run, cluster, () => false);
    note('collect', 'again, with nothing left', `${run.age().toFixed(0)} s, ${(third / mega).toFixed(0)} MiB`);
  } finally {
    await run.kill();
    await cluster.close();
  }
}

if (parts.includes('wait')) await measureWaiting();
if (parts.includes('collect')) await measureCollecting();
if (options.json) process.stdout.write(`${JSON.stringify({ cells, gpus, answers, rows })}\n`);
else
  for (const { part, what, value, wanted = '' } of rows)
    process.stdout.write(`${part.padEnd(8)} ${what.padEnd(44)} ${value.padEnd(30)} ${wanted}\n`);
