import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
// Models run in the built package only.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { hashFile } from '../../src/foundation/hash-file.js';
import { readRun } from '../../src/runs/read-run.js';
import { runCaptured, type CapturedRun } from '../cli/run-captured.js';
import { startLoopbackJudge } from '../models/loopback-judge.js';
import { copyVersion01Run, fetchFrom, version01Folder, version01Plans, type Version01Run } from './version-01.js';

const names = Object.keys(version01Plans) as Version01Run[];
const drift = (argv: readonly string[], fetch: typeof globalThis.fetch = globalThis.fetch): Promise<CapturedRun> =>
  runCaptured(argv, { run: runBuiltCli, fetch, environment: { OPENAI_API_KEY: 'sk-test' } });

async function driftJson(argv: readonly string[], fetch?: typeof globalThis.fetch): Promise<unknown> {
  const { exitCode, stdout, stderr } = await drift([...argv, '--json'], fetch);
  expect([exitCode, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

async function readLines(folder: string, name: string): Promise<string[]> {
  return (await readFile(join(folder, name), 'utf8')).split('\n').filter((line) => line !== '');
}

/** The hash of every file, by its path. */
async function hashFolder(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map((file) => join(file.parentPath, file.name)).sort();
  return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await hashFile(path)] as const)));
}

const work = z.object({ asked: z.int(), reused: z.int(), there: z.int() });
const tally = z.object({
  cells: z.object({ trained: z.int(), reused: z.int(), there: z.int() }),
  answers: work,
  judgements: z.object({ made: z.int(), reused: z.int(), there: z.int() }),
});

describe('a run folder of version 0.1', () => {
  it.each(names)('is read, counted and reported as it was: %s', async (name) => {
    const { folder } = await copyVersion01Run(name);
    const run = await readRun(folder);
    expect(run.faults).toEqual([]);
    expect(run.answers.length).toBe((await readLines(folder, 'answers.jsonl')).length);
    expect(run.judgements.length).toBe((await readLines(folder, 'judgements.jsonl')).length);
    expect(new Set(run.judgements.map(({ judge }) => judge))).toEqual(new Set([run.judge]));
    const told = await readFile(join(version01Folder, `${basename(folder)}.json`), 'utf8');
    // Shares by seed had the name of the seeds themselves.
    const then: unknown = JSON.parse(told.replaceAll('"seeds":', '"shareBySeed":'));
    const now = await driftJson(['rejudge', folder]);
    // Later versions may say more, and nothing less.
    expect({ ...(now as object), folder: '' }).toMatchObject({ ...(then as object), folder: '' });
    await driftJson(['report', folder]);
    expect(await readdir(join(folder, 'report'))).toContain('index.html');
  });

  it("that is whole stays as it is, and its plan makes a run of today's organisms beside it", async () => {
    const { folder, runs, plan } = await copyVersion01Run('whole');
    const before = await hashFolder(folder);
    const done = tally.parse(await driftJson(['run', plan, '--runs', runs]));
    expect(done.cells).toEqual({ trained: 2, reused: 0, there: 0 });
    expect(await hashFolder(folder)).toEqual(before);
    const found = await readdir(runs);
    expect(found.length).toBe(2);
    // Nothing of the other organism is taken over.
    const listInputs = async (name: string) =>
      (await readLines(join(runs, name), 'answers.jsonl')).map(
        (line) => z.object({ input: z.string() }).parse(JSON.parse(line)).input,
      );
    const [one = [], other = []] = await Promise.all(found.map(listInputs));
    expect([one.length, other.length]).toEqual([204, 204]);
    expect(one.filter((input) => other.includes(input))).toEqual([]);
  });

  it('that was killed is not gone on with, for its organism is gone: an error names the version that can', async () => {
    const { folder, runs, plan } = await copyVersion01Run('killed');
    const before = await hashFolder(folder);
    for (const command of [
      ['run', plan],
      ['run', plan, '--detach'],
      ['plan', plan],
    ]) {
      const { exitCode, stdout, stderr } = await drift([...command, '--runs', runs, '--json']);
      expect([exitCode, stdout]).toEqual([2, '']);
      const { error } = z
        .object({ error: z.looseObject({}) })
        .parse(JSON.parse(stderr.trim().split('\n').at(-1) ?? ''));
      expect(error).toMatchObject({
        code: 'edition-retired',
        message: expect.stringContaining(
          `${folder} is not finished, and was begun with organism:1 of the first edition`,
        ),
        hint: expect.stringContaining('0.1 of driftline continues it.'),
        details: { folder, model: 'organism:1', version: '0.1' },
      });
    }
    expect(await hashFolder(folder)).toEqual(before);
    expect(await readdir(runs)).toEqual([basename(folder)]);
    // It is still read, judged again and reported; and elsewhere the plan runs.
    await driftJson(['rejudge', folder, '--judge', 'exact']);
    await driftJson(['report', folder]);
    const elsewhere = tally.parse(await driftJson(['run', plan, '--runs', `${runs}-of-today`]));
    expect(elsewhere.cells).toMatchObject({ trained: 2, reused: 0 });
  });

  it('of hosted models is judged to its end, and by another mode', async () => {
    const { folder, runs, plan } = await copyVersion01Run('judged');
    const server = await startLoopbackJudge();
    onTestFinished(() => server.close());
    const fetch = fetchFrom(server.endpoint);
    const judgements = await readLines(folder, 'judgements.jsonl');
    const kept = judgements.slice(0, 40);
    await writeFile(join(folder, 'judgements.jsonl'), `${kept.join('\n')}\n`);
    const done = tally.parse(await driftJson(['run', plan, '--runs', runs], fetch));
    expect(done.answers.asked).toBe(0);
    expect(done.judgements).toEqual({ made: judgements.length - kept.length, reused: 0, there: kept.length });
    const run = await readRun(folder);
    expect(run.judgements.length).toBe(judgements.length);
    const calls = server.requests.length;
    const other = ['rejudge', folder, '--judge', 'openai:judge-1', '--mode', 'single'];
    expect(await driftJson(other, fetch)).toMatchObject({ judgements: { made: run.answers.length } });
    expect(server.requests.length).toBeGreaterThan(calls);
    expect(await driftJson(other, fetch)).toMatchObject({ judgements: { made: 0, there: run.answers.length } });
  });
});
