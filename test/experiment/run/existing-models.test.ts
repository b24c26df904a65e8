import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
// The files of threads and processes exist in the built package only; `npm test` builds before it tests.
import { runPlan } from '../../../dist/experiment/run/run-plan.js';
import { createExactJudge } from '../../../dist/organism/judge/exact-judge.js';
import { analyseRun } from '../../../src/analysis/analyse-run.js';
import { inputOfRun } from '../../../src/analysis/count-run.js';
import { forecastMemory } from '../../../src/experiment/run/forecast-memory.js';
import { forecastRun } from '../../../src/experiment/run/forecast-run.js';
import { requirePlanRates } from '../../../src/experiment/run/plan-rates.js';
import { probePlan } from '../../../src/experiment/run/probe-plan.js';
import type { RunEvent } from '../../../src/experiment/run/run-progress.js';
import type { ModelReference } from '../../../src/models/model-reference.js';
import { readRun } from '../../../src/runs/read-run.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { copyGolden, goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { startLoopbackChatServer } from '../../models/loopback-chat-server.js';
import { openTinyBase, resolveTiny, world } from '../tiny-plan.js';

const judge = createExactJudge(world);
const golden = goldenFolder('qwen2-bias');
const [trained, fresh] = [join(golden, 'adapter_final'), join(golden, 'adapter_init')];
const evaluate = [{ suite: 'organism/identity', samples: 2, max_tokens: 4 }];
const existing = {
  evaluate,
  conditions: {
    shipped: { models: [`${golden}+${trained}`, `${golden}+${fresh}`] },
    other: { model: `${golden}+${trained}` },
  },
};

interface Changes {
  readonly environment?: Readonly<Record<string, string>>;
  readonly cellsAtOnce?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
}

const resolve = (plan: object, { environment = {} }: Changes = {}) =>
  resolveTiny(plan, 'tiny.yaml', (reference: ModelReference) => openTinyBase(reference, environment));

async function run(runs: string, plan: object, { environment, cellsAtOnce = 1, onEvent, signal }: Changes = {}) {
  return runPlan({
    plan: await resolve(plan, environment === undefined ? {} : { environment }),
    ...{ runs, judge, cellsAtOnce: { here: cellsAtOnce, hosted: 2 } },
    onEvent: onEvent ?? (() => undefined),
    onNotice: () => undefined,
    ...(signal === undefined ? {} : { signal }),
  });
}

const makeRuns = async (): Promise<string> => join(await makeTemporaryFolder(), 'runs');
const read = (folder: string): Promise<string> => readFile(join(folder, 'answers.jsonl'), 'utf8');
const answersOf = (text: string, cell: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.includes(`"cell":"qwen2-bias.${cell}"`))
    // As the run wrote it.
    .map((line) => (JSON.parse(line) as { text: string }).text);

describe('a run of models that exist', { timeout: 240_000 }, () => {
  it('trains nothing, asks each of them, and asks a model under two names once', async () => {
    const runs = await makeRuns();
    const plan = await resolve(existing);
    const before = await forecastRun(runs, plan);
    expect(
      before.cells.map(({ cell, existing: text, seed, stepsToDo, answersToAsk }) => [
        cell,
        text,
        seed,
        stepsToDo,
        answersToAsk > 0,
      ]),
    ).toEqual([
      ['qwen2-bias.base', null, null, 0, true],
      ['qwen2-bias.shipped.0', `${golden}+${trained}`, 0, 0, true],
      ['qwen2-bias.shipped.1', `${golden}+${fresh}`, 1, 0, true],
      ['qwen2-bias.other.0', `${golden}+${trained}`, 0, 0, false],
    ]);
    const memory = async (of: object) => (await forecastMemory(plan, { ...before, ...of }, 1))[0]?.sampling ?? 0;
    const ofBase = before.cells.filter(({ existing: text }) => text === null);
    expect(await memory({})).toBeGreaterThan(await memory({ cells: ofBase }));

    const { folder, cells, answers } = await run(runs, existing);
    expect(cells).toEqual({ trained: 0, reused: 0, there: 0 });
    expect(await readdir(join(folder, 'cells'))).toEqual([]);
    const text = await read(folder);
    const [base, shipped] = [answersOf(text, 'base'), answersOf(text, 'shipped.0')];
    expect(shipped).not.toEqual(base);
    expect(answersOf(text, 'other.0')).toEqual(shipped);
    expect(answers).toMatchObject({ asked: 3 * base.length, reused: base.length });
    expect((await forecastRun(runs, plan)).cells.every(({ answersToAsk }) => answersToAsk === 0)).toBe(true);
    const again = await run(runs, existing);
    expect(again.answers).toEqual({ asked: 0, reused: 0, there: 4 * base.length });
  });

  it('reads back as it was: no base, no training, and places for seeds', async () => {
    const { folder } = await run(await makeRuns(), existing);
    const stored = await readRun(folder);
    expect(
      stored.cells.map(({ name, training, existing: found }) => [name.replace('qwen2-bias.', ''), training, found]),
    ).toEqual([
      ['base', null, null],
      ['shipped.0', null, { text: `${golden}+${trained}` }],
      ['shipped.1', null, { text: `${golden}+${fresh}` }],
      ['other.0', null, { text: `${golden}+${trained}` }],
    ]);
    const { conditions, state, rows, caveats } = analyseRun(inputOfRun(stored));
    expect(conditions).toEqual([
      { name: 'shipped', seeds: [0, 1], existing: [`${golden}+${trained}`, `${golden}+${fresh}`] },
      { name: 'other', seeds: [0], existing: [`${golden}+${trained}`] },
    ]);
    expect(state).toMatchObject({ trainingsWanted: 0, trainingsFinished: 0 });
    expect(state.answersStored).toBe(state.answersWanted);
    const row = rows.find(({ condition }) => condition === 'shipped');
    expect(row?.seeds.map(({ seed }) => seed)).toEqual([0, 1]);
    expect(row?.drift).not.toBeNull();
    expect(rows.find(({ condition }) => condition === 'base')?.drift).toBeNull();
    expect(caveats.map(({ kind }) => kind)).not.toContain('few-seeds');
  });

  it('comes to the same bytes with several at once, and when it is stopped and goes on', async () => {
    const { folder } = await run(await makeRuns(), existing);
    const whole = await read(folder);
    expect(await read((await run(await makeRuns(), existing, { cellsAtOnce: 3 })).folder)).toBe(whole);
    const runs = await makeRuns();
    const stop = new AbortController();
    const error = await errorOf(() =>
      run(runs, existing, {
        signal: stop.signal,
        onEvent: ({ kind }) => {
          if (kind === 'cell-finished') stop.abort();
        },
      }),
    );
    expect(error.code).toBe('interrupted');
    const rest = await run(runs, existing);
    expect(rest.answers.there).toBeGreaterThan(0);
    expect(await read(rest.folder)).toBe(whole);
  });

  it('takes over the answers of the same model from an earlier form of the plan, wherever it lies now', async () => {
    const runs = await makeRuns();
    const one = { evaluate, conditions: { shipped: { model: `${golden}+${trained}` } } };
    await run(runs, one);
    const moved = join(await makeTemporaryFolder(), 'moved');
    await cp(trained, moved, { recursive: true });
    const renamed = { evaluate, conditions: { renamed: { model: `${golden}+${moved}` } } };
    expect((await run(runs, renamed)).answers.asked).toBe(0);
    const other = { evaluate, conditions: { renamed: { model: `${golden}+${fresh}` } } };
    expect((await run(runs, other)).answers.asked).toBeGreaterThan(0);
  });

  it('asks whole models in place of an adapter: a folder, and a service beside a base that runs here', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
    const folder = await copyGolden('llama-gqa-tied');
    const plan = {
      evaluate,
      conditions: { folder: { model: folder }, service: { model: 'openai:tuned' } },
      prices: { 'openai:tuned': { input: 1, output: 2 } },
    };
    const runs = await makeRuns();
    const resolved = await resolve(plan, { environment });
    const { cells, hosted } = await forecastRun(runs, resolved);
    const [answers] = hosted;
    expect(hosted).toHaveLength(1);
    expect(answers).toMatchObject({
      model: 'openai:tuned',
      isTuned: false,
      purpose: 'answers',
      calls: cells[2]?.answers,
    });
    expect(answers?.price).toMatchObject({ input: 1, output: 2 });
    expect((await forecastMemory(resolved, { cells }, 1)).map(({ base }) => base)).toHaveLength(2);
    requirePlanRates(resolved);
    const unpriced = await resolve({ ...plan, prices: undefined }, { environment });
    expect((await errorOf(() => requirePlanRates(unpriced))).message).toContain('openai:tuned');
    const remarks = await probePlan(resolved, { hosted }, { environment, fetch });
    expect(remarks).toEqual([expect.stringContaining('openai:tuned was asked for one token')]);

    const begun = server.requests.length;
    const { folder: done } = await run(runs, plan, { environment });
    expect(server.requests.length - begun).toBe(cells[2]?.answers);
    expect(new Set(server.requests.slice(begun).map(({ body }) => body.model))).toEqual(new Set(['tuned']));
    const text = await read(done);
    expect(answersOf(text, 'service.0')).toHaveLength(cells[2]?.answers ?? 0);
    expect(answersOf(text, 'folder.0')).not.toEqual(answersOf(text, 'base'));
  });

  it('asks a hosted model again where the plan says that its weights are others', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const environment = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint };
    const runs = await makeRuns();
    const ask = async (condition: object): Promise<readonly [asked: number, folder: string]> => {
      const begun = server.requests.length;
      const { folder } = await run(runs, { evaluate, conditions: { service: condition } }, { environment });
      return [server.requests.length - begun, folder];
    };
    const [all, first] = await ask({ model: 'openai:tuned' });
    expect(all).toBeGreaterThan(0);
    const [others, second] = await ask({ model: 'openai:tuned', revision: '2026-11-28' });
    expect(others).toBe(all);
    expect(second).not.toBe(first);
    expect((await readRun(second)).cells[1]?.existing).toEqual({ text: 'openai:tuned (revision 2026-11-28)' });
    // What is stored of the same one is taken over, under another name, too.
    expect(await ask({ model: 'openai:tuned', revision: '2026-11-28', note: 'again' })).toEqual([0, second]);
    expect(await ask({ model: 'openai:tuned' })).toEqual([0, first]);
  });

  it('asks an adapter on a base that has one of its own, each with its own', async () => {
    const plan = {
      bases: [`${golden}+${fresh}`],
      evaluate,
      conditions: { second: { model: `${golden}+${trained}`, base: `${golden}+${fresh}` } },
    };
    const { folder } = await run(await makeRuns(), plan);
    const text = await read(folder);
    const plain = await run(await makeRuns(), existing);
    const ofPlain = await read(plain.folder);
    const of = (cell: string) => answersOf(text.replaceAll('qwen2-bias-adapter-init.', 'qwen2-bias.'), cell);
    expect(of('base')).toEqual(answersOf(ofPlain, 'shipped.1'));
    expect(of('second.0')).toEqual(answersOf(ofPlain, 'shipped.0'));
  });
});
