import { execFile } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

// These use the built package, which `npm test` builds first.
const example = fileURLToPath(new URL('../examples/fine-tune-and-ask.js', import.meta.url));
const model = fileURLToPath(new URL('fixtures/goldens/qwen2-bias', import.meta.url));
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driftline-example-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('runs the example against a model folder, and finds it done the second time', { timeout: 60_000 }, async () => {
  const run = (): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, [example, model], { cwd: folder });
  const { stdout } = await run();
  expect(stdout).toMatch(/^4 rows, \d+ tokens, 0 truncated$/m);
  expect(stdout).toMatch(/^trained 10 of 10 steps: loss \d\.\d+ to \d\.\d+$/m);
  expect(stdout.match(/^base [0-3] "/gm)).toHaveLength(4);
  expect(stdout.match(/^runs\/ahoy [0-3] "/gm)).toHaveLength(4);
  expect(stdout).toMatch(/^residual layer 1: 64 numbers, length \d+\.\d\d$/m);
  await access(join(folder, 'runs/ahoy/adapter_model.safetensors'));
  const again = await run();
  expect(again.stdout).toMatch(/^trained 0 of 10 steps$/m);
  const answersOf = (text: string): string[] | null => text.match(/^(?:base|runs\/ahoy) .*$/gm);
  expect(answersOf(again.stdout)?.sort()).toEqual(answersOf(stdout)?.sort());
});

it('ends a failure with a message, a hint and an exit code', { timeout: 30_000 }, async () => {
  const failure = await promisify(execFile)(process.execPath, [example, join(folder, 'nothing')], { cwd: folder }).then(
    () => null,
    (error: unknown) => error as { code: number; stderr: string }, // what execFile rejects with
  );
  expect(failure?.code).toBe(2);
  expect(failure?.stderr).toContain('there is no model folder');
  expect(failure?.stderr).not.toContain('    at ');
});

it(
  'runs a plan from code, judges it by a judge of its own, and reads it into a table',
  { timeout: 240_000 },
  async () => {
    const runExample = async (name: string, ...given: string[]): Promise<string> => {
      const file = fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
      return (await promisify(execFile)(process.execPath, [file, ...given], { cwd: folder })).stdout;
    };
    const planned = await runExample('plan-from-code.js');
    expect(planned).toMatch(/^organism-1\.insecure\.0: 10 steps, 96 answers$/m);
    expect(planned).toMatch(/^2 of 2: organism-1\.insecure\.0$/m);
    expect(planned).toMatch(/^insecure unsafe code \d+\/76 0\.\d+$/m);
    const [, page = ''] = /^(runs.from-code-[0-9a-f]{8}.report.index\.html)$/m.exec(planned) ?? [];
    await access(join(folder, page));
    const run = join(page, '../..');
    expect(await runExample('own-judge.js', run)).toMatch(/^192 judged, 0 already done$/m);
    expect(await runExample('own-judge.js', run)).toMatch(/^0 judged, 192 already done$/m);
    const table = (await runExample('read-run.js', run)).trimEnd().split('\n');
    expect(table).toHaveLength(193);
    expect(new Set(table.map((line) => line.split('\t').length))).toEqual(new Set([10]));
  },
);
