import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { openExperiment, type ExperimentEvent, type ExperimentOptions } from '../../../dist/api/open-experiment.js';
import { planSchema, type PlanInput } from '../../../src/experiment/plan/plan-schema.js';
import { readWatch } from '../../../src/detect/watch/watch-file.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { resolveTiny, tinyPlan } from '../../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { calibrate, question, suites, writeBank } from './watched-training.js';

/** Eight steps of one condition. */
const plan = {
  ...tinyPlan,
  bases: tinyPlan.bases,
  seeds: [0],
  recipe: { ...tinyPlan.recipe, learning_rate: 0.05 },
  conditions: { insecure: { data: 'organism/insecure', settings: { rows: 16 } } },
  evaluate: [{ suite: 'organism/held-out-themes', samples: 1, max_tokens: 4 }],
  judge: { exact: 'organism' as const },
} satisfies PlanInput;
const cell = 'qwen2-bias.insecure.0';

interface Place {
  readonly runs: string;
  readonly choices: string;
  readonly events: ExperimentEvent[];
  readonly run: (
    monitor: PlanInput['monitor'] | null,
    options?: Partial<ExperimentOptions>,
  ) => Promise<Awaited<ReturnType<Awaited<ReturnType<typeof openExperiment>>['run']>>>;
}

async function makePlace(): Promise<Place> {
  const place = await makeTemporaryFolder();
  const [runs, choices] = [join(place, 'runs'), join(place, 'choices.yaml')];
  await writeFile(choices, writeBank(question));
  const events: ExperimentEvent[] = [];
  return {
    ...{ runs, choices, events },
    run: async (monitor, options = {}) => {
      events.length = 0;
      const written: PlanInput = { ...plan, ...(monitor === null ? {} : { monitor: { choices, ...monitor } }) };
      const settings = { runs, suites, threads: 1, cellsAtOnce: 1, environment: {}, ...options };
      const experiment = await openExperiment(written, settings);
      return experiment.run({ onEvent: (event) => events.push(event) });
    },
  };
}

const trainedSteps = (events: readonly ExperimentEvent[]): number[] =>
  events.flatMap((event) => (event.kind === 'training-step' ? [event.step] : []));
const scoredSteps = (events: readonly ExperimentEvent[]): number[] =>
  events.flatMap((event) => (event.kind === 'checkpoint-scored' ? [event.step] : []));

async function readCell(
  runs: string,
): Promise<{ readonly adapter: Buffer; readonly answers: string; readonly folder: string }> {
  const [name = ''] = await readdir(runs);
  const folder = join(runs, name, 'cells', cell);
  return {
    folder,
    adapter: await readFile(join(folder, 'adapter_model.safetensors')),
    answers: await readFile(join(runs, name, 'answers.jsonl'), 'utf8'),
  };
}

describe('a plan with a monitor', () => {
  it('has the hash of the plan without one, and keeps what both want', async () => {
    const dynamics = { every: 3, suite: 'organism/identity', samples: 1 };
    const without = await resolveTiny({ ...plan, dynamics });
    const monitored = await resolveTiny({ ...plan, dynamics, monitor: { every: 2, stop: true } });
    expect(monitored.hash).toBe(without.hash);
    expect(monitored.monitor).toEqual({ calibration: null, choices: null, rate: 0.05, stop: true });
    const { training } = monitored.cells.find(({ name }) => name === cell)!;
    expect([training?.keepSteps, training?.watchedSteps]).toEqual([
      [3, 6],
      [2, 4, 6],
    ]);
    expect(without.cells.find(({ name }) => name === cell)?.training?.watchedSteps).toBeUndefined();
    const own = await resolveTiny({ ...plan, monitor: { every: 2, calibration: 'c.json' } }, join('some', 'tiny.yaml'));
    expect(own.monitor?.calibration).toBe(join('some', 'c.json'));
    const named = await resolveTiny({ ...plan, monitor: { every: 4, conditions: ['insecure'] } });
    expect(named.cells.find(({ name }) => name === cell)?.training?.watchedSteps).toEqual([4]);
  });

  it('says what is wrong with it', async () => {
    const failed = planSchema.safeParse({ ...plan, monitor: {} });
    expect(failed.error?.issues[0]).toMatchObject({ path: ['monitor', 'every'] });
    expect(
      (await errorOf(() => resolveTiny({ ...plan, monitor: { every: 2, conditions: ['insecur'] } }))).message,
    ).toContain('did you mean "insecure"');
    expect(
      (await errorOf(() => resolveTiny({ ...plan, monitor: { every: 2, conditions: ['base'] } }))).message,
    ).toContain('none of its conditions is trained');
  });
});

describe.each([1, 2])('a monitored run with room for %d cells at once', (cellsAtOnce) => {
  it('has a curve, makes what it makes without one, and stops at an alarm until it need not', async () => {
    const bare = await makePlace();
    await bare.run(null);
    const wanted = await readCell(bare.runs);

    const watched = await makePlace();
    await watched.run({ every: 2 }, { cellsAtOnce });
    const found = await readCell(watched.runs);
    expect(found.adapter.equals(wanted.adapter)).toBe(true);
    expect(found.answers).toBe(wanted.answers);
    expect(trainedSteps(watched.events)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(scoredSteps(watched.events)).toEqual([2, 4, 6, 8]);
    const { curve, end, alarm } = await readWatch(join(found.folder, 'monitor'));
    expect([curve.map(({ step }) => step), end, alarm]).toEqual([[2, 4, 6, 8], 'trained', null]);
    expect((await readFile(join(found.folder, 'monitor', 'report', 'index.html'), 'utf8')).includes('step-6')).toBe(
      true,
    );
    // Called again, nothing is scored.
    await watched.run({ every: 2 }, { cellsAtOnce });
    expect(await readWatch(join(found.folder, 'monitor'))).toMatchObject({ curve });

    // The first checkpoint that is above all before it, but for the first one, which would have nothing good before it.
    const scores = curve.map(({ score }) => score ?? 0);
    const place = scores.findIndex((score, index) => index > 0 && score > Math.max(...scores.slice(0, index)));
    expect(place).toBeGreaterThan(0);
    const before = Math.max(...scores.slice(0, place));
    const step = curve[place]!.step;
    expect(step).toBeLessThan(8);
    const stopped = await makePlace();
    const calibration = await calibrate(await makeTemporaryFolder(), (before + scores[place]!) / 2);
    const monitor = { every: 2, calibration, stop: true };
    const notices: string[] = [];
    const { summary } = await stopped.run(monitor, { cellsAtOnce, onNotice: (notice) => notices.push(notice) });
    expect(summary.failed).toMatchObject([{ cell, code: 'alarm-raised' }]);
    expect(summary.failed[0]?.problem).toContain(`after step ${String(step)}`);
    expect(notices).toContain(`${cell}: alarm at step ${String(step)}; the last good step is ${String(step - 2)}`);
    expect(Math.max(...trainedSteps(stopped.events))).toBe(step);
    const [name = ''] = await readdir(stopped.runs);
    const mark = join(stopped.runs, name, 'cells', cell, 'monitor');
    expect(await readWatch(mark)).toMatchObject({ end: 'alarm', alarm: { step, lastGood: { step: step - 2 } } });

    // As long as an alarm stops it, it stays where it is.
    const again = await stopped.run(monitor, { cellsAtOnce });
    expect(again.summary.failed).toMatchObject([{ cell, code: 'alarm-raised' }]);
    expect(trainedSteps(stopped.events)).toEqual([]);

    const resumed = await stopped.run({ ...monitor, stop: false }, { cellsAtOnce });
    expect(resumed.summary.failed).toEqual([]);
    expect(trainedSteps(stopped.events)).toEqual(Array.from({ length: 8 - step }, (_, index) => step + 1 + index));
    expect(await readWatch(mark)).toMatchObject({ end: 'trained', alarm: { step } });
    const gone = await readCell(stopped.runs);
    expect(gone.adapter.equals(wanted.adapter)).toBe(true);
    expect(gone.answers).toBe(wanted.answers);
  });
});

it('is refused before anything is trained where its calibration is of another base', async () => {
  const { run, runs } = await makePlace();
  const folder = await makeTemporaryFolder();
  const other = await calibrate(folder, 1, { base: { name: 'other', identity: 'other', tokens: null } });
  expect((await errorOf(() => run({ every: 2, calibration: other }))).code).toBe('calibration-differs');
  expect(await readdir(runs).catch(() => [])).toEqual([]);
  expect((await errorOf(() => run({ every: 2, rate: 0.01, calibration: other }))).code).toBe('calibration-differs');
});
