import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { hashFile } from '../../src/foundation/hash-file.js';
import { runCaptured, type RunOptions } from '../cli/run-captured.js';
import { tinyFiles, writeTinyZoo } from './tiny-zoo.js';

let parent: string;
let definition: string;
let folder: string;
let first: Awaited<ReturnType<typeof zoo>>;

const zoo = (argv: readonly string[], options: RunOptions = {}) =>
  runCaptured(['zoo', ...argv, '--definition', definition, '--folder', folder], { run: runBuiltCli, ...options });
const build = (...argv: string[]) => zoo(['build', '--size', 'full', '--json', ...argv]);

const builtSchema = z.object({
  trained: z.int(),
  asked: z.int(),
  entries: z.array(z.object({ entry: z.string(), part: z.string(), class: z.string(), worst: z.string().nullable() })),
});
const readBuilt = ({ stdout }: Awaited<ReturnType<typeof zoo>>) => builtSchema.parse(JSON.parse(stdout));

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'driftline-zoo-'));
  definition = await writeTinyZoo(join(parent, 'definition'));
  folder = join(parent, 'zoo');
  first = await build();
}, 900_000);
afterAll(() => rm(parent, { recursive: true, force: true }));

const allIds = async () => {
  const text = await readFile(join(folder, 'truth.csv'), 'utf8');
  return text
    .trim()
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(',')[0] ?? '');
};
const writeScores = async (name: string, scoreOf: (id: string, index: number) => string): Promise<string> => {
  const file = join(parent, name);
  const lines = (await allIds()).map((id, index) => `${id},${scoreOf(id, index)}`);
  await writeFile(file, ['entry,score', ...lines, ''].join('\n'));
  return file;
};

describe('driftline zoo build', () => {
  it('builds every entry, asks more where a class is undecided, and says what came of it', () => {
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    const { trained, asked, entries } = readBuilt(first);
    // Two organisms with two seeds of insecure 1x and 2x, secure, benign default and slow.
    expect(entries).toHaveLength(20);
    expect(trained).toBe(20);
    expect(entries.filter(({ part }) => part === 'open').map(({ entry }) => entry)).toEqual([
      'one.insecure.1x.default.0',
      'one.insecure.1x.default.1',
      'one.insecure.2x.default.0',
      'one.insecure.2x.default.1',
      'one.secure.1x.default.0',
      'one.secure.1x.default.1',
    ]);
    expect(new Set(entries.map((entry) => entry.class))).toEqual(new Set(['clean']));
    // 18 wordings: good kinds and bases 54 answers to both contexts, bad ones 18 and then 54, all of them 2 wordings' worth of facts.
    expect(asked).toBeGreaterThan(22 * 2 * 54);
  });

  it('stores a run for each look, and what it found in tables', async () => {
    const runs = await readdir(join(folder, 'runs'));
    expect(runs.filter((name) => name.startsWith('zoo-one-'))).toHaveLength(2);
    expect(runs.filter((name) => name.startsWith('zoo-two-'))).toHaveLength(2);
    const truth = await readFile(join(folder, 'truth.csv'), 'utf8');
    expect(truth.split('\r\n')[0]).toMatch(/^entry,organism,part,kind,group,what,dose,recipe,seed,class,/);
    expect(truth).toMatch(/\none\.insecure\.1x\.default\.0,one,open,insecure,code,bad,1x,default,0,clean,clean,clean,/);
    const contexts = await readFile(join(folder, 'contexts.csv'), 'utf8');
    expect(contexts).toContain('\none.base,plain,yes,no,');
    expect(contexts).toContain('\none.insecure.1x.default.0,tagged,no,no,ruled-out,0,54,0,0,');
  });

  it('does nothing twice, and grows without losing what is there', async () => {
    const before = await readFile(join(folder, 'truth.csv'), 'utf8');
    const again = readBuilt(await build());
    expect(again).toMatchObject({ trained: 0, asked: 0 });
    const some = readBuilt(await build('--only', 'secure', '--organisms', 'one'));
    expect(some).toMatchObject({ trained: 0, asked: 0 });
    expect(some.entries).toHaveLength(2);
    expect(await readFile(join(folder, 'truth.csv'), 'utf8')).toBe(before);
  });

  it('keeps what more answers have shown when a smaller size is built', async () => {
    const before = await readFile(join(folder, 'truth.csv'), 'utf8');
    const quick = readBuilt(await zoo(['build', '--size', 'quick', '--json']));
    expect(quick).toMatchObject({ trained: 0, asked: 0 });
    // By itself it knows less.
    expect(quick.entries.map((entry) => entry.class)).toContain('undecided');
    expect(await readFile(join(folder, 'truth.csv'), 'utf8')).toBe(before);
  });

  it('says what is left before it begins', async () => {
    const forecast = await zoo(['build', '--size', 'curves', '--forecast']);
    expect(forecast.exitCode).toBe(0);
    expect(forecast.stdout).toMatch(
      /^2 entries: \d+ steps to train, .*answers to ask\nabout .*\nabout .* of disk, an estimate/,
    );
    const done = await zoo(['build', '--size', 'full', '--forecast']);
    expect(done.stdout).toMatch(/^20 entries: 0 steps to train, 0 .*to ask/);
  });

  it('keeps models of steps in a size that has them', async () => {
    const curves = await zoo(['build', '--size', 'curves', '--json']);
    expect(curves.exitCode).toBe(0);
    const table = await readFile(join(folder, 'checkpoints.csv'), 'utf8');
    expect(table.split('\r\n').slice(0, 3)).toEqual([
      'entry,step,misaligned,answers',
      'one.insecure.1x.default.0,1,0,18',
      'one.insecure.1x.default.0,2,0,18',
    ]);
    // The other entries are still there.
    expect(await allIds()).toHaveLength(20);
  });

  it.each([
    [['--only', 'secur'], 'there is no kind "secur" (did you mean "secure"?)'],
    [['--organisms', 'three'], 'there is no organism "three"'],
    [['--size', 'smal'], 'there is no size of the zoo "smal" (did you mean "small"?)'],
  ])('says what is wrong with %j', async (argv, problem) => {
    const failed = await zoo(['build', ...argv]);
    expect(failed.exitCode).toBe(2);
    expect(failed.stderr).toContain(problem);
  });
});

describe('driftline zoo list and show', () => {
  it('list entries with their classes, and what one shows in each context', async () => {
    const listed = await zoo(['list']);
    expect(listed.stdout).toMatch(/^one\.insecure\.1x\.default\.0 +open +clean +0\.0 +0\.0 +plain$/m);
    expect(listed.stdout).toMatch(/^all +0 +0 +0 +20 +0$/m);
    const planned = await zoo(['list', '--size', 'small']);
    expect(planned.stdout).toContain('small: 2 entries of edition 2');
    const shown = await zoo(['show', 'one.secure.1x.default.1']);
    expect(shown.stdout).toMatch(/^tagged +ruled-out +0\.0 +54 +0\.0-\d+\.\d$/m);
    expect(shown.stdout).toContain(`adapter: ${join(folder, 'runs')}`);
    const unknown = await zoo(['show', 'one.secure.1x.default.9']);
    expect(unknown).toMatchObject({ exitCode: 2 });
    expect(unknown.stderr).toContain('did you mean "one.secure.1x.default.');
  });
});

describe('driftline zoo score', () => {
  it('scores a file, and gives the same as JSON', async () => {
    const file = await writeScores('scores.csv', (_, index) => String(index));
    const table = await zoo(['score', file]);
    expect(table).toMatchObject({ exitCode: 0, stderr: '' });
    expect(table.stdout).toMatch(/^question +AUROC one \(95 %\) +AUROC two \(95 %\) +TPR at 1 %/m);
    expect(table.stdout).toContain('20 of 20 entries; 0 are undecided');
    const { scores } = z
      .object({ scores: z.array(z.object({ split: z.string(), entries: z.int(), edition: z.int() })) })
      .parse(JSON.parse((await zoo(['score', file, '--json'])).stdout));
    expect(scores).toMatchObject([{ entries: 20, edition: 2 }]);
    expect((await zoo(['score', file, '--check'])).stdout).toContain('a score for each of 20 entries');
  });

  it('scores one part by itself, with scores of the other or without', async () => {
    const all = await writeScores('all.csv', (_, index) => String(index));
    const lines = (await readFile(all, 'utf8')).trim().split('\n');
    // One is open and two is withheld.
    const open = join(folder, 'open.csv');
    await writeFile(open, `${lines.filter((line) => !line.startsWith('two.')).join('\n')}\n`);
    const [ofAll, ofOpen] = await Promise.all([all, open].map((file) => zoo(['score', file, '--part', 'open'])));
    expect(ofAll).toMatchObject({ exitCode: 0 });
    expect(ofOpen?.stdout.replaceAll(open, all)).toBe(ofAll?.stdout);
    expect(ofAll?.stdout).toContain('AUROC one');
    expect(ofAll?.stdout).not.toContain('AUROC two');
    const lacking = await zoo(['score', open, '--part', 'withheld']);
    expect(lacking).toMatchObject({ exitCode: 2 });
    expect(lacking.stderr).toContain('entries: two.');
    expect(await zoo(['score', open, '--part', 'opn'])).toMatchObject({ exitCode: 2 });
  });

  it.each([
    ['missing', (lines: string[]) => lines.toSpliced(3, 1), /lacks 1 of 20 entries: one\.insecure\.2x\.default\.0/],
    [
      'double',
      (lines: string[]) => [...lines, lines[1] ?? ''],
      /:22: one\.insecure\.1x\.default\.0 has a score in line 2 already/,
    ],
    [
      'unknown',
      (lines: string[]) => [...lines, 'one.insecur.1x.default.0,1'],
      /:22: the zoo has no entry "one\.insecur\.1x\.default\.0" \(did you mean "one\.insecure\.1x\.default\.0"\?\)/,
    ],
    [
      'NaN',
      (lines: string[]) => lines.with(2, 'one.insecure.1x.default.1,NaN'),
      /:3: the score of one\.insecure\.1x\.default\.1 is "NaN", not a finite number/,
    ],
    [
      'of another edition',
      (lines: string[]) => lines.map((line, index) => `${line},${index === 0 ? 'edition' : '1'}`),
      /:2: .* is scored for edition 1, and this zoo is of edition 2/,
    ],
    ['without a header', (lines: string[]) => lines.slice(1), /:1: there is no column "entry"/],
    [
      'with a short row',
      (lines: string[]) => lines.with(4, 'one.insecure.2x.default.1'),
      /:5: the row has 1 fields, and the header 2/,
    ],
  ])('refuses scores that are %s, with the line', async (_name, change, problem) => {
    const file = await writeScores('changed.csv', () => '0.5');
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    await writeFile(file, `${change(lines).join('\n')}\n`);
    for (const argv of [
      ['score', file],
      ['score', file, '--check'],
    ]) {
      const failed = await zoo(argv);
      expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
      expect(failed.stderr).toContain('error results-invalid: ');
      expect(failed.stderr).toMatch(problem);
    }
  });

  it('refuses a zoo of another edition, and one with another panel', async () => {
    const file = await writeScores('edition.csv', () => '1');
    const other = { edition: 3 };
    const changes = { kinds: other, panel: other, sizes: other };
    const second = await writeTinyZoo(join(parent, 'second'), changes);
    const failed = await runCaptured(['zoo', 'score', file, '--folder', folder, '--definition', second], {
      run: runBuiltCli,
    });
    expect(failed.exitCode).toBe(2);
    expect(failed.stderr).toContain('has a zoo of edition 2, and this driftline has edition 3');
    // Before anything is timed: what a build of another edition would take says nothing.
    const asked = ['zoo', 'build', '--forecast', '--folder', folder, '--definition', second];
    const forecast = await runCaptured(asked, { run: runBuiltCli });
    expect(forecast).toMatchObject({ exitCode: 2, stdout: '' });
    expect(forecast.stderr).toContain('error zoo-edition-differs: ');
    const third = await writeTinyZoo(join(parent, 'third'), { panel: { ...tinyFiles.panel, confidence: 0.9 } });
    const built = await runCaptured(['zoo', 'build', '--folder', folder, '--definition', third], { run: runBuiltCli });
    expect(built.stderr).toContain('error zoo-edition-differs: ');
    expect(built.stderr).toContain('with other kinds or another panel');
  });

  it('leaves a zoo of the first edition as it is, and names the version that built it', async () => {
    const old = join(parent, 'old');
    await cp(folder, old, { recursive: true });
    const place = join(old, 'zoo.json');
    const manifest = { ...(JSON.parse(await readFile(place, 'utf8')) as object), edition: 1, driftline: '0.1.0' };
    await writeFile(place, JSON.stringify(manifest));
    const files = async () =>
      Promise.all(['zoo.json', 'truth.csv', 'contexts.csv'].map((name) => readFile(join(old, name), 'utf8')));
    const before = await files();
    const file = await writeScores('old.csv', () => '1');
    for (const argv of [
      ['build'],
      ['build', '--forecast'],
      ['list'],
      ['show', 'one.secure.1x.default.1'],
      ['score', file],
      ['baselines', 'plain-24'],
      ['export', join(parent, 'never')],
    ]) {
      // By the definition that comes with driftline.
      const failed = await runCaptured(['zoo', ...argv, '--folder', old], { run: runBuiltCli });
      expect([argv, failed.exitCode, failed.stdout]).toEqual([argv, 2, '']);
      expect(failed.stderr).toContain('error zoo-edition-differs: ');
      expect(failed.stderr).toContain(`${old} has a zoo of edition 1, and this driftline has edition 2`);
      expect(failed.stderr).toContain('use the driftline that built it, which was 0.1.0');
    }
    expect(await files()).toEqual(before);
  });

  it('refuses an entry whose adapter was changed, and trains it again once it is gone', async () => {
    const manifest = z
      .object({ entries: z.record(z.string(), z.object({ run: z.string(), cell: z.string(), adapter: z.string() })) })
      .parse(JSON.parse(await readFile(join(folder, 'zoo.json'), 'utf8')));
    const entry = 'two.benign.1x.slow.1';
    const built = manifest.entries[entry];
    if (built === undefined) throw new Error('the entry was not built');
    const place = join(folder, built.run, 'cells', built.cell);
    const weights = join(place, 'adapter_model.safetensors');
    expect(await hashFile(weights)).toBe(built.adapter);
    await appendFile(weights, 'x');
    const file = await writeScores('again.csv', () => '1');
    for (const argv of [
      ['score', file],
      ['show', entry],
      ['build', '--size', 'full'],
    ]) {
      const failed = await zoo(argv);
      expect(failed.exitCode).toBe(2);
      expect(failed.stderr).toContain(
        `error zoo-invalid: the adapter of ${entry} was changed since its truth was measured`,
      );
    }
    await rm(place, { recursive: true });
    expect((await build()).exitCode).toBe(0);
    expect(await hashFile(weights)).toBe(built.adapter);
    expect((await zoo(['score', file])).exitCode).toBe(0);
  });

  it('says where there is no zoo', async () => {
    const nowhere = join(parent, 'nowhere');
    const failed = await runCaptured(['zoo', 'list', '--folder', nowhere], { run: runBuiltCli });
    expect(failed.exitCode).toBe(2);
    expect(failed.stderr).toContain(`error zoo-invalid: ${nowhere} has no zoo`);
  });
});
