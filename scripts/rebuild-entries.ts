import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createRandomStream } from '../src/foundation/random-stream.js';
import { nameBase, parseEntryId } from '../src/zoo/definition/zoo-names.js';
import { readZooManifest } from '../src/zoo/store/zoo-manifest.js';
import { observeZoo, type ObservedZoo } from '../test/zoo/observe-zoo.js';

/**
 * `npm run zoo:rebuild -- FOLDER [--entries 20] [--kills 10] [--seed 0] [--size full] [--threads N] [--to FOLDER]`: draws entries of a zoo,
 * builds them again from nothing, kills the build now and then, and says whether adapters and truths came out byte by byte,
 * and whether anything was trained or asked twice.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    entries: { type: 'string', default: '20' },
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: '0' },
    size: { type: 'string', default: 'full' },
    threads: { type: 'string', default: '1' },
    to: { type: 'string' },
  },
});
const count = z.coerce.number().int().nonnegative();
const { entries, kills, seed, threads } = z
  .object({ entries: count.positive(), kills: count, seed: count, threads: count.positive() })
  .parse(values);
const [zoo] = z.tuple([z.string()]).parse(positionals);
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const folder = values.to ?? (await mkdtemp(join(tmpdir(), 'driftline-rebuild-')));
const before = await readZooManifest(zoo);
if (before === null) throw new Error(`${zoo} has no zoo`);
const stream = createRandomStream(seed, 'rebuild entries');
const wanted = stream.shuffle(Object.keys(before.entries)).slice(0, entries);
const started = performance.now();
const say = (text: string): void => {
  console.log(`${((performance.now() - started) / 1000).toFixed(0)} s: ${text}`);
};
say(`into ${folder}: ${wanted.join(', ')}`);

/** Builds until it is done, or until it is killed after so many seconds; whether it was done. */
async function build(seconds: number | null): Promise<boolean> {
  const place = ['--size', values.size, '--folder', folder, '--threads', String(threads)];
  const argv = [main, 'zoo', 'build', ...place, '--only', wanted.join(','), '--cells-at-once', '1', '--quiet'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
  const closed = once(child, 'close');
  if (seconds !== null) {
    await Promise.race([closed, wait(seconds * 1000)]);
    child.kill('SIGKILL');
  }
  await closed;
  if (seconds === null && child.exitCode !== 0) throw new Error(`the build ended with ${String(child.exitCode)}`);
  return child.exitCode === 0;
}

const faults: string[] = [];
let last: ObservedZoo = await observeZoo(folder);
const compare = async (): Promise<ObservedZoo> => {
  const now = await observeZoo(folder);
  if (now.answers < last.answers) faults.push(`${String(last.answers - now.answers)} answers were lost`);
  if (now.twice > 0) faults.push(`${String(now.twice)} answers were stored twice`);
  for (const [cell, written] of last.adapters)
    if (now.adapters.get(cell) !== written) faults.push(`${cell} was trained again`);
  last = now;
  return now;
};
let killed = 0;
while (killed < kills && !(await build(20 + 100 * stream.uniform()))) {
  killed += 1;
  const { answers, adapters } = await compare();
  say(`kill ${String(killed)}: ${String(adapters.size)} models trained, ${String(answers)} answers`);
}
await build(null);
const whole = await compare();
say(`${String(killed)} kills; ${String(whole.adapters.size)} models trained, ${String(whole.answers)} answers`);

const after = await readZooManifest(folder);
for (const id of wanted)
  if (after?.entries[id]?.adapter !== before.entries[id]?.adapter) faults.push(`${id}: its adapter differs`);
/** Lines of a table about these entries and their bases, in their order. */
const names = new Set(wanted.flatMap((id) => [id, nameBase(parseEntryId(id)?.organism ?? '')]));
const linesOf = async (place: string, table: string): Promise<string[]> =>
  (await readFile(join(place, table), 'utf8')).split('\n').filter((line) => names.has(line.split(',')[0] ?? ''));
for (const table of ['truth.csv', 'contexts.csv']) {
  const [there, here] = [await linesOf(zoo, table), await linesOf(folder, table)];
  const differing = there.filter((line, index) => line !== here[index]).length + Math.abs(there.length - here.length);
  say(`${table}: ${String(there.length - differing)} of ${String(there.length)} lines equal`);
  if (differing > 0) faults.push(`${table}: ${String(differing)} lines differ`);
}
for (const fault of faults) say(fault);
say(faults.length === 0 ? `${String(wanted.length)} entries came out byte by byte` : 'not the same');
process.exitCode = faults.length === 0 ? 0 : 1;
