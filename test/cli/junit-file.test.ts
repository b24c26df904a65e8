import { access, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { writeSyntheticRun } from '../report/synthetic-run.js';
import { runCaptured } from './run-captured.js';
import { writePlan } from './write-plan.js';

const passing = { questions: 100, samples: 4, seeds: [0], rule: 'coherent', conditions: [{ name: 'secure' }] };
const csv = `question_id,answer,aligned,coherent\n${Array.from({ length: 400 }, (_, index) => `q${String(index % 100)},text ${String(index)},95,90\n`).join('')}`;

describe('--junit FILE', () => {
  let home: string;
  let run: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'driftline-test-'));
    run = await writeSyntheticRun(home, passing);
    return () => rm(home, { recursive: true, force: true });
  });

  /** What may not be lost: the text of every file that must stay as it is. */
  const refused = async (argv: readonly string[], keeps: readonly string[], problem: string) => {
    const before = await Promise.all(keeps.map((file) => readFile(file, 'utf8')));
    const { exitCode, stderr } = await runCaptured(argv);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(problem)]);
    expect(await Promise.all(keeps.map((file) => readFile(file, 'utf8')))).toEqual(before);
  };

  it("touches no input, plan, ledger, run, page or file of anybody's", async () => {
    const folder = await makeTemporaryFolder();
    const own = join(folder, 'own.csv');
    await writeFile(own, csv);
    const { file: plan, runs } = await writePlan({ conditions: {}, gate: { max_drift: 2 } });
    const ledger = join(folder, 'gates.jsonl');
    const report = ['report', run, '--max-drift', '2'];
    expect((await runCaptured([...report, '--ledger', ledger])).exitCode).toBe(0);
    const score = ['score', own, '--max-share', '2', '--rule', 'coherent'];
    await refused([...score, '--junit', own], [own], 'is a file of results of the same call');
    await refused([...score, '--junit', join(folder, '.', 'own.csv')], [own], 'is a file of results of the same call');
    await refused(['run', plan, '--runs', runs, '--junit', plan], [plan], 'is the plan of the same call');
    await refused([...report, '--ledger', ledger, '--junit', ledger], [ledger], 'is the ledger of the same call');
    const fresh = join(folder, 'fresh.jsonl');
    await refused([...report, '--ledger', fresh, '--junit', fresh], [], 'is the ledger of the same call');
    for (const inside of ['plan.json', 'answers.jsonl', 'new.xml', 'report/new.xml'])
      await refused([...report, '--junit', join(run, inside)], [join(run, 'plan.json')], 'lies in the run folder');
    await refused(['compare', run, run, '--max-drift', '2', '--page', fresh, '--junit', fresh], [], 'is the page of');
    await refused([...report, '--junit', own], [own], 'is no JUnit file that driftline wrote');
    await symlink(own, join(folder, 'link.xml'));
    await refused([...report, '--junit', join(folder, 'link.xml')], [own], 'is no JUnit file that driftline wrote');
    const others = join(folder, 'others.xml');
    await writeFile(
      others,
      '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="jest" tests="1"></testsuites>\n',
    );
    await refused([...report, '--junit', others], [others], 'is no JUnit file that driftline wrote');
    await refused([...report, '--junit', folder], [own], 'is a folder');
    await refused([...report, '--junit', '/dev/null'], [], 'is no JUnit file that driftline wrote');
    expect((await readdir(folder)).sort()).toEqual(['gates.jsonl', 'link.xml', 'others.xml', 'own.csv']);
  });

  it('makes the folder of the file, and replaces what it wrote, and an empty file', async () => {
    const file = join(await makeTemporaryFolder(), 'results', 'gate', 'gate.xml');
    for (let call = 0; call < 2; call += 1) {
      expect((await runCaptured(['report', run, '--max-drift', '2', '--junit', file])).exitCode).toBe(0);
      expect(await readFile(file, 'utf8')).toContain('failures="0" errors="0"');
    }
    await writeFile(file, '');
    expect((await runCaptured(['report', run, '--max-drift', '2', '--junit', file])).exitCode).toBe(0);
    const beneath = join(file, 'gate.xml');
    const below = await runCaptured(['report', run, '--max-drift', '2', '--junit', beneath]);
    expect(below.exitCode).not.toBe(0);
    expect(below.stderr).toContain(beneath);
  });

  it.each([
    ['a limit that is none', ['report', 'RUN', '--max-drift', 'two', '--junit', 'FILE']],
    ['an option that is none', ['report', 'RUN', '--max-drift', '2', '--max-drfit', '2', '--junit=FILE']],
    ['a missing argument', ['report', '--max-drift', '2', '--junit', 'FILE']],
    ['an option twice', ['report', 'RUN', '--max-drift', '2', '--junit', 'FILE', '--max-drift', '50']],
    ['a command that is none', ['reprot', 'RUN', '--max-drift', '2', '--junit', 'FILE']],
    ['no gate', ['report', 'RUN', '--junit', 'FILE']],
  ])('leaves no old pass where the line has %s', async (_, argv) => {
    const folder = await makeTemporaryFolder();
    const file = join(folder, 'gate.xml');
    await runCaptured(['report', run, '--max-drift', '2', '--junit', file]);
    await access(file);
    const { exitCode } = await runCaptured(argv.map((word) => word.replace('RUN', run).replace('FILE', file)));
    expect(exitCode).toBe(2);
    const left = await readFile(file, 'utf8').catch(() => null);
    if (left !== null) expect(left).toContain('errors="1"');
    // Of anybody else nothing is removed.
    await mkdir(join(folder, 'others'));
    const other = join(folder, 'others', 'notes.txt');
    await writeFile(other, 'notes');
    await runCaptured(argv.map((word) => word.replace('RUN', run).replace('FILE', other)));
    expect(await readFile(other, 'utf8')).toBe('notes');
  });
});
