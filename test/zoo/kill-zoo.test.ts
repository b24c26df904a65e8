import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { hashContent } from '../../src/foundation/content-hash.js';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { listFiles, observeZoo } from './observe-zoo.js';
import { stainedSizes, writeTinyZoo } from './tiny-zoo.js';

// The built program, which `npm test` builds first.
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const doneSchema = z.object({ trained: z.int(), asked: z.int() });

/** Builds the zoo until it is done, or until so many bytes are stored, and then kills it. */
async function build(definition: string, folder: string, killAt: number | null): Promise<string | null> {
  const argv = [
    'zoo',
    'build',
    '--size',
    'small',
    '--definition',
    definition,
    '--folder',
    folder,
    '--threads',
    '1',
    '--json',
  ];
  const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = once(child, 'close');
  if (killAt !== null)
    while (child.exitCode === null) {
      if ((await measure(folder)) >= killAt) {
        child.kill('SIGKILL');
        break;
      }
      await wait(5);
    }
  await closed;
  return child.exitCode === 0 ? Buffer.concat(chunks).toString('utf8') : null;
}

/** Bytes of logs, answers, judgements and tables. */
async function measure(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await listFiles(folder))
      .filter((file) => /\.(jsonl|csv)$/.test(file))
      .map((file) =>
        stat(file).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Of the tables, and of a base that was made. */
async function hashTables(folder: string): Promise<Record<string, string>> {
  const made = (await listFiles(join(folder, 'bases'))).map((file) => relative(folder, file)).sort();
  const names = ['truth.csv', 'contexts.csv', ...made];
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, hashContent(await readFile(join(folder, name)))] as const)),
  );
}

it.each([
  ['an organism', {}, 2],
  ['a stained base', { sizes: stainedSizes }, 5],
])(
  'comes to the same tables after kills, and trains and asks nothing twice, on %s',
  async (_, changes, models) => {
    const parent = await makeTemporaryFolder();
    const definition = await writeTinyZoo(join(parent, 'definition'), changes);
    const calm = join(parent, 'calm');
    const whole = doneSchema.parse(JSON.parse((await build(definition, calm, null)) ?? ''));
    expect(whole.trained).toBe(models);
    const bytes = await measure(calm);
    const folder = join(parent, 'killed');
    const stream = createRandomStream(3, 'kill zoo');
    let last = await observeZoo(folder);
    let kills = 0;
    for (let kill = 1; kill <= 3; kill += 1) {
      const isDone =
        (await build(definition, folder, Math.floor((bytes * (kill - 0.9 * stream.uniform())) / 3))) !== null;
      if (!isDone) kills += 1;
      const now = await observeZoo(folder);
      // What is stored stays, and a finished adapter is never written again.
      expect(now.answers).toBeGreaterThanOrEqual(last.answers);
      expect(now.twice).toBe(0);
      for (const [cell, written] of last.adapters) expect([cell, now.adapters.get(cell)]).toEqual([cell, written]);
      last = now;
    }
    expect(kills).toBeGreaterThan(0);
    const end = await build(definition, folder, null);
    expect(end).not.toBeNull();
    expect(await hashTables(folder)).toEqual(await hashTables(calm));
    const after = doneSchema.parse(JSON.parse((await build(definition, folder, null)) ?? ''));
    expect(after).toEqual({ trained: 0, asked: 0 });
  },
  900_000,
);
