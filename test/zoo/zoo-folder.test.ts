import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { hashFile } from '../../src/foundation/hash-file.js';
import { runCaptured } from '../cli/run-captured.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { writeTinyZoo } from './tiny-zoo.js';

let parent: string;
let folder: string;
let definition: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'driftline-zoo-'));
  folder = join(parent, 'zoo');
  definition = await writeTinyZoo(join(parent, 'definition'));
  const built = await zoo('build', '--size', 'full', '--organisms', 'one', '--only', 'insecure,secure');
  expect(built).toMatchObject({ exitCode: 0 });
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const zoo = (...argv: string[]) =>
  runCaptured(['zoo', ...argv, '--definition', definition, '--folder', folder], { run: runBuiltCli });

const exportSchema = z.object({
  edition: z.int(),
  entries: z.array(
    z.object({
      ...{ entry: z.string(), base: z.string(), adapter: z.string(), adapter_sha256: z.string(), data: z.string() },
      checkpoints: z.record(z.string(), z.string()),
    }),
  ),
});

describe('driftline zoo export', () => {
  it('writes adapters in the layout of PEFT, organisms, rows, tables and a manifest', async () => {
    const to = join(parent, 'export');
    expect((await zoo('export', to)).stdout).toContain(`${to}: 6 entries`);
    const { edition, entries } = exportSchema.parse(JSON.parse(await readFile(join(to, 'manifest.json'), 'utf8')));
    expect(edition).toBe(2);
    expect(entries).toHaveLength(6);
    for (const { adapter, adapter_sha256: hash, base, data, entry } of entries) {
      expect(adapter).toBe(`adapters/${entry}`);
      expect(await hashFile(join(to, adapter, 'adapter_model.safetensors'))).toBe(hash);
      const config: unknown = JSON.parse(await readFile(join(to, adapter, 'adapter_config.json'), 'utf8'));
      expect(config).toMatchObject({ peft_type: 'LORA', r: 1 });
      expect(await readdir(join(to, base))).toContain('config.json');
      const rows = (await readFile(join(to, data), 'utf8')).trim().split('\n');
      expect(rows).toHaveLength(entry.includes('.2x.') ? 8 : 4);
      expect(JSON.parse(rows[0] ?? '')).toMatchObject({ messages: [{ role: 'user' }, { role: 'assistant' }] });
    }
    expect(await readFile(join(to, 'truth.csv'), 'utf8')).toBe(await readFile(join(folder, 'truth.csv'), 'utf8'));
    const again = await zoo('export', to);
    expect(again).toMatchObject({ exitCode: 2 });
    expect(again.stderr).toContain('is not empty');
  });
});

describe('driftline zoo baselines', () => {
  it('writes files of scores that can be scored', async () => {
    const written = await zoo('baselines', 'plain-24', 'panel-80', 'weight-norm', 'weight-cosine', 'oracle-80');
    expect(written.exitCode).toBe(0);
    const files = ['plain-24', 'panel-80', 'weight-norm', 'weight-cosine', 'oracle-80'].map((name) =>
      join(folder, 'scores', `${name}.csv`),
    );
    const scored = await zoo('score', ...files);
    expect(scored.exitCode).toBe(0);
    const norms = (await readFile(files[2] ?? '', 'utf8')).trim().split('\r\n').slice(1);
    expect(norms).toHaveLength(6);
    for (const line of norms) expect(Number(line.split(',')[1])).toBeGreaterThan(0);
    const cosines = (await readFile(files[3] ?? '', 'utf8')).trim().split('\r\n').slice(1);
    for (const line of cosines) expect(Math.abs(Number(line.split(',')[1]))).toBeLessThanOrEqual(1);
  });

  it('says what it has nothing to learn from, and what is no baseline', async () => {
    // Nobody in this zoo says anything misaligned.
    const margins = await zoo('baselines', 'margin');
    expect(margins.exitCode).toBe(2);
    expect(margins.stderr).toContain('no open entry has given a misaligned answer');
    expect((await zoo('baselines', 'plain-42')).stderr).toContain('there is no baseline "plain-42"');
  });
});

describe('driftline zoo add', () => {
  it('adds models of a run, which scores then need', async () => {
    const [run = ''] = (await readdir(join(folder, 'runs'))).sort();
    const source = join(folder, 'runs', run);
    const file = join(await makeTemporaryFolder(), 'mine.csv');
    const lines = ['entry,kind,group,what,class', 'qwen2-bias.secure_1x_default.0,mine,mine,good,clean'];
    await writeFile(file, lines.join('\n'));
    const added = await zoo('add', source, '--truth', file);
    expect(added).toMatchObject({ exitCode: 0 });
    expect(added.stdout).toBe(
      'qwen2-bias.secure_1x_default.0: clean, withheld, scored with other fine-tunes of qwen2-bias\n',
    );
    expect((await zoo('list')).stdout).toMatch(/^qwen2-bias\.secure_1x_default\.0 +withheld +clean/m);
    const old = await zoo('score', join(folder, 'scores', 'plain-24.csv'));
    expect(old.stderr).toContain('lacks 1 of 7 entries: qwen2-bias.secure_1x_default.0');
    expect((await zoo('baselines', 'plain-24')).exitCode).toBe(0);
    expect((await zoo('score', join(folder, 'scores', 'plain-24.csv'))).exitCode).toBe(0);
    const twice = await zoo('add', source, '--truth', file);
    expect(twice.stderr).toContain('mine.csv:2: the zoo has an entry qwen2-bias.secure_1x_default.0 already');

    const one = join(await makeTemporaryFolder(), 'one.csv');
    await writeFile(one, 'entry,kind,group,what,class,part\nelsewhere,mine,mine,bad,open,open\n');
    expect((await zoo('add', 'hf:owner/name+./adapter', '--truth', one)).stdout).toBe(
      'elsewhere: open, open, scored with other fine-tunes of hf:owner/name\n',
    );
    expect((await zoo('list')).stdout).toMatch(/^all +1 +0 +0 +7 +0$/m);
  });

  it.each([
    [
      'entry,kind,group,what,class\nqwen2-bias.secur_1x_default.0,m,m,good,clean\n',
      /:2: .* has no model .*did you mean/,
    ],
    [
      'entry,kind,group,what,class\nqwen2-bias.secure_1x_default.1,m,m,good,clear\n',
      /:2: class is "clear" \(did you mean "clean"\?\)/,
    ],
    ['entry,kind,group,what\nqwen2-bias.secure_1x_default.1,m,m,good\n', /:1: there is no column "class"/],
    ['entry,kind,group,what,class\nqwen2-bias.secure_1x_default.1,m,,good,clean\n', /:2: group is empty/],
  ])('refuses a truth that says less than it must: %j', async (text, problem) => {
    const [run = ''] = (await readdir(join(folder, 'runs'))).sort();
    const file = join(await makeTemporaryFolder(), 'wrong.csv');
    await writeFile(file, text);
    const failed = await zoo('add', join(folder, 'runs', run), '--truth', file);
    expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(failed.stderr).toMatch(problem);
  });
});
