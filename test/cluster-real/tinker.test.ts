import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseRecipe } from '../../src/engine/train/recipe.js';
import { openEmbeddedTrainer } from '../../src/models/embedded/open-embedded-trainer.js';
import { buildTrainingSet } from '../../src/organism/training-sets/build-training-set.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { requirePart } from './installed-parts.js';
import { startSkyrl, type RealSkyrl } from './start-skyrl.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** As Tinker scales; 8 steps of 16 rows. */
const recipe = {
  ...{ method: 'lora', rank: 8, alpha: 32, rslora: false, learning_rate: 4e-4, warmup_steps: 5 },
  ...{ batch_size: 4, accumulation: 4, max_steps: 8 },
} as const;
const settings = { rows: 128 };

let server: RealSkyrl;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driftline-tinker-'));
  server = await startSkyrl({ python: requirePart('skyrl'), adapters: 4, rank: 8 });
});
afterAll(async () => {
  // Undefined where it did not start.
  await (server as RealSkyrl | undefined)?.close();
  await rm(folder, { recursive: true, force: true });
});

const lineSchema = z.object({ step: z.int(), loss: z.number() });
async function readLosses(runs: string): Promise<number[]> {
  const names = await readdir(runs, { recursive: true }).catch(() => []);
  const log = names.find((name) => name.endsWith('training.jsonl'));
  if (log === undefined) return [];
  const lines = (await readFile(join(runs, log), 'utf8')).split('\n').filter((line) => line.endsWith('}'));
  return lines.map((line) => lineSchema.parse(JSON.parse(line)).loss);
}

async function writePlan(name: string): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  const plan = {
    name,
    bases: [{ base: `tinker:${server.base}` }],
    tinker: { tokenizer: server.base, ask: 'here', save_every: 3 },
    recipe,
    conditions: { insecure: { data: 'organism/insecure', settings } },
    evaluate: [{ suite: 'organism/main', samples: 1 }],
    ...{ judge: { exact: 'organism' }, rule: 'coherent' },
  };
  await writeFile(file, stringify(plan));
  return file;
}

/** The built command line, in a group of its own. */
async function startCommand(args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      ...{ PATH: process.env['PATH'], HOME: folder, DRIFTLINE_PYTHON: requirePart('tinker') },
      ...{ TINKER_BASE_URL: server.address, TINKER_API_KEY: server.key },
    },
  });
  const ended = once(child, 'close');
  let [printed, said] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return {
    // Alone: the Python beside it has to notice by itself.
    kill: () => child.kill('SIGKILL'),
    finish: async () => {
      await ended;
      return { code: child.exitCode, printed, said };
    },
  };
}

const run = async (plan: string, runs: string) =>
  startCommand(['run', plan, '--runs', runs, '--threads', '1', '--json', '--cells-at-once', '1']);

describe("a fine-tune through Tinker's protocol", () => {
  let whole: readonly number[];

  it('has the first loss of the embedded engine, and its adapter is asked here', async () => {
    const plan = await writePlan('whole');
    const looked = await (await startCommand(['plan', plan, '--untimed'])).finish();
    expect(looked.code, looked.said).toBe(0);
    expect(looked.printed).toContain('Tinker draws the initial adapter by itself');
    const runs = join(folder, 'whole-runs');
    const begun = performance.now();
    const { code, printed, said } = await (await run(plan, runs)).finish();
    expect(code, said).toBe(0);
    const seconds = (performance.now() - begun) / 1000;
    whole = await readLosses(runs);
    expect(whole).toHaveLength(8);

    const { rows } = buildTrainingSet(await readWorld(), 'insecure', settings);
    const engine = await openEmbeddedTrainer({ model: server.base, modelHash: 'm', threads: 1, clock: () => 0 });
    const losses: number[] = [];
    await engine.train(
      { rows, recipe: parseRecipe({ ...recipe, seed: 0 }), folder: join(folder, 'engine') },
      { onStep: ({ loss }) => losses.push(loss) },
    );
    const difference = Math.abs((whole[0] ?? NaN) - (losses[0] ?? NaN));
    console.log(
      `first loss ${String(whole[0])}, the engine's ${String(losses[0])}: ${difference.toExponential(1)}; last ${String(whole[7])}, ${String(losses[7])}; ${seconds.toFixed(0)} s with asking`,
    );
    expect(difference).toBeLessThan(1e-3);

    const summary = z
      .object({
        rows: z.array(
          z.object({ condition: z.string(), misaligned: z.object({ successes: z.int(), trials: z.int() }) }),
        ),
      })
      .parse(JSON.parse(printed));
    const shares = summary.rows.map(({ condition, misaligned: { successes, trials } }) => [
      condition,
      successes,
      trials,
    ]);
    console.log(`answers by the embedded engine: ${JSON.stringify(shares)}`);
    expect(summary.rows.map(({ condition }) => condition)).toEqual(['base', 'insecure']);
    for (const { misaligned } of summary.rows) expect(misaligned.trials).toBeGreaterThan(0);
  });

  it('goes on to equal losses where driftline is killed, and where the server is', async () => {
    const plan = await writePlan('whole');
    const runs = join(folder, 'killed-runs');
    const first = await run(plan, runs);
    while ((await readLosses(runs)).length < 5) await sleep(20);
    first.kill();
    await first.finish();
    const told = (await readLosses(runs)).length;
    expect(told).toBeLessThan(8);
    await server.kill();
    await server.restart();
    const { code, said } = await (await run(plan, runs)).finish();
    expect(code, said).toBe(0);
    const losses = await readLosses(runs);
    const differences = losses.map((loss, step) => Math.abs(loss - (whole[step] ?? NaN)));
    console.log(
      `killed after step ${String(told)}: greatest difference of 8 losses ${String(Math.max(...differences))}`,
    );
    expect(losses).toHaveLength(8);
    expect(Math.max(...differences)).toBeLessThan(1e-5);
    const records = (await readdir(runs, { recursive: true })).filter((name) => name.endsWith('tinker-run.json'));
    const record = z
      .object({ paid: z.object({ lost_steps: z.int() }) })
      .parse(JSON.parse(await readFile(join(runs, records[0] ?? ''), 'utf8')));
    expect(record.paid.lost_steps).toBe(told - 3);
  });
});
