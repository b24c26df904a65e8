import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { runCaptured } from '../cli/run-captured.js';
import { copyBaselineZoo, expectedScores } from './baseline-zoo.js';

let parent: string;
let folder: string;
let definition: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'driftline-baselines-'));
  ({ folder, definition } = await copyBaselineZoo(parent));
  expect(await writeBaselines('scores')).toMatchObject({ exitCode: 0 });
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const writeBaselines = (to: string, ...argv: readonly string[]) =>
  runCaptured(
    [
      ...['zoo', 'baselines', ...argv, '--definition', definition, '--folder', folder],
      ...['--to', join(parent, to), '--threads', '1'],
    ],
    { run: runBuiltCli },
  );

const read = (file: string) => readFile(file, 'utf8');
const readColumns = (text: string) =>
  text
    .trim()
    .split('\r\n')
    .slice(1)
    .map((line): readonly [string, number] => [line.split(',')[0] ?? '', Number(line.split(',')[1])]);

describe('driftline zoo baselines', () => {
  it.each(['plain-24', 'plain-80', 'panel-24', 'panel-80', 'weight-norm', 'weight-cosine', 'oracle-80'])(
    'gives %s as earlier versions did, byte for byte',
    async (name) => {
      expect(await read(join(parent, 'scores', `${name}.csv`))).toBe(await read(join(expectedScores, `${name}.csv`)));
    },
  );

  // What a model computes differs in its last bits from machine to machine.
  it.each(['margin', 'residual'])('gives %s as earlier versions did', async (name) => {
    const [found, expected] = [
      readColumns(await read(join(parent, 'scores', `${name}.csv`))),
      readColumns(await read(join(expectedScores, `${name}.csv`))),
    ];
    expect(found.map(([entry]) => entry)).toEqual(expected.map(([entry]) => entry));
    for (const [index, [, score]] of found.entries()) expect(score).toBeCloseTo(expected[index]?.[1] ?? 0, 5);
  });

  it('judges as the judge that errs does, where that is wanted, and says so', async () => {
    expect(await writeBaselines('erring', 'plain-80', 'weight-norm', '--erring-judge')).toMatchObject({ exitCode: 0 });
    const scoresOf = async (place: string, name: string) => readColumns(await read(join(parent, place, `${name}.csv`)));
    expect(await scoresOf('erring', 'weight-norm')).toEqual(await scoresOf('scores', 'weight-norm'));
    const [erring, exact] = [await scoresOf('erring', 'plain-80'), await scoresOf('scores', 'plain-80')];
    expect(erring.map(([entry]) => entry)).toEqual(exact.map(([entry]) => entry));
    expect(erring).not.toEqual(exact);
    const about = await Promise.all(['erring', 'scores'].map((place) => read(join(parent, place, 'plain-80.json'))));
    expect(about.map((text) => (JSON.parse(text) as { judge_errs: boolean }).judge_errs)).toEqual([true, false]);
  });

  it('gives the same bytes again, of what it has stored', async () => {
    const names = await readdir(expectedScores);
    // Nothing can be computed any more.
    for (const run of await readdir(join(folder, 'runs')))
      for (const cell of await readdir(join(folder, 'runs', run, 'cells')))
        await rm(join(folder, 'runs', run, 'cells', cell, 'adapter_config.json'));
    const { exitCode } = await runCaptured(
      [
        ...['zoo', 'baselines', 'margin', 'residual', '--definition', definition, '--folder', folder],
        ...['--to', join(parent, 'again')],
      ],
      { run: runBuiltCli },
    );
    expect(exitCode).toBe(0);
    for (const name of ['margin.csv', 'residual.csv']) {
      expect(names).toContain(name);
      expect(await read(join(parent, 'again', name))).toBe(await read(join(parent, 'scores', name)));
    }
  });
});
