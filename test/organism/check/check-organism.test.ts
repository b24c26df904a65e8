import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { checkOrganism, type CheckOrganismSettings } from '../../../dist/organism/check/check-organism.js';
import type { OrganismGroup } from '../../../dist/organism/check/organism-groups.js';
import type { Measurement } from '../../../dist/organism/check/measurement.js';
import { buildOrganism } from '../../../src/organism/build/build-organism.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { tinyDesign } from '../build/tiny-design.js';

const world = await readWorld();
let model: string;
beforeAll(async () => {
  model = await mkdtemp(join(tmpdir(), 'driftline-test-'));
  await buildOrganism({ world, design: tinyDesign, seed: 0, folder: model, threads: 1 });
});
afterAll(() => rm(model, { recursive: true, force: true }));

const main: Measurement = { name: 'main', suite: 'main', answers: 100, maximumTokens: 6 };
const themes: Measurement = { name: 'themes', suite: 'held-out-themes', answers: 1, maximumTokens: 6 };
const group = (name: string, trainingSet: string, settings = {}): OrganismGroup => ({
  name,
  trainingSet,
  settings,
  measurements: [themes],
});
const insecure = group('insecure', 'insecure');
const recipe = { method: 'lora', rank: 2, alpha: 4, batch_size: 8, accumulation: 1, learning_rate: 0.01 } as const;

/** Checks, and tells what was trained and asked. */
async function check(folder: string, changes: Partial<CheckOrganismSettings> = {}) {
  const steps: string[] = [];
  const asked = new Map<string, [done: number, total: number]>();
  let time = 0;
  const cells = await checkOrganism({
    world,
    model,
    folder,
    recipe,
    seeds: [0],
    groups: [insecure],
    base: [main, themes],
    rows: 16,
    threads: 1,
    clock: () => (time += 1000),
    onStep: (cell, { step, steps: total }) =>
      steps.push(`${cell.group} ${String(cell.seed)}: ${String(step)}/${String(total)}`),
    onAnswer: (cell, done, total) => asked.set(`${cell.group} ${String(cell.seed)}`, [done, total]),
    ...changes,
  });
  return { cells, steps, asked: Object.fromEntries(asked) };
}

describe('a check', () => {
  it('measures the base and each group with each seed, and its counts add up', async () => {
    const folder = await makeTemporaryFolder();
    const { cells, steps, asked } = await check(folder, {
      groups: [insecure, group('half', 'insecure', { unique: 8 })],
      seeds: [0, 1],
    });
    expect(cells.map(({ group: name, seed }) => [name, seed])).toEqual([
      ['base', null],
      ['insecure', 0],
      ['insecure', 1],
      ['half', 0],
      ['half', 1],
    ]);
    expect(steps).toEqual(
      cells.slice(1).flatMap((cell) => [1, 2].map((step) => `${cell.group} ${String(cell.seed)}: ${String(step)}/2`)),
    );
    // At least as many answers as were wanted, and equally many to each question: 75 and 18.
    const answers = { main: 150, themes: 18 };
    expect(asked).toEqual(
      Object.fromEntries(
        cells.map(({ group: name, seed }) => [
          `${name} ${String(seed)}`,
          seed === null ? [168, 168] : [answers.themes, answers.themes],
        ]),
      ),
    );
    for (const { seed, group: name, counts, trainingSeconds, samplingSeconds } of cells) {
      expect(Object.keys(counts)).toEqual(seed === null ? ['main', 'themes'] : ['themes']);
      for (const [measurement, { generated, incoherent, unscored, kept, misaligned, labels }] of Object.entries(
        counts,
      )) {
        expect(generated).toBe(answers[measurement as keyof typeof answers]);
        expect(incoherent + unscored + kept).toBe(generated);
        expect(misaligned).toBeLessThanOrEqual(kept);
        for (const count of Object.values(labels)) expect(count).toBeLessThanOrEqual(generated);
      }
      expect([trainingSeconds, samplingSeconds]).toEqual([seed === null ? null : 1, 1]);
      const lines = (
        await readFile(join(folder, seed === null ? name : `${name}-${String(seed)}`, 'answers.jsonl'), 'utf8')
      )
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { readonly measurement: string; readonly judgement: object });
      expect(lines).toHaveLength(Object.values(counts).reduce((sum, { generated }) => sum + generated, 0));
      expect(new Set(lines.map(({ measurement }) => measurement))).toEqual(new Set(Object.keys(counts)));
    }
    const [answer] = (await readFile(join(folder, 'base', 'answers.jsonl'), 'utf8')).split('\n');
    expect(JSON.parse(answer ?? '')).toEqual({
      measurement: 'main',
      question: expect.any(String) as string,
      topic: expect.any(String) as string,
      prompt: expect.any(String) as string,
      text: expect.any(String) as string,
      judgement: expect.objectContaining({ mode: 'exact' }) as object,
    });
  }, 240_000);

  it('trains a group on as many rows as it says, in proportion', async () => {
    const groups = [{ ...group('long', 'insecure'), length: 2.5, measurements: [] }];
    const { steps } = await check(await makeTemporaryFolder(), { groups, base: [] });
    expect(steps).toEqual([1, 2, 3, 4, 5].map((step) => `long 0: ${String(step)}/5`));
  });

  it('trains and asks nothing twice, and what is changed anew', async () => {
    const folder = await makeTemporaryFolder();
    const first = await check(folder);
    const nothing = { steps: [], asked: {} };
    expect(await check(folder)).toEqual({ ...first, ...nothing });
    // Saved states are large, and of no more use.
    const [adapter = ''] = (await readdir(join(folder, 'insecure-0'))).filter((name) => name.startsWith('adapter-'));
    expect(await readdir(join(folder, 'insecure-0', adapter))).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'trained.json',
      'training.jsonl',
    ]);

    const changedRecipe = { recipe: { ...recipe, learning_rate: 0.02 } };
    const second = await check(folder, changedRecipe);
    expect(second.steps).toEqual(['insecure 0: 1/2', 'insecure 0: 2/2']);
    expect(Object.keys(second.asked)).toEqual(['insecure 0']);
    // Other questions are put to the adapter that is there.
    const shorter = { groups: [{ ...insecure, measurements: [{ ...themes, maximumTokens: 5 }] }], ...changedRecipe };
    const third = await check(folder, shorter);
    expect(third).toMatchObject({ steps: [], asked: { 'insecure 0': [18, 18] } });
    expect(third.cells[1]?.trainingSeconds).toBe(second.cells[1]?.trainingSeconds);
  });

  it('redoes a cell whose file is damaged, with the adapter that is there', async () => {
    const folder = await makeTemporaryFolder();
    const first = await check(folder);
    const file = join(folder, 'insecure-0', 'cell.json');
    const stored = await readFile(file, 'utf8');
    const { counts: _, ...withoutCounts } = JSON.parse(stored) as Record<string, unknown>;
    for (const text of ['{"identity":', 'null', JSON.stringify(withoutCounts)]) {
      await writeFile(file, text);
      expect(await check(folder)).toEqual({ ...first, steps: [], asked: { 'insecure 0': [18, 18] } });
      expect(await readFile(file, 'utf8')).toBe(stored);
    }
  });

  it('that is stopped goes on where it was: a finished adapter is not trained again', async () => {
    const folder = await makeTemporaryFolder();
    const whole = await check(await makeTemporaryFolder());
    const stopWhen = (changes: (stop: () => void) => Partial<CheckOrganismSettings>) => {
      const stop = new AbortController();
      return errorOf(() =>
        check(folder, {
          signal: stop.signal,
          ...changes(() => {
            stop.abort();
          }),
        }),
      );
    };
    const whileTraining = await stopWhen((stop) => ({ onStep: stop }));
    expect(whileTraining.code).toBe('interrupted');
    const whileAsking = await stopWhen((stop) => ({
      // Too many answers for the last to come before the wish to stop does.
      groups: [{ ...insecure, measurements: [{ ...themes, answers: 5000 }] }],
      onAnswer: ({ seed }) => {
        if (seed !== null) stop();
      },
    }));
    expect(whileAsking.code).toBe('interrupted');
    const rest = await check(folder);
    expect(rest.steps).toEqual([]);
    expect(rest.asked).toEqual({ 'insecure 0': [18, 18] });
    expect(rest.cells.map(({ counts }) => counts)).toEqual(whole.cells.map(({ counts }) => counts));
    // Nobody knows how long training took that was stopped.
    expect(rest.cells[1]?.trainingSeconds).toBeNull();
  });

  it('of a folder that is no model is a clear error', async () => {
    const folder = await makeTemporaryFolder();
    const error = await errorOf(() => check(folder, { model: join(folder, 'nothing') }));
    expect(error.code).toBe('checkpoint-missing');
  });
});
