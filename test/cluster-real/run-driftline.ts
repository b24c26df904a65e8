import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { z } from 'zod';
import { jobEnvironment } from './open-real-cluster.js';
import { requirePart } from './installed-parts.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const summarySchema = z.object({
  folder: z.string(),
  cells: z.object({ trained: z.int(), there: z.int() }),
  answers: z.object({ asked: z.int(), there: z.int() }),
  rows: z.array(z.object({ condition: z.string(), misaligned: z.object({ successes: z.int(), trials: z.int() }) })),
  measures: z.array(z.object({ condition: z.string(), measure: z.string(), verdict: z.string().nullable() })),
});
export type RunSummary = z.output<typeof summarySchema>;

/** A run of the built command line. */
export interface StartedRun {
  /** Ends it as a machine does that loses its power. */
  readonly kill: () => Promise<void>;
  readonly isOver: () => boolean;
  /** What it printed; throws where it failed. */
  readonly finish: () => Promise<RunSummary>;
}

export interface RunSettings {
  readonly plan: string;
  readonly runs: string;
  readonly token?: string;
}

export function startRun({ plan, runs, token }: RunSettings): StartedRun {
  const child = spawn(process.execPath, [main, 'run', plan, '--runs', runs, '--threads', '1', '--json', '--progress'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, HOME: runs, ...(token === undefined ? {} : { RAY_AUTH_TOKEN: token }) },
  });
  const ended = once(child, 'close');
  let [printed, said] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return {
    isOver: () => child.exitCode !== null || child.signalCode !== null,
    kill: async () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
      await ended;
      if (child.signalCode !== 'SIGKILL') throw new Error(`the run ended before it was killed: ${said.slice(-1000)}`);
    },
    finish: async () => {
      await ended;
      if (child.exitCode !== 0) throw new Error(`the run ended with ${String(child.exitCode)}: ${said.slice(-3000)}`);
      return summarySchema.parse(JSON.parse(printed));
    },
  };
}

/** Writes a plan of the organism; without an address it is trained and asked here, by the engine. */
export async function writePlan(
  file: string,
  plan: Readonly<Record<string, unknown>>,
  place: { readonly ray: string; readonly storage: string; readonly linger?: number } | null,
): Promise<string> {
  const cluster = {
    ...{ dtype: 'float32', save_every: 10, linger: 1, storage_here: 'none', ...place },
    ...{ python: requirePart('train'), vllm_python: requirePart('vllm'), environment: jobEnvironment },
  };
  await writeFile(
    file,
    stringify({
      ...{ bases: ['organism:1'], judge: { exact: 'organism' }, rule: 'coherent', ...plan },
      ...(place === null ? {} : { cluster }),
    }),
  );
  return file;
}

/** Keys of the answers in a run folder, one a line. */
export async function readAnswerKeys(folder: string): Promise<string[]> {
  const lines = (await readFile(join(folder, 'answers.jsonl'), 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => z.object({ key: z.string() }).parse(JSON.parse(line)).key);
}
