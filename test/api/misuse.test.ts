import { expect, it } from 'vitest';
import * as driftline from '../../src/index.js';
import { DriftlineError, readRun } from '../../src/index.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { judge, openOwn } from './own-parts.js';

const values: readonly unknown[] = [undefined, null, {}, [], 'x', 1, true, [null], { name: null }, () => undefined];

/** As callers without type checks see them. */
const functions = Object.entries(driftline as Readonly<Record<string, unknown>>).filter(
  (entry): entry is [string, (...given: unknown[]) => unknown] =>
    typeof entry[1] === 'function' && entry[0] !== 'DriftlineError',
);

/** What comes of calls that is neither a result nor an error of ours. */
async function listFaults(call: (...given: unknown[]) => unknown, calls: readonly unknown[][]): Promise<string[]> {
  const faults: string[] = [];
  for (const given of calls) {
    try {
      await call(...given);
    } catch (error) {
      if (!DriftlineError.isInstance(error) || error.code === 'internal-error')
        faults.push(`${given.map(String).join()}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    }
  }
  return faults;
}

it('there are functions to misuse', () => {
  expect(functions.length).toBeGreaterThan(10);
});

it.each(functions)('%s says what is wrong with what a program without types gives it', async (_, call) => {
  const calls = values.flatMap((one) => values.map((other) => [one, other]));
  expect(await listFaults(call, calls)).toEqual([]);
});

it('what takes a run and options says what is wrong with the options', async () => {
  const { run } = await (await openOwn(await makeTemporaryFolder(), { conditions: {} })).run();
  const { analyse, compare, countResults, openExperiment, rejudge, report, tabulate } = driftline as unknown as Record<
    string,
    (...given: unknown[]) => unknown
  >;
  const options = [null, 'x', 1, [], { judg: 'x' }, { judge: '' }, { judge: 'nobody' }, { rule: 'mine' }];
  for (const call of [analyse, tabulate, report])
    for (const given of options) expect((await errorOf(() => call?.(run, given))).code).toBe('usage-invalid');
  expect((await errorOf(() => compare?.([run, run], { judge: judge.name }))).message).toContain('"judge"');
  expect((await errorOf(() => compare?.([run], {}))).message).toContain('there are not two runs');
  expect((await errorOf(() => compare?.([run, {}]))).code).toBe('usage-invalid');
  expect((await errorOf(() => countResults?.('x.csv', { ruel: 'paper' }))).message).toContain('did you mean "rule"');
  expect(await errorOf(() => countResults?.(['x.csv']))).toMatchObject({
    code: 'usage-invalid',
    message: 'countResults: the file is a list',
    hint: 'Give the path of one file of results; count several one by one.',
  });
  expect((await errorOf(() => countResults?.('x.csv', { against: 'one' }))).message).toContain('needs by: "model"');
  for (const given of [
    {},
    { judge: 7 },
    { judge: {} },
    { judge: { name: 'x' } },
    { judge, price: {} },
    { judge, maxcost: 1 },
  ])
    expect((await errorOf(() => rejudge?.(run.folder, given))).code).toBe('usage-invalid');
  expect((await errorOf(() => openExperiment?.('plan.yaml', { maxcost: 5 }))).message).toBe(
    'openExperiment: unknown setting "maxcost" (did you mean "maxCost"?)',
  );
  expect((await errorOf(() => readRun('runs/nothing'))).exitCode).toBe(2);
  // None of it has changed the run.
  expect(await readRun(run.folder)).toEqual(run);
});

it('parts of a run are no run', async () => {
  const { run } = await (await openOwn(await makeTemporaryFolder(), { conditions: {} })).run();
  const analyse = driftline.analyse as (run: unknown) => unknown;
  for (const key of Object.keys(run)) {
    const faults = await listFaults(analyse, [[{ ...run, [key]: undefined }], [{ ...run, [key]: 'x' }]]);
    expect(faults, key).toEqual([]);
  }
  // A caller may leave answers out.
  expect(driftline.analyse({ ...run, answers: run.answers.slice(0, 9) }).rows[0]?.share.trials).toBe(9);
});
