import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { forecastRun, type CellForecast } from '../../../src/experiment/run/forecast-run.js';
import type { ResolvedPlan } from '../../../src/experiment/plan/resolved-plan.js';
import { listWantedAnswers, recordAnswer } from '../../../src/experiment/run/wanted-answer.js';
import { createRecordTable } from '../../../src/runs/record-table.js';
import { readRunRecords, type AnswerRecord } from '../../../src/runs/run-records.js';
import type { RunEvent } from '../../../src/experiment/run/run-progress.js';
import { runPlan } from '../../../src/experiment/run/run-plan.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { resolveTiny, tinyPlan, world } from '../tiny-plan.js';

const judge = createExactJudge(world);
const small = { seeds: [0], evaluate: [{ suite: 'organism/identity', samples: 1, max_tokens: 2 }] };
const run = (
  runs: string,
  plan: ResolvedPlan,
  onEvent: (event: RunEvent) => void = () => undefined,
  signal?: AbortSignal,
) => runPlan({ plan, runs, judge, onEvent, onNotice: () => undefined, ...(signal === undefined ? {} : { signal }) });
const sum = (cells: readonly CellForecast[], part: 'steps' | 'answers' | 'stepsToDo' | 'answersToAsk'): number =>
  cells.reduce((total, cell) => total + cell[part], 0);

describe('the forecast of a run', () => {
  it('has everything to do before it begins, and writes nothing', async () => {
    const runs = join(await makeTemporaryFolder(), 'runs');
    const plan = await resolveTiny(small);
    const { folder, cells } = await forecastRun(runs, plan);
    expect(folder).toBe(join(runs, `tiny-${plan.hash.slice(0, 8)}`));
    const questions = plan.evaluations[0]?.questions.length ?? 0;
    expect(
      cells.map(({ condition, seed, steps, stepsToDo, answers, answersToAsk, trainingSet }) => [
        condition,
        seed,
        steps,
        stepsToDo,
        answers,
        answersToAsk,
        trainingSet?.rows ?? null,
      ]),
    ).toEqual([
      ['base', null, 0, 0, questions, questions, null],
      ['insecure', 0, 2, 2, questions, questions, 4],
      ['secure', 0, 2, 2, questions, questions, 4],
    ]);
    await expect(readdir(runs)).rejects.toThrow('ENOENT');
  });

  it('counts what is left of a run that was stopped, and nothing of one that is done', async () => {
    const runs = join(await makeTemporaryFolder(), 'runs');
    const plan = await resolveTiny(small);
    const stop = new AbortController();
    const stopped = await errorOf(() =>
      run(
        runs,
        plan,
        ({ kind, cell }) => {
          if (kind === 'cell-finished' && cell.includes('insecure')) stop.abort();
        },
        stop.signal,
      ),
    );
    expect(stopped).toMatchObject({ code: 'interrupted', exitCode: 130 });
    const half = (await forecastRun(runs, plan)).cells;
    expect(half.map(({ stepsToDo }) => stepsToDo)).toEqual([0, 0, 2]);
    expect(half.map(({ answersToAsk }) => answersToAsk > 0)).toEqual([false, false, true]);
    const { answers, cells } = await run(runs, plan);
    expect([answers.asked, cells.trained]).toEqual([sum(half, 'answersToAsk'), 1]);
    const done = (await forecastRun(runs, plan)).cells;
    expect([sum(done, 'stepsToDo'), sum(done, 'answersToAsk')]).toEqual([0, 0]);
    expect(sum(done, 'answers')).toBe(sum(half, 'answers'));
  });

  it('counts what a change of the plan calls for, and no more', async () => {
    const runs = join(await makeTemporaryFolder(), 'runs');
    await run(runs, await resolveTiny(small));
    const { insecure, secure } = tinyPlan.conditions;
    const changed = await resolveTiny({
      ...small,
      conditions: { renamed: insecure, secure: { ...secure, inherit: { rank: 2 } } },
    });
    const { cells } = await forecastRun(runs, changed);
    expect(cells.map(({ condition, stepsToDo, answersToAsk }) => [condition, stepsToDo, answersToAsk > 0])).toEqual([
      ['base', 0, false],
      ['renamed', 0, false],
      ['secure', 2, true],
    ]);
    const { answers, cells: made } = await run(runs, changed);
    expect([answers.asked, made.trained]).toEqual([sum(cells, 'answersToAsk'), 1]);
  });

  it('counts again what was damaged', async () => {
    const runs = join(await makeTemporaryFolder(), 'runs');
    const plan = await resolveTiny(small);
    const { folder } = await run(runs, plan);
    const file = join(folder, 'answers.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    lines[0] = lines[0]?.replace('"text":"', '"text":"Other ') ?? '';
    await writeFile(file, lines.join('\n'));
    const [name = ''] = plan.cells.filter(({ condition }) => condition === 'secure').map((cell) => cell.name);
    await rm(join(folder, 'cells', name, 'cell.json'));
    const { cells } = await forecastRun(runs, plan);
    expect(cells.map(({ stepsToDo, answersToAsk }) => [stepsToDo, answersToAsk])).toEqual([
      [0, 1],
      [0, 0],
      [2, 0],
    ]);
  });

  it('counts a plan of very many answers by keys: what is stored and what is asked twice are not asked', async () => {
    const runs = join(await makeTemporaryFolder(), 'runs');
    const plan = await resolveTiny({
      ...small,
      evaluate: [
        { suite: 'organism/main', samples: 1200 },
        { name: 'again', suite: 'organism/main', samples: 5 },
      ],
    });
    const questions = plan.evaluations[0]?.questions ?? [];
    const all = questions.length * 1205;
    const { cells } = await forecastRun(runs, plan);
    expect(cells.map(({ answers, answersToAsk }) => [answers, answersToAsk])).toEqual(
      cells.map(() => [all, questions.length * 1200]),
    );
    const table = createRecordTable<AnswerRecord>({
      ...{ file: join(runs, 'answers.jsonl'), keyOf: ({ key }) => key, inputOf: ({ input }) => input },
      parse: () => null,
    });
    const [first] = listWantedAnswers(
      { name: 'base', identity: plan.cells[0]?.identity ?? '', engine: 1 },
      plan.evaluations,
    );
    if (first === undefined) throw new Error('the plan asks nothing');
    table.add(recordAnswer(first, { text: 'Yes.', finish_reason: 'stop', tokens: 2 }), 0, 100);
    const records = { answers: table, judgements: await readRunRecords(runs).then((read) => read.judgements) };
    const stored = (await forecastRun(runs, plan, { records })).cells;
    expect(stored.map(({ answersToAsk }) => answersToAsk)).toEqual(
      cells.map(({ cell }) => questions.length * 1200 - (cell === 'base' ? 1 : 0)),
    );
  });
});
