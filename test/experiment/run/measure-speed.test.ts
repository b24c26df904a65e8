import { readdir } from 'node:fs/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { benchConfig, benchShapes } from '../../../bench/bench-shape.js';
import type { Recipe } from '../../../src/engine/train/recipe.js';
import type { SizedWork } from '../../../src/models/embedded/size-embedded-work.js';
import { measureSpeed } from '../../../src/experiment/run/measure-speed.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { resolveTiny } from '../tiny-plan.js';

/** Each look at the clock takes a second. */
const slowClock = (): (() => number) => {
  let time = 0;
  return () => (time += 1000);
};

/** Of the bench's largest shape, so many times as deep, with rows of 300 tokens. */
function sizeOf(recipe: Recipe, times: number): SizedWork {
  const shape = benchShapes.find(({ name }) => name === 'M')!;
  return {
    config: benchConfig({ ...shape, layers: shape.layers * times }),
    trainings: [{ recipe, rows: [{ tokens: 300, trained: 150 }] }],
    sampling: { longestPrompt: 32, longestAnswer: 4, slots: 32, adapted: true },
  };
}

async function prepare(rows: number) {
  const plan = await resolveTiny({
    seeds: [0],
    conditions: { one: { data: 'organism/insecure', settings: { rows } } },
    evaluate: [{ suite: 'main', max_tokens: 2 }],
  });
  const [base] = plan.bases.values();
  return { base: base!, training: plan.cells[1]?.training ?? null, evaluation: plan.evaluations[0] ?? null };
}

describe('a measurement of speed', () => {
  it('is the time between steps and between answers, and leaves nothing behind', async () => {
    const { base, training, evaluation } = await prepare(8);
    const place = await makeTemporaryFolder();
    vi.stubEnv('TMPDIR', place);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(await measureSpeed(base, training, evaluation, { clock: slowClock() })).toEqual({
      secondsPerStep: 1,
      secondsPerAnswer: 1,
      how: 'measured',
    });
    const { secondsPerStep, secondsPerAnswer } = await measureSpeed(base, training, evaluation, {
      clock: () => performance.now(),
    });
    for (const seconds of [secondsPerStep, secondsPerAnswer]) {
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThan(Infinity);
    }
    expect((await readdir(place)).filter((name) => name.startsWith('driftline'))).toEqual([]);
  });

  it('takes the one step that there is', async () => {
    const { base, training } = await prepare(2);
    expect(await measureSpeed(base, training, null, { clock: slowClock() })).toEqual({
      secondsPerStep: 1,
      secondsPerAnswer: null,
      how: 'measured',
    });
  });

  it('is none of what there is nothing to measure of', async () => {
    const { base, evaluation, training } = await prepare(2);
    expect(await measureSpeed(base, null, null, { clock: slowClock() })).toEqual({
      secondsPerStep: null,
      secondsPerAnswer: null,
      how: 'measured',
    });
    expect(
      await measureSpeed({ ...base, openTrainer: null }, training, evaluation, { clock: slowClock() }),
    ).toMatchObject({ secondsPerStep: null, secondsPerAnswer: 1 });
  });

  it('is scaled up from fewer rows and from beginnings of answers where a model is large', async () => {
    const { base, evaluation, training } = await prepare(16);
    const recipe = { ...training!.recipe, batch_size: 2, accumulation: 4 };
    const work = sizeOf(recipe, 1);
    const asked = { ...evaluation!, questions: evaluation!.questions.map((one) => ({ ...one, maximumTokens: 4 })) };
    const speed = await measureSpeed(base, { ...training!, recipe }, asked, { clock: slowClock(), work });
    expect(speed.how).toBe('scaled');
    // A second by this clock, for three rows of the eight.
    expect(speed.secondsPerStep).toBeCloseTo(8 / 3);
    // A second for 32 answers, which may end early.
    expect(speed.secondsPerAnswer).toBeGreaterThanOrEqual(4 / (32 * 4));
    expect(speed.secondsPerAnswer).toBeLessThanOrEqual(4 / 32);
  });

  it('is assumed by the size of a model that takes minutes for a row', async () => {
    const { base, evaluation, training } = await prepare(16);
    const recipe = { ...training!.recipe, batch_size: 2, accumulation: 4 };
    const untouched = {
      ...base,
      openTrainer: () => Promise.reject(new Error('nothing is trained')),
      openSampler: () => Promise.reject(new Error('nothing is asked')),
      openProcess: null,
    };
    const time = async (blocks: number) =>
      measureSpeed(untouched, { ...training!, recipe }, evaluation, {
        clock: slowClock(),
        work: sizeOf(recipe, blocks),
      });
    const [large, larger] = [await time(100), await time(200)];
    expect(large.how).toBe('assumed');
    expect(large.secondsPerStep).toBeGreaterThan(60);
    expect(larger.secondsPerStep).toBeGreaterThan(1.8 * (large.secondsPerStep ?? 0));
    expect(larger.secondsPerAnswer).toBeGreaterThan(1.8 * (large.secondsPerAnswer ?? 0));
  });

  it('can be stopped', async () => {
    const { base, training } = await prepare(8);
    const stop = new AbortController();
    stop.abort();
    expect(
      (await errorOf(() => measureSpeed(base, training, null, { clock: slowClock(), signal: stop.signal }))).code,
    ).toBe('interrupted');
  });
});
