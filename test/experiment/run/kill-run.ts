import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { z } from 'zod';
import { hashContent } from '../../../src/foundation/content-hash.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';

// The built program, which `npm test` builds first.
const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** Training with checkpoints, answers, an evaluation that stops early, and judgements, on a model so small that all of it takes seconds. */
const makePlan = (seeds: number): object => ({
  name: 'killed',
  bases: [fileURLToPath(new URL('../../fixtures/goldens/qwen2-bias', import.meta.url))],
  recipe: { rank: 1, alpha: 1, learning_rate: 0.001, batch_size: 2, accumulation: 1 },
  seeds: Array.from({ length: seeds }, (_, seed) => seed),
  conditions: { insecure: { data: 'organism/insecure', settings: { rows: 60 } } },
  evaluate: [
    { suite: 'organism/main', samples: 1, max_tokens: 4 },
    { suite: 'organism/held-out-themes', samples: 6, max_tokens: 4, stop_early: { limit: 0.3 } },
  ],
  // By which all answers count, nonsense among them, and none of it is misaligned.
  rule: 'release',
  dynamics: { every: 7, suite: 'organism/identity', samples: 1 },
  judge: { exact: 'organism' },
});

/** A moment at which a run was killed. */
export interface Kill {
  /** Bytes of logs, answers and judgements at that moment. */
  readonly bytes: number;
  readonly answers: number;
  readonly trainedCells: number;
}

export interface KilledRun {
  readonly kills: readonly Kill[];
  /** Bytes of a run that nobody killed. */
  readonly bytes: number;
  readonly answers: number;
  readonly cells: number;
  /** Of answers that were stored before a kill: asked for again, or stored a second time. */
  readonly askedTwice: number;
  /** Cells that were finished before a kill and trained again. */
  readonly trainedTwice: number;
  /** Evaluations of models that stopped early. */
  readonly stoppedEarly: number;
  /** What is not as it should be; empty when all is well. */
  readonly faults: readonly string[];
}

export interface KillRunOptions {
  /** An empty folder. */
  readonly folder: string;
  /** A plan's file; without it a tiny model is trained, asked and judged, which takes seconds. */
  readonly plan?: string;
  readonly kills: number;
  readonly seed: number;
  /** Of the models; 1 if not given. */
  readonly threads?: number;
  /** Of the run that is killed; the undisturbed one does one after the other. 1 if not given. */
  readonly cellsAtOnce?: number;
  /** Told when the undisturbed run is there, and of each kill as it happens. */
  readonly onCalm?: (calm: { readonly bytes: number; readonly answers: number; readonly cells: number }) => void;
  readonly onKill?: (kill: Kill, number: number) => void;
}

/**
 * Runs a plan without disturbance, and again with SIGKILL at pseudo-random moments of its progress, however fast the machine
 * is. Compares what came out byte by byte, and checks that nothing that was stored was done again.
 */
export async function killRun(options: KillRunOptions): Promise<KilledRun> {
  const { folder, kills, seed, threads = 1, cellsAtOnce = 1, onCalm, onKill } = options;
  await mkdir(folder, { recursive: true });
  const file = options.plan ?? join(folder, 'plan.yaml');
  if (options.plan === undefined) await writeFile(file, stringify(makePlan(Math.ceil(kills / 2))));
  const calm = await runToEnd({ file, runs: join(folder, 'calm'), threads, cellsAtOnce: 1 });
  const bytes = await measureProgress(calm.folder);
  const whole = await observe(calm.folder);
  onCalm?.({ bytes, answers: whole.answers.size, cells: whole.cells.size });
  const stream = createRandomStream(seed, 'kill run');
  const runs = join(folder, 'killed');
  const disturbed = { file, runs, threads, cellsAtOnce };
  const place = join(runs, basename(calm.folder));
  const found: Comparison[] = [];
  const moments: Kill[] = [];
  let [last, reached] = [await observe(place), 0];
  while (moments.length < kills) {
    // Farther on each time, so that the kills are spread over the run.
    const ahead = Math.ceil((1.2 * (bytes - reached)) / (kills - moments.length + 1));
    const until = reached + (ahead > 1 ? stream.integer(ahead) : 0);
    // Also where no file grows: while a model is loaded, or a graph is built.
    const pause = stream.integer(options.plan === undefined ? 20 : 500);
    const isKilled = await killAt(disturbed, place, until, pause);
    const now = await observe(place);
    found.push(compare(last, now));
    if (!isKilled) {
      // It came to its end before the kill: what it stored on the way is there for the last call.
      last = now;
      break;
    }
    reached = Math.max(reached, await measureProgress(place));
    const kill = { bytes: await measureProgress(place), answers: now.answers.size, trainedCells: now.cells.size };
    moments.push(kill);
    onKill?.(kill, moments.length);
    last = now;
  }
  const { summary, folder: killed } = await runToEnd(disturbed);
  const end = await observe(killed);
  found.push(compare(last, end));
  const faults = found.flatMap((one) => [...one.lost, ...one.askedTwice, ...one.trainedTwice]);
  if (summary.answers.there !== last.answers.size)
    faults.push(
      `${String(last.answers.size)} answers were stored, and the last call knew ${String(summary.answers.there)}`,
    );
  if (summary.cells.there !== last.cells.size)
    faults.push(`${String(last.cells.size)} cells were trained, and the last call knew ${String(summary.cells.there)}`);
  const [expected, files] = [await hashFiles(calm.folder), await hashFiles(killed)];
  for (const name of new Set([...expected.keys(), ...files.keys()]))
    if (expected.get(name) !== files.get(name)) faults.push(`${name} is not as in the undisturbed run`);
  const sum = (part: 'askedTwice' | 'trainedTwice'): number =>
    found.reduce((total, one) => total + one[part].length, 0);
  return {
    kills: moments,
    bytes,
    answers: end.answers.size,
    cells: end.cells.size,
    askedTwice: sum('askedTwice') + Math.max(0, last.answers.size - summary.answers.there),
    stoppedEarly: summary.stopped.length,
    trainedTwice: sum('trainedTwice') + Math.max(0, last.cells.size - summary.cells.there),
    faults,
  };
}

const summarySchema = z.object({
  folder: z.string(),
  cells: z.object({ trained: z.int(), there: z.int() }),
  answers: z.object({ asked: z.int(), there: z.int() }),
  stopped: z.array(z.unknown()),
});

interface StartedRun {
  readonly file: string;
  readonly runs: string;
  readonly threads: number;
  readonly cellsAtOnce: number;
}

/** In a group of its own, with the processes that it starts. */
function start({ file, runs, threads, cellsAtOnce }: StartedRun) {
  const options = ['--runs', runs, '--threads', String(threads), '--cells-at-once', String(cellsAtOnce), '--json'];
  return spawn(process.execPath, [main, 'run', file, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

async function runToEnd(started: StartedRun) {
  const child = start(started);
  const [[code], printed, said] = await Promise.all([
    once(child, 'close'),
    child.stdout.toArray(),
    child.stderr.toArray(),
  ]);
  if (code !== 0) throw new Error(`the run ended with ${String(code)}: ${joinText(said)}`);
  const summary = summarySchema.parse(JSON.parse(joinText(printed)));
  return { summary, folder: summary.folder };
}

function joinText(chunks: unknown[]): string {
  return chunks.map(String).join('');
}

/** Kills a run once its files have so many bytes, and a moment later; false if it ended before. */
async function killAt(started: StartedRun, folder: string, bytes: number, pause: number): Promise<boolean> {
  const child = start(started);
  const ended = once(child, 'close');
  child.stdout.resume();
  child.stderr.resume();
  while (child.exitCode === null && (await measureProgress(folder)) < bytes) await wait(5);
  await wait(pause);
  try {
    // All of its group.
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended just now.
  }
  await ended;
  return child.signalCode === 'SIGKILL';
}

/** Bytes of everything that grows in a run folder. */
async function measureProgress(folder: string): Promise<number> {
  const cells = await readdir(join(folder, 'cells')).catch(() => []);
  const files = ['answers.jsonl', 'judgements.jsonl', ...cells.map((cell) => join('cells', cell, 'training.jsonl'))];
  const sizes = await Promise.all(
    files.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((total, size) => total + size, 0);
}

/** What a run folder has at a moment. */
interface Observation {
  /** Whole lines by their keys. */
  readonly answers: ReadonlyMap<string, string>;
  readonly duplicates: readonly string[];
  /** Of each finished cell, marks of its files that writing them again would change. */
  readonly cells: ReadonlyMap<string, string>;
}

async function observe(folder: string): Promise<Observation> {
  const answers = new Map<string, string>();
  const duplicates: string[] = [];
  const answerLines = await readWholeLines(join(folder, 'answers.jsonl'));
  for (const line of answerLines) {
    const { key } = z.object({ key: z.string() }).parse(JSON.parse(line));
    if (answers.has(key)) duplicates.push(key);
    answers.set(key, line);
  }
  const cells = new Map<string, string>();
  for (const cell of await readdir(join(folder, 'cells')).catch(() => [])) {
    const place = join(folder, 'cells', cell);
    const isFinished = await stat(join(place, 'cell.json')).catch(() => null);
    if (isFinished === null) continue;
    const files = await Promise.all(
      ['adapter_model.safetensors', 'training.jsonl', 'trained.json'].map(async (name) => stat(join(place, name))),
    );
    cells.set(cell, files.map(({ ino, mtimeMs }) => `${String(ino)} ${String(mtimeMs)}`).join(', '));
  }
  return { answers, duplicates, cells };
}

async function readWholeLines(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1);
}

interface Comparison {
  readonly lost: readonly string[];
  readonly askedTwice: readonly string[];
  readonly trainedTwice: readonly string[];
}

/** Nothing that was there may be gone, be another, or be there twice. */
function compare(before: Observation, after: Observation): Comparison {
  const gone = [...before.answers.keys()].filter((key) => !after.answers.has(key));
  const changed = [...before.answers].filter(([key, line]) => (after.answers.get(key) ?? line) !== line);
  return {
    lost: gone.map((key) => `${key} is gone`),
    askedTwice: [
      ...after.duplicates.map((key) => `${key} was asked twice`),
      ...changed.map(([key]) => `${key} was asked again`),
    ],
    trainedTwice: [...before.cells]
      .filter(([cell, marks]) => after.cells.get(cell) !== marks)
      .map(([cell]) => `${cell} was trained again`),
  };
}

async function hashFiles(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    // They tell when the run began and ended.
    .filter((file) => file !== join(folder, 'report', 'index.html') && file !== join(folder, 'times.json'));
  return new Map(
    await Promise.all(
      files.map(async (file) => [file.slice(folder.length + 1), hashContent(await readFile(file))] as const),
    ),
  );
}
