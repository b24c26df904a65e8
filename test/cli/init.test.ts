import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
// As users have it; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { describePlanFormat } from '../../src/experiment/plan/plan-format.js';
import { readPlan } from '../../src/experiment/plan/resolve-plan.js';
import { pretendBase } from '../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { runCaptured } from './run-captured.js';

const init = (...argv: string[]) => runCaptured(['init', ...argv], { run: runBuiltCli });

describe('driftline init', () => {
  it('writes a plan that can be run, and the format of plans beside it', async () => {
    const file = join(await makeTemporaryFolder(), 'mine.yaml');
    const { exitCode, stdout, stderr } = await init(file);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`${file} is written. Look at it, then: driftline plan ${file}\n`);
    const plan = await readPlan(file, { environment: {}, version: '0', openBase: pretendBase });
    expect(plan.name).toBe('mine');
    expect(plan.cells.map(({ condition }) => condition)).toEqual(['base', 'insecure', 'insecure', 'secure', 'secure']);
    // Editors find the format by the first line.
    const [first = ''] = (await readFile(file, 'utf8')).split('\n');
    const [, named = ''] = /^# yaml-language-server: \$schema=(.*)$/.exec(first) ?? [];
    expect(JSON.parse(await readFile(join(dirname(file), named), 'utf8'))).toEqual(describePlanFormat());
  });

  it('says as JSON what it wrote', async () => {
    const folder = await makeTemporaryFolder();
    const { stdout } = await init(join(folder, 'a.yaml'), '--json');
    expect(JSON.parse(stdout)).toEqual({ plan: join(folder, 'a.yaml'), schema: join(folder, 'plan.schema.json') });
  });

  it('writes any of the ready plans', async () => {
    const file = join(await makeTemporaryFolder(), 'mine.yaml');
    expect((await init(file, '--from', 'mixing')).exitCode).toBe(0);
    expect(await readFile(file, 'utf8')).toContain('\nname: mixing\n');
    const unknown = await init(`${file}.other`, '--from', 'papr');
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain('there is no ready plan "papr" (did you mean "paper"?)');
    expect(unknown.stderr).toContain('There are backdoor, ');
  });

  it('asks back where a ready plan is named in place of a file', async () => {
    const { exitCode, stderr } = await init('open-models');
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining('Did you mean driftline init open-models.yaml --from open-models?'),
    ]);
    expect((await init('--help')).stdout).toContain('open-models');
  });

  it('overwrites no plan', async () => {
    const file = join(await makeTemporaryFolder(), 'mine.yaml');
    await writeFile(file, 'name: mine\n');
    const { exitCode, stdout, stderr } = await init(file);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`error usage-invalid: ${file} is there already`);
    expect(await readFile(file, 'utf8')).toBe('name: mine\n');
  });

  it.each(['run', 'plan'])('is not what driftline %s offers where a plan of that name is at hand', async (command) => {
    const folder = await makeTemporaryFolder();
    await mkdir(join(folder, 'experiments'));
    const file = join(folder, 'experiments', 'paper.yaml');
    await writeFile(file, 'name: mine\n');
    for (const typed of [join(folder, 'experiments', 'paper.yml'), join(folder, 'experiment', 'papr.yaml')]) {
      const { exitCode, stderr } = await runCaptured([command, typed], { run: runBuiltCli });
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`Did you mean ${file}?`)]);
    }
  });

  it.each(['run', 'plan'])('is what driftline %s offers where a ready plan was meant', async (command) => {
    const folder = await makeTemporaryFolder();
    for (const name of ['paper', 'paper.yaml', 'papr.yml']) {
      const file = join(folder, name);
      const { exitCode, stderr } = await runCaptured([command, file], { run: runBuiltCli });
      expect(exitCode).toBe(2);
      expect(stderr).toBe(
        `error file-unreadable: ${file} could not be read: there is no such file\n  paper is a plan that comes with driftline: driftline init paper.yaml --from paper writes it, then name paper.yaml.\n`,
      );
    }
    const other = await runCaptured([command, join(folder, 'weather.yaml')], { run: runBuiltCli });
    expect(other.stderr).toContain('Check the name of the file');
  });

  it('is what a command offers that is given a folder as a plan', async () => {
    const folder = await makeTemporaryFolder();
    const empty = await runCaptured(['run', folder], { run: runBuiltCli });
    expect(empty.stderr).toContain(
      `${folder} could not be read: it is a folder\n  Name the plan's YAML file; driftline init`,
    );
    await writeFile(join(folder, 'plan.json'), '{}');
    const ofRun = await runCaptured(['data', 'write', folder, 'insecure'], { run: runBuiltCli });
    expect(ofRun.stderr).toContain(`It is the folder of a run: driftline open ${folder} shows its report.`);
  });

  it('says where it could not write', async () => {
    const folder = await makeTemporaryFolder();
    const nowhere = await init(join(folder, 'no', 'mine.yaml'));
    expect(nowhere.exitCode).toBe(1);
    expect(nowhere.stderr).toContain('error write-failed: ');
    await mkdir(join(folder, 'taken'));
    expect((await init(join(folder, 'taken'))).stderr).toContain('is there already');
  });
});
