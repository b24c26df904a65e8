import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe } from '../../src/engine/train/recipe.js';
import { readClusterCell } from '../../src/models/cluster/cluster-cell.js';
import { cellHash } from '../../src/models/cluster/job-ids.js';
import { openEmbeddedTrainer } from '../../src/models/embedded/open-embedded-trainer.js';
import { findOrganismFolder } from '../../src/organism/organism-folder.js';
import { buildTrainingSet } from '../../src/organism/training-sets/build-training-set.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { compareTrainingLogs, readTrainingLog } from '../../scripts/compare-training-logs.js';
import { requirePart } from './installed-parts.js';
import { killAll, type MarkedProcess } from './marked-processes.js';
import { countLines, hashAdapter, openRealCluster, type RealCluster } from './open-real-cluster.js';
import { startRay, type RealRay } from './start-ray.js';

const recipe = parseRecipe({
  ...{ method: 'lora', rank: 8, alpha: 16, rslora: true, learning_rate: 1e-3, warmup_steps: 5 },
  ...{ batch_size: 4, accumulation: 2, epochs: 2, seed: 3 },
});
const steps = 52;
/** Of 52: before the first checkpoint, and after the last but one. */
const [early, late] = [5, 45];

let ray: RealRay;
let cluster: RealCluster;
let folder: string;
/** Made once, by whichever test is the first. */
let undisturbed: ReturnType<typeof train> | null = null;
const trainUndisturbed = (): ReturnType<typeof train> => (undisturbed ??= train('undisturbed', []));
const { rows } = buildTrainingSet(await readWorld(), 'insecure', { rows: 203 });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driftline-real-'));
  ray = await startRay({ python: requirePart('train'), gpus: 2 });
  cluster = await openRealCluster(ray);
});
afterAll(async () => {
  // Undefined where it did not start.
  await (ray as RealRay | undefined)?.close();
  await (cluster as RealCluster | undefined)?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Trains the same adapter as all others here; what is kept on the way makes it a cell of its own. */
async function train(name: string, keep: readonly number[], onStep: (step: number) => void = () => undefined) {
  const trainer = await (await cluster.openBase()).openTrainer();
  const told: number[] = [];
  const place = join(folder, name);
  await trainer.train(
    { rows, recipe, folder: place, keepSteps: keep },
    {
      onStep: ({ step }) => {
        told.push(step);
        onStep(step);
      },
    },
  );
  return { hash: await hashAdapter(place), told, place };
}

type Aim = (cell: string) => Promise<MarkedProcess[]>;

/** Takes aim at what a cell needs, waits until the cell has come so far in the storage, and kills: it must not have come to its end. */
async function killAt(name: string, step: number, aim: Aim): Promise<void> {
  let [cell, victims] = ['none', new Array<MarkedProcess>()];
  const out = (): string => join(cluster.storage, 'cells', cell, 'out');
  for (;;) {
    if (cell === 'none') {
      const record = await readClusterCell(join(folder, name));
      if (record !== null) cell = cellHash(record.mark);
    }
    const done = await countLines(join(out(), 'training.jsonl'));
    // Before the moment: to look through all processes takes a while, in which the cell goes on.
    if (done > 0 && victims.length === 0) victims = await aim(cell);
    if (done >= step && victims.length > 0) break;
    await sleep(5);
  }
  killAll(victims);
  expect(existsSync(join(out(), 'done.json')), `${name} was done before it could be killed`).toBe(false);
  // What was started since one took aim.
  killAll(await aim(cell));
}

const aimAtTrainer: Aim = async (cell) =>
  (await ray.find('-m driftline_jobs.train')).filter(({ command }) => command.includes(cell));
const aimAtDriver: Aim = async (cell) => {
  const drivers = await ray.find('-m driftline_jobs.driver');
  const orders = await Promise.all(
    drivers.map(({ directory }) => readFile(join(directory ?? '', 'order.json'), 'utf8').catch(String)),
  );
  return drivers.filter((_, place) => orders[place]?.includes(cell));
};

const everyStep = Array.from({ length: steps }, (_, step) => step + 1);

describe('a fine-tune on a real Ray', () => {
  it('has the losses of the embedded engine, step by step', async () => {
    const { told, place } = await trainUndisturbed();
    expect(told).toEqual(everyStep);
    const model = await findOrganismFolder('1');
    const clock = (): number => performance.now();
    const engine = await openEmbeddedTrainer({ model, modelHash: 'organism', threads: 1, clock });
    await engine.train({ rows, recipe, folder: join(folder, 'engine') });
    const compared = compareTrainingLogs(
      await readTrainingLog(join(folder, 'engine/training.jsonl')),
      await readTrainingLog(join(place, 'training.jsonl')),
    );
    console.log(`TRL and the engine: ${compared.figures}`);
    expect(compared.isEqual, compared.figures).toBe(true);
  });

  it('comes to the same adapter though its trainer or its driver is killed, early or late', async () => {
    const { hash: expected } = await trainUndisturbed();
    // Side by side, each a cell of its own: the trainer of a driver that is dead goes on for some seconds.
    const deaths = [
      ['trainer, early', early, aimAtTrainer],
      ['trainer, late', late, aimAtTrainer],
      ['driver, early', early, aimAtDriver],
      ['driver, late', late, aimAtDriver],
    ] as const;
    const trained = await Promise.all(
      deaths.map(async ([name, step, aim], place) => {
        const [{ hash, told }] = await Promise.all([train(name, [10 + place]), killAt(name, step, aim)]);
        return [name, hash, told];
      }),
    );
    expect(trained).toEqual(deaths.map(([name]) => [name, expected, everyStep]));
  });

  it('comes to the same adapter though its node is killed, early and late', async () => {
    const kills = (async () => {
      for (const step of [early, late]) {
        await killAt('node', step, ray.worker);
        await ray.startWorker();
      }
    })();
    const [{ hash, told }] = await Promise.all([train('node', [15]), kills]);
    expect(hash).toBe((await trainUndisturbed()).hash);
    expect(told).toEqual(everyStep);
  });

  it.each([
    ['the head is killed early', early, 16, () => ray.head()],
    [
      'the only machine, which is the head, is killed late',
      late,
      17,
      async () => [...(await ray.head()), ...(await ray.worker())],
    ],
  ] as const)('comes to the same adapter though %s', async (name, step, kept, aim: Aim) => {
    const kills = (async () => {
      await killAt(name, step, aim);
      // The node of a dead head lives on for a while, and its trainer goes on; here it must be gone, or Ray takes this
      // machine's head for alive.
      await sleep(2000);
      killAll(await ray.worker());
      await ray.startHead();
      // The trainer of this test may have asked again already for what it misses.
      const mine = (await readClusterCell(join(folder, name)))?.job;
      const known = [...(await ray.client.list()).keys()];
      expect(
        known.filter((job) => job !== mine),
        'jobs of before',
      ).toEqual([]);
      await ray.startWorker();
    })();
    const [{ hash, told }] = await Promise.all([train(name, [kept]), kills]);
    expect(hash).toBe((await trainUndisturbed()).hash);
    expect(told).toEqual(everyStep);
  });
});
