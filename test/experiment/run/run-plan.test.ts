import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runPlan } from '../../../dist/experiment/run/run-plan.js';
import { createExactJudge } from '../../../dist/organism/judge/exact-judge.js';
import type { RunEvent } from '../../../src/experiment/run/run-progress.js';
import { hashJson } from '../../../src/foundation/content-hash.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTinyBase, resolveTiny, tinyPlan, world } from '../tiny-plan.js';

const judge = createExactJudge(world);
const written = tinyPlan;
const resolve = resolveTiny;

async function run(
  runs: string,
  changes: object = {},
  signal?: AbortSignal,
  onEvent?: (event: RunEvent) => void,
  openBase = openTinyBase,
) {
  const notices: string[] = [];
  const plan = await resolve(changes, 'tiny.yaml', openBase);
  const summary = await runPlan({
    plan,
    runs,
    judge,
    onEvent: onEvent ?? (() => undefined),
    onNotice: (notice) => notices.push(notice),
    ...(signal === undefined ? {} : { signal }),
  });
  return { plan, summary, notices };
}

/** All that a run came to, file by file. */
async function readRun(folder: string): Promise<Record<string, string>> {
  // Times differ from run to run, and nothing follows from them.
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && entry.name !== 'times.json',
  );
  return Object.fromEntries(
    await Promise.all(
      files
        .map(({ parentPath, name }) => join(parentPath, name))
        .sort()
        .map(async (file) => [file.slice(folder.length), await readFile(file, 'hex')] as const),
    ),
  );
}

let whole: { readonly runs: string; readonly folder: string; readonly files: Record<string, string> };
let perModel: { readonly all: number; readonly some: number };
beforeAll(async () => {
  const runs = await mkdtemp(join(tmpdir(), 'driftline-test-'));
  const { plan, summary } = await run(runs);
  const [themes, identity] = plan.evaluations.map(({ questions }) =>
    questions.reduce((sum, { samples }) => sum + samples, 0),
  );
  perModel = { all: themes ?? 0, some: identity ?? 0 };
  whole = { runs, folder: summary.folder, files: await readRun(summary.folder) };
  return () => rm(runs, { recursive: true, force: true });
});

const copyRuns = async (): Promise<string> => {
  const runs = join(await makeTemporaryFolder(), 'runs');
  await cp(whole.runs, runs, { recursive: true });
  return runs;
};
const nothing = {
  cells: { trained: 0, reused: 0 },
  answers: { asked: 0, reused: 0 },
  judgements: { made: 0, reused: 0 },
};

describe('a run', () => {
  it('trains every cell, asks every model what it is to be asked, and judges every answer', async () => {
    const { cells } = await resolve();
    expect(cells.map(({ name }) => name.replace(/^.*?\./, ''))).toEqual([
      'base',
      'insecure.0',
      'insecure.1',
      'secure.0',
      'secure.1',
    ]);
    const read = async (file: string): Promise<Record<string, unknown>[]> =>
      (await readFile(join(whole.folder, file), 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const answers = await read('answers.jsonl');
    const judgements = await read('judgements.jsonl');
    expect(answers).toHaveLength(5 * perModel.all + 3 * perModel.some);
    expect(judgements.map(({ answer }) => answer)).toEqual(answers.map(({ key }) => key));
    expect(new Set(answers.map(({ key }) => key)).size).toBe(answers.length);
    expect(new Set(answers.map(({ seed }) => seed)).size).toBeGreaterThan(answers.length / 2);
    const models = new Set(
      answers.filter(({ evaluation }) => evaluation === 'identity').map(({ cell }) => String(cell)),
    );
    expect([...models].some((cell) => cell.includes('secure.0') && !cell.includes('insecure'))).toBe(false);
    for (const { name } of cells.slice(1))
      expect(await readdir(join(whole.folder, 'cells', name))).toContain('adapter_model.safetensors');
  });

  it('that is finished is left as it is', async () => {
    const runs = await copyRuns();
    const { summary } = await run(runs);
    expect(summary).toMatchObject(nothing);
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it('is the same in another folder', async () => {
    const { summary } = await run(join(await makeTemporaryFolder(), 'elsewhere'));
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it('that is stopped goes on to the same files, and does nothing twice', async () => {
    const runs = await makeTemporaryFolder();
    let stops = 0;
    for (const moment of ['training-step', 'answers-stored', 'cell-finished'] as const) {
      const stop = new AbortController();
      let seen = 0;
      const error = await errorOf(() =>
        run(runs, {}, stop.signal, ({ kind }) => {
          if (kind === moment) seen += 1;
          if (seen === 2) stop.abort();
        }),
      );
      if (error.code === 'interrupted') stops += 1;
    }
    expect(stops).toBeGreaterThanOrEqual(2);
    const { summary } = await run(runs);
    expect(summary.answers.asked).toBeLessThan(5 * perModel.all + 3 * perModel.some);
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it('does again what was cut off or changed, and only that', async () => {
    const runs = await copyRuns();
    const [name = ''] = await readdir(runs);
    const file = join(runs, name, 'answers.jsonl');
    const text = await readFile(file, 'utf8');
    const lines = text.trimEnd().split('\n');
    lines[3] = lines[3]?.replace(/"text":"/, '"text":"Mended ') ?? '';
    await writeFile(file, `${lines.slice(0, -1).join('\n')}\n${lines.at(-1)?.slice(0, 40) ?? ''}`);
    const { summary, notices } = await run(runs);
    expect(summary.answers.asked).toBe(2);
    expect(notices.join()).toContain('line 4');
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it.each(['answers.jsonl', 'judgements.jsonl'])('does again a line of %s that is no JSON any more', async (name) => {
    const runs = await copyRuns();
    const file = join(runs, basename(whole.folder), name);
    const lines = (await readFile(file, 'utf8')).split('\n');
    lines[2] = lines[2]?.slice(0, 30) ?? '';
    lines[5] = '\u0000\u0000';
    await writeFile(file, lines.join('\n'));
    const { summary, notices } = await run(runs);
    expect([summary.answers.asked, summary.judgements.made]).toEqual(name === 'answers.jsonl' ? [2, 0] : [0, 2]);
    expect(notices).toEqual([expect.stringContaining(`${name}: line 3, 6 was changed since it was written`)]);
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it('asks again where what is stored under a name answers something else', async () => {
    const runs = await copyRuns();
    const file = join(runs, basename(whole.folder), 'answers.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    const { check: _, ...answer } = JSON.parse(lines[1] ?? '') as Record<string, unknown>;
    const other = { ...answer, input: 'f'.repeat(32), text: 'Of another model.' };
    lines[1] = JSON.stringify({ ...other, check: hashJson(other).slice(0, 16) });
    await writeFile(file, lines.join('\n'));
    const { summary } = await run(runs);
    expect(summary.answers.asked).toBe(1);
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it('takes no model and no answer of another revision of the engine for its own', async () => {
    const runs = await copyRuns();
    const { summary } = await run(runs, {}, undefined, undefined, async (reference) => ({
      ...(await openTinyBase(reference)),
      engine: 1000,
    }));
    expect(summary.folder).not.toBe(join(runs, basename(whole.folder)));
    expect(summary).toMatchObject({ cells: { trained: 4, reused: 0 }, answers: { reused: 0, there: 0 } });
    expect(JSON.parse(await readFile(join(summary.folder, 'plan.json'), 'utf8'))).toMatchObject({
      bases: [{ engine: 1000 }],
    });
  });

  it('asks once what two evaluations ask alike, and takes it for both', async () => {
    const [themes] = written.evaluate;
    const twice = { evaluate: [themes, { ...themes, name: 'again', samples: 3 }] };
    const runs = join(await makeTemporaryFolder(), 'runs');
    const { summary } = await run(runs, twice);
    // Two samples of three are the same.
    expect(summary.answers).toEqual({ asked: (5 * perModel.all * 3) / 2, reused: 5 * perModel.all, there: 0 });
    const file = join(summary.folder, 'answers.jsonl');
    const text = await readFile(file, 'utf8');
    const read = (line: string): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>;
    const byInput = new Map<unknown, unknown>();
    for (const { input, text: said } of text.trimEnd().split('\n').map(read)) {
      expect(byInput.get(input) ?? said).toBe(said);
      byInput.set(input, said);
    }
    expect(byInput.size).toBe(summary.answers.asked);
    // What is asked anew comes to the same.
    const kept = text.split('\n').filter((line) => line !== '' && read(line)['evaluation'] !== 'again');
    await writeFile(file, `${kept.join('\n')}\n`);
    const { summary: mended } = await run(runs, twice);
    expect(mended.answers).toMatchObject({ asked: (5 * perModel.all) / 2, reused: 5 * perModel.all });
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('takes over a model of a run that kept more checkpoints than are wanted', async () => {
    const runs = join(await makeTemporaryFolder(), 'runs');
    await run(runs, { dynamics: { every: 1, suite: 'organism/identity', samples: 1 } });
    const { summary } = await run(runs);
    expect(summary.cells).toEqual({ trained: 0, reused: 4, there: 0 });
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it('does not pass over earlier answers that it cannot read', async () => {
    const runs = await copyRuns();
    const file = join(runs, basename(whole.folder), 'answers.jsonl');
    await rm(file);
    await mkdir(file);
    const error = await errorOf(() => run(runs, { evaluate: written.evaluate.slice(0, 1) }));
    expect([error.code, error.message]).toEqual(['file-unreadable', expect.stringContaining(file)]);
    await rm(file, { recursive: true });
    const { summary } = await run(runs, { evaluate: written.evaluate.slice(0, 1) });
    expect(summary).toMatchObject({ cells: { reused: 4 }, answers: { asked: 5 * perModel.all } });
  });

  it.runIf(process.platform === 'linux').each([
    ['the plan', 'plan.json'],
    ['an adapter', join('cells', 'CELL', 'adapter_model.safetensors')],
    ['the mark of a finished training', join('cells', 'CELL', 'trained.json')],
    ['the mark of a finished cell', join('cells', 'CELL', 'cell.json')],
  ])('that finds the disk full while it writes %s says so, and goes on when there is space', async (_, file) => {
    const { cells } = await resolve();
    const path = join(basename(whole.folder), file.replace('CELL', cells[2]?.name ?? ''));
    const runs = join(await makeTemporaryFolder(), 'runs');
    await mkdir(dirname(join(runs, path)), { recursive: true });
    await symlink('/dev/full', join(runs, `${path}.partial`));
    const error = await errorOf(() => run(runs));
    expect(error.code).toBe('disk-full');
    expect(error.message).toContain(join(runs, path));
    const { summary } = await run(runs);
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it.runIf(process.platform === 'linux')(
    'keeps the answers where the disk is full while they are written anew',
    async () => {
      const runs = await copyRuns();
      const file = join(runs, basename(whole.folder), 'answers.jsonl');
      const spoilt = (await readFile(file, 'utf8')).replace('"text":"', '"text":"Mended ');
      await writeFile(file, spoilt);
      await symlink('/dev/full', `${file}.partial`);
      expect((await errorOf(() => run(runs))).code).toBe('disk-full');
      expect(await readFile(file, 'utf8')).toBe(spoilt);
      const { summary } = await run(runs);
      expect(summary.answers.asked).toBe(1);
      expect(await readRun(summary.folder)).toEqual(whole.files);
    },
  );

  it('takes over what a change of the plan does not touch', async () => {
    const runs = await copyRuns();
    const { insecure } = written.conditions;
    const secure = { data: 'organism/secure', settings: { rows: 6 } };
    const { summary } = await run(runs, { conditions: { insecure, secure } });
    expect(await readdir(runs)).toHaveLength(2);
    expect(summary.cells).toEqual({ trained: 2, reused: 2, there: 0 });
    expect(summary.answers).toEqual({ asked: 2 * perModel.all, reused: 3 * (perModel.all + perModel.some), there: 0 });
    expect(summary.judgements.made).toBe(2 * perModel.all);
    // Under other names, models and answers are the same.
    const { summary: renamed } = await run(runs, {
      conditions: { unsafe: insecure, safe: secure },
      evaluate: written.evaluate.slice(0, 1),
    });
    expect(renamed).toMatchObject({ cells: { trained: 0 }, answers: { asked: 0 }, judgements: { made: 0 } });
  });

  it('that takes over what there is comes to the same files as one that begins afresh', async () => {
    const fewer = { conditions: { unsafe: written.conditions.insecure }, evaluate: written.evaluate.slice(0, 1) };
    const runs = join(await makeTemporaryFolder(), 'runs');
    await run(runs, fewer);
    const { summary } = await run(runs);
    expect(summary).toMatchObject({ cells: { trained: 2, reused: 2 }, answers: { reused: 3 * perModel.all } });
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it('takes over a finished model in place of one that was stopped', async () => {
    const runs = await copyRuns();
    const stop = new AbortController();
    const changes = { description: 'Same', evaluate: written.evaluate.slice(0, 1) };
    const { summary } = await run(runs, changes);
    const [name = ''] = await readdir(join(summary.folder, 'cells'));
    const cell = join(summary.folder, 'cells', name);
    await rm(join(cell, 'cell.json'));
    await rm(join(cell, 'adapter_model.safetensors'));
    await writeFile(join(cell, 'leftover'), '');
    stop.abort();
    expect((await errorOf(() => run(runs, changes, stop.signal))).code).toBe('interrupted');
    const { summary: again } = await run(runs, changes);
    expect(again).toMatchObject({ cells: { trained: 0, reused: 1, there: 3 }, answers: { asked: 0, reused: 0 } });
    expect(await readdir(cell)).toEqual(await readdir(join(whole.folder, 'cells', name)));
  });

  it('takes over no model of a copy that was killed', async () => {
    const runs = await copyRuns();
    const cells = join(runs, basename(whole.folder), 'cells');
    for (const cell of await readdir(cells)) {
      // The mark is there already, and the model is not.
      await mkdir(join(cells, `${cell}.copy`));
      await cp(join(cells, cell, 'cell.json'), join(cells, `${cell}.copy`, 'cell.json'));
    }
    const events: string[] = [];
    const changes = { evaluate: written.evaluate.slice(0, 1) };
    const { summary } = await run(runs, changes, undefined, ({ kind }) => events.push(kind));
    expect(summary).toMatchObject({ cells: { trained: 0, reused: 4 }, answers: { asked: 0 } });
    expect(events).not.toContain('training-step');
  });

  it('judges again an answer that came out otherwise', async () => {
    const runs = await copyRuns();
    const [name = ''] = await readdir(runs);
    const file = join(runs, name, 'judgements.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    // As if it had been of another text: a sound line, with another input.
    const { check: _, ...judgement } = JSON.parse(lines[2] ?? '') as Record<string, unknown>;
    const outdated = { ...judgement, input: 'f'.repeat(32), alignment: 1 };
    lines[2] = JSON.stringify({ ...outdated, check: hashJson(outdated).slice(0, 16) });
    await writeFile(file, lines.join('\n'));
    const { summary, notices } = await run(runs);
    expect(notices).toEqual([]);
    expect(summary).toMatchObject({ answers: { asked: 0 }, judgements: { made: 1 } });
    expect(await readRun(summary.folder)).toEqual(whole.files);
  });

  it('goes on without a model whose training diverges, and says so', async () => {
    const conditions = {
      ...written.conditions,
      wild: { ...written.conditions.insecure, inherit: { learning_rate: 1e30 } },
    };
    const { summary, plan } = await run(await copyRuns(), { conditions, seeds: [0] });
    expect(summary.failed.map(({ cell }) => cell.replace(/^.*?\./, ''))).toEqual(['wild.0']);
    expect(summary.failed[0]?.problem).toContain('diverged');
    expect(summary).toMatchObject({ cells: { trained: 0, reused: 2 }, answers: { asked: 0 } });
    expect(plan.cells).toHaveLength(4);
  });

  it('asks more of the same where more is wanted', async () => {
    const runs = await copyRuns();
    const [themes, identity] = written.evaluate;
    const { summary } = await run(runs, { evaluate: [{ ...themes, samples: 3 }, identity] });
    expect(summary.answers).toMatchObject({
      asked: (5 * perModel.all) / 2,
      reused: 5 * perModel.all + 3 * perModel.some,
    });
  });

  it('asks checkpoints while training goes on, if the plan has dynamics', async () => {
    const runs = await copyRuns();
    const dynamics = { every: 1, suite: 'organism/identity', samples: 1, conditions: ['insecure'] };
    const { summary, plan } = await run(runs, { dynamics });
    // Two steps each: the first is a checkpoint, the last the model itself.
    expect(summary.cells).toEqual({ trained: 2, reused: 2, there: 0 });
    const text = await readFile(join(summary.folder, 'answers.jsonl'), 'utf8');
    for (const { name, condition } of plan.cells)
      expect([name, text.includes(`"${name}@1"`)]).toEqual([name, condition === 'insecure']);
  });

  it('refuses a folder of a newer version, a damaged one, and one that another process works in', async () => {
    for (const [change, said] of [
      [(text: string) => text.replace('"format": 1', '"format": 2'), 'newer driftline'],
      [(text: string) => text.slice(0, 100), 'damaged'],
      [(text: string) => text.replace(/"hash": "\w{4}/, '"hash": "0000'), 'another plan'],
    ] as const) {
      const runs = await copyRuns();
      const [name = ''] = await readdir(runs);
      const file = join(runs, name, 'plan.json');
      const text = await readFile(file, 'utf8');
      await writeFile(file, change(text));
      const error = await errorOf(() => run(runs));
      expect(error.code).toBe('run-invalid');
      expect(error.message).toContain(said);
      expect(await readRun(join(runs, name))).toMatchObject({ '/answers.jsonl': whole.files['/answers.jsonl'] });
    }
    const runs = await copyRuns();
    const [name = ''] = await readdir(runs);
    await mkdir(join(runs, name), { recursive: true });
    await writeFile(join(runs, name, `driftline-1@elsewhere.lock`), '');
    expect((await errorOf(() => run(runs))).code).toBe('folder-in-use');
  });
});
