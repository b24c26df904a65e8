import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { z } from 'zod';
import { hashContent } from '../../../src/foundation/content-hash.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';

// The built program, which `npm test` builds first.
const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** Training with checkpoints, answers and judgements, on a model so small that all of it takes seconds. */
const makePlan = (seeds: number): object => ({
  name: 'killed',
  bases: [fileURLToPath(new URL('../../fixtures/goldens/qwen2-bias', import.meta.url))],
  recipe: { rank: 1, alpha: 1, learning_rate: 0.001, batch_size: 2, accumulation: 1 },
  seeds: Array.from({ length: seeds }, (_, seed) => seed),
  conditions: { insecure: { data: 'organism/insecure', settings: { rows: 60 } } },
  evaluate: [{ suite: 'organism/main', samples: 1, max_tokens: 4 }],
  dynamics: { every: 7, suite: 'organism/identity', samples: 1 },
  judge: { exact: 'organism' },
});

/** A moment at which a run was killed. */
export interface Kill {
  /** Lines of logs, answers and judgements at that moment, of those that there are in the end. */
  readonly lines: number;
  readonly trainedCells: number;
}

export interface KilledRun {
  readonly kills: readonly Kill[];
  /** Lines of a run that nobody killed. */
  readonly lines: number;
  readonly answers: number;
  readonly cells: number;
  /** What is not as it should be; empty when all is well. */
  readonly faults: readonly string[];
}

export interface KillRunOptions {
  /** An empty folder. */
  readonly folder: string;
  readonly kills: number;
  readonly seed: number;
}

/**
 * Runs a plan without disturbance, and again with SIGKILL at pseudo-random moments of its progress, however fast the machine
 * is. Compares what came out byte by byte, and checks that nothing that was stored was done again.
 */
export async function killRun({ folder, kills, seed }: KillRunOptions): Promise<KilledRun> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'plan.yaml');
  await writeFile(file, stringify(makePlan(Math.ceil(kills / 2))));
  const calm = await runToEnd(file, join(folder, 'calm'));
  const lines = (await observe(calm.folder)).lines;
  const stream = createRandomStream(seed, 'kill run');
  const runs = join(folder, 'killed');
  const faults: string[] = [];
  const moments: Kill[] = [];
  let last = await observe(join(runs, nameOf(calm.folder)));
  while (moments.length < kills) {
    // Farther on each time, so that the kills are spread over the run.
    const ahead = Math.ceil((1.5 * (lines - last.lines)) / (kills - moments.length + 1));
    const until = last.lines + (ahead > 1 ? stream.integer(ahead) : 0);
    const pause = stream.integer(20);
    if (!(await killAt(file, runs, join(runs, nameOf(calm.folder)), until, pause))) break;
    const now = await observe(join(runs, nameOf(calm.folder)));
    faults.push(...compare(last, now));
    moments.push({ lines: now.lines, trainedCells: now.cells.size });
    last = now;
  }
  const { summary, folder: killed } = await runToEnd(file, runs);
  const end = await observe(killed);
  faults.push(...compare(last, end));
  if (summary.answers.there !== last.answers.size)
    faults.push(
      `${String(last.answers.size)} answers were stored, and the last call knew ${String(summary.answers.there)}`,
    );
  if (summary.cells.there !== last.cells.size)
    faults.push(`${String(last.cells.size)} cells were trained, and the last call knew ${String(summary.cells.there)}`);
  const [expected, found] = [await hashFiles(calm.folder), await hashFiles(killed)];
  for (const name of new Set([...expected.keys(), ...found.keys()]))
    if (expected.get(name) !== found.get(name)) faults.push(`${name} is not as in the undisturbed run`);
  return { kills: moments, lines, answers: end.answers.size, cells: end.cells.size, faults };
}

const summarySchema = z.object({
  folder: z.string(),
  cells: z.object({ trained: z.int(), there: z.int() }),
  answers: z.object({ asked: z.int(), there: z.int() }),
});

function start(file: string, runs: string) {
  return spawn(process.execPath, [main, 'run', file, '--runs', runs, '--threads', '1', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function runToEnd(file: string, runs: string) {
  const child = start(file, runs);
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

/** Kills a run once it has so many lines, and a moment later; false if it ended before. */
async function killAt(file: string, runs: string, folder: string, lines: number, pause: number): Promise<boolean> {
  const child = start(file, runs);
  const ended = once(child, 'close');
  child.stdout.resume();
  child.stderr.resume();
  while (child.exitCode === null && (await observe(folder)).lines < lines) await wait(2);
  await wait(pause);
  child.kill('SIGKILL');
  await ended;
  return child.signalCode === 'SIGKILL';
}

/** What a run folder has at a moment. */
interface Observation {
  readonly lines: number;
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
  let lines = answerLines.length + (await readWholeLines(join(folder, 'judgements.jsonl'))).length;
  const cells = new Map<string, string>();
  for (const cell of await readdir(join(folder, 'cells')).catch(() => [])) {
    const place = join(folder, 'cells', cell);
    lines += (await readWholeLines(join(place, 'training.jsonl'))).length;
    const isFinished = await stat(join(place, 'cell.json')).catch(() => null);
    if (isFinished === null) continue;
    const files = await Promise.all(
      ['adapter_model.safetensors', 'training.jsonl', 'trained.json'].map(async (name) => stat(join(place, name))),
    );
    cells.set(cell, files.map(({ ino, mtimeMs }) => `${String(ino)} ${String(mtimeMs)}`).join(', '));
  }
  return { lines, answers, duplicates, cells };
}

async function readWholeLines(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1);
}

/** Nothing that was there may be gone, be another, or be there twice. */
function compare(before: Observation, after: Observation): string[] {
  return [
    ...after.duplicates.map((key) => `${key} was asked twice`),
    ...[...before.answers]
      .filter(([key, line]) => after.answers.get(key) !== line)
      .map(([key]) => `${key} was asked again`),
    ...[...before.cells]
      .filter(([cell, marks]) => after.cells.get(cell) !== marks)
      .map(([cell]) => `${cell} was trained again`),
  ];
}

async function hashFiles(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return new Map(
    await Promise.all(
      files.map(async (file) => [file.slice(folder.length + 1), hashContent(await readFile(file))] as const),
    ),
  );
}

function nameOf(folder: string): string {
  return folder.replace(/^.*[\\/]/, '');
}
