import { readdir } from 'node:fs/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { measureSpeed } from '../../../src/experiment/run/measure-speed.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { resolveTiny } from '../tiny-plan.js';

/** Each look at the clock takes a second. */
const slowClock = (): (() => number) => {
  let time = 0;
  return () => (time += 1000);
};

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
    });
  });

  it('is none of what there is nothing to measure of', async () => {
    const { base, evaluation, training } = await prepare(2);
    expect(await measureSpeed(base, null, null, { clock: slowClock() })).toEqual({
      secondsPerStep: null,
      secondsPerAnswer: null,
    });
    expect(
      await measureSpeed({ ...base, openTrainer: null }, training, evaluation, { clock: slowClock() }),
    ).toMatchObject({ secondsPerStep: null, secondsPerAnswer: 1 });
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
