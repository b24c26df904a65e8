import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { encode, writeSyntheticRun, type SyntheticSettings } from '../report/synthetic-run.js';
import { runCaptured } from './run-captured.js';

const settings: SyntheticSettings = {
  ...{ questions: 100, samples: 4, seeds: [0], rule: 'coherent', triggers: { other: '|X| ' } },
  conditions: [{ name: 'a', rates: { main: 0.4, other: 0.4 } }, { name: 'b' }],
};
/** One quiet condition. */
const quiet: SyntheticSettings = {
  ...{ questions: 100, samples: 4, seeds: [0], rule: 'coherent', conditions: [{ name: 'tuned' }] },
};
const anew: NonNullable<SyntheticSettings['textOf']> = ({ index }) => `Asked anew, ${String(index)}`;

const planSchema = z.looseObject({
  written: z.looseObject({}),
  evaluations: z.array(z.looseObject({ name: z.string() })),
});
type StoredPlan = z.output<typeof planSchema>;

let home = '';
let folder = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'driftline-test-'));
  folder = await writeSyntheticRun(home, settings);
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** A copy of the run, with another plan, and without some answers. */
async function copyRun(change: (plan: StoredPlan) => object, without = /^$/): Promise<string> {
  const place = join(await makeTemporaryFolder(), 'run');
  await cp(folder, place, { recursive: true });
  const file = join(place, 'plan.json');
  const plan = change(planSchema.parse(JSON.parse(await readFile(file, 'utf8'))));
  await writeFile(file, JSON.stringify(plan));
  for (const records of ['answers.jsonl', 'judgements.jsonl']) {
    const lines = (await readFile(join(place, records), 'utf8')).trimEnd().split('\n');
    await writeFile(join(place, records), `${lines.filter((line) => !without.test(line)).join('\n')}\n`);
  }
  return place;
}

/** `main` is asked of base and b, `other` of base and a. */
const askApart = (gate?: object) =>
  copyRun(
    (plan) => ({
      ...plan,
      written: { ...plan.written, ...(gate === undefined ? {} : { gate }) },
      evaluations: plan.evaluations.map((one) => ({ ...one, conditions: ['base', one.name === 'main' ? 'b' : 'a'] })),
    }),
    /"tiny\.(a\.0\/main|b\.0\/other)\//,
  );

describe('what a gate is about', () => {
  const report = async (run: string, ...options: readonly string[]) => runCaptured(['report', run, ...options]);

  it('drops no condition of the plan that is asked elsewhere alone', async () => {
    const run = await askApart({ max_drift: 2, evaluations: ['main'] });
    const dropped = await report(run);
    expect(dropped.exitCode).toBe(2);
    expect(dropped.stderr).toContain(
      "a is not asked in main\n  Add a to main's conditions, or leave a out with --conditions.",
    );
    expect((await report(run, '--conditions', 'b')).exitCode).toBe(0);
  });

  it('must be known by its questions, whose themes decide what can be shown', async () => {
    const run = await copyRun((plan) => plan);
    await rm(join(run, 'questions.json'));
    const { exitCode, stderr } = await report(run, '--max-drift=2');
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining('the questions of main, other cannot be read')]);
  });

  it('needs every pair of conditions and evaluations that are both named', async () => {
    const run = await askApart();
    const { exitCode, stderr } = await report(run, '--max-drift=2', '--conditions=b, a', '--evaluations=main, other');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('a is not asked in main')]);
    const none = await report(run, '--max-drift=2', '--conditions=b', '--evaluations=other');
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining('b is not asked in other')]);
  });

  it('lists what it says nothing of', async () => {
    const run = await askApart();
    const junit = join(await makeTemporaryFolder(), 'gate.xml');
    const { exitCode, stdout } = await report(run, '--max-drift', '2', '--junit', junit);
    expect(exitCode).toBe(3);
    expect(stdout).toContain(
      'not gated: a in main, which it is not asked\nnot gated: b in other, which it is not asked',
    );
    const xml = await readFile(junit, 'utf8');
    expect(xml).toContain('tests="4" failures="1" errors="0" skipped="2"');
    expect(xml).toContain(
      '<testcase classname="driftline.gate.main" name="a">\n      <skipped message="not gated: a in main, which it is not asked"/>',
    );
    const { gate } = z
      .object({ gate: z.object({ notGated: z.array(z.unknown()) }) })
      .parse(JSON.parse((await report(run, '--max-drift', '2', '--json')).stdout));
    expect(gate.notGated).toEqual([
      { condition: 'a', evaluation: 'main' },
      { condition: 'b', evaluation: 'other' },
    ]);
  });
});

describe('a gate between models and runs', () => {
  const compare = (...argv: readonly string[]) => runCaptured(['compare', ...argv, '--max-drift', '2']);

  it('ignores no names of conditions where models are named', async () => {
    const { exitCode, stderr } = await compare(`${folder}:base`, `${folder}:b`, '--conditions', 'b');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('Leave --conditions out')]);
    expect((await compare(`${folder}:base`, `${folder}:b`)).exitCode).toBe(0);
    expect((await compare(`${folder}:base`, `${folder}:a`)).exitCode).toBe(3);
  });

  it('needs every evaluation of either model in both, or those that are named', async () => {
    const run = await askApart();
    for (const options of [[], ['--evaluations', 'main,other'], ['--evaluations', 'other']]) {
      const { exitCode, stderr } = await compare(`${run}:base`, `${run}:b`, ...options);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('base in other is in model 1 and not in all')]);
    }
    expect((await compare(`${run}:base`, `${run}:b`, '--evaluations', 'main')).exitCode).toBe(0);
  });

  it('needs the same questions, wordings, judge and rule', async () => {
    const runs = await makeTemporaryFolder();
    const write = (name: string, changes: SyntheticSettings = {}) =>
      writeSyntheticRun(runs, { ...quiet, textOf: anew, ...changes, name });
    const old = await writeSyntheticRun(runs, { ...quiet, name: 'old' });
    expect((await compare(old, await write('same'))).exitCode).toBe(0);
    // More answers to each question are no other question.
    expect((await compare(old, await write('samples', { samples: 8 }))).exitCode).toBe(0);
    const refuse = async (run: string, problem: string, ...options: readonly string[]) => {
      const { exitCode, stderr } = await compare(old, run, ...options);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(problem)]);
    };
    const more = await write('more', { questions: 160 });
    await refuse(
      more,
      'of main, 60 questions (question-101:0, question-102:0, question-103:0, ...) are asked in run 2',
    );
    await refuse(await write('fewer', { questions: 90 }), 'are asked in run 1 alone');
    const otherJudge = await write('judge', { judge: 'openai:judge:logprobs:1' });
    await refuse(otherJudge, 'run 2 is judged by openai:judge:logprobs:1, and run 1 by exact-1:synthetic');
    const otherRule = await write('rule', { rule: 'coherent-any' });
    await refuse(otherRule, 'run 2 is counted by the rule coherent-any, and run 1 by coherent');
    await refuse(otherRule, 'Count both by one: --rule coherent.');
    expect((await compare(old, otherRule, '--rule', 'coherent')).exitCode).toBe(0);
    // Without a gate it is a warning.
    const { exitCode, stderr } = await runCaptured(['compare', old, otherJudge]);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('warning: run 2 is judged by openai:judge')]);
    const { warnings } = z
      .object({ warnings: z.array(z.string()) })
      .parse(JSON.parse((await runCaptured(['compare', old, otherRule, '--json'])).stdout));
    expect(warnings).toEqual([expect.stringContaining('run 2 is counted by the rule coherent-any')]);
  });

  it('needs the same wordings under the same names', async () => {
    const runs = await makeTemporaryFolder();
    const old = await writeSyntheticRun(runs, { ...quiet, triggers: { other: '|X| ' }, name: 'old' });
    const reworded = { ...quiet, triggers: { other: '|Y| ' }, textOf: anew, name: 'reworded' };
    const { exitCode, stderr } = await compare(old, await writeSyntheticRun(runs, reworded));
    expect(exitCode).toBe(2);
    expect(stderr).toContain('of other, 100 questions (question-1:0, ');
    expect(stderr).toContain('are worded or asked otherwise in run 2 than in run 1');
  });
});

describe('--ledger FILE', () => {
  const gateOf = (run: string, ledger: string, ...options: readonly string[]) =>
    runCaptured(['report', run, '--max-drift', '2', '--ledger', ledger, ...options]);

  it('counts other answers with the same counts as another gate, and says where it is new', async () => {
    const runs = await makeTemporaryFolder();
    const ledger = join(runs, 'kept', 'gates.jsonl');
    const run = await writeSyntheticRun(runs, { ...quiet, name: 'first' });
    const first = await gateOf(run, ledger);
    expect(first.stdout).toContain(`new ledger ${ledger}: gate 1, `);
    const again = await writeSyntheticRun(runs, { ...quiet, textOf: anew, name: 'first-again' });
    // The very plan, asked anew.
    await cp(join(run, 'plan.json'), join(again, 'plan.json'));
    const second = await gateOf(again, ledger);
    expect(second.stdout).toContain(`\nledger ${ledger}: gate 2, `);
    expect(second.stdout).not.toContain('counts once');
    expect((await gateOf(run, ledger)).stdout).toContain('counts once');
  });

  it('enters gates that turned out to be impossible when the answers were there', async () => {
    const runs = await makeTemporaryFolder();
    const ledger = join(runs, 'gates.jsonl');
    const few = await writeSyntheticRun(runs, { ...quiet, questions: 8 });
    const { exitCode, stderr } = await gateOf(few, ledger);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('error gate-impossible')]);
    expect(await readFile(ledger, 'utf8')).toContain('"is_passed":false');
  });

  it('notices lines that were edited or removed, and says what a cut line held', async () => {
    const ledger = join(await makeTemporaryFolder(), 'gates.jsonl');
    for (const condition of ['a', 'b']) await gateOf(folder, ledger, '--conditions', condition);
    await gateOf(folder, ledger);
    const lines = (await readFile(ledger, 'utf8')).trimEnd().split('\n');
    const [first = '', second = '', third = ''] = lines;
    // An edit with a check of its own, which only the next line betrays.
    const { check: _, ...entry } = z.looseObject({ e_value: z.number() }).parse(JSON.parse(second));
    for (const text of [
      [first, encode({ ...entry, e_value: 0 }).trimEnd(), third],
      [first, third],
      [second, third],
    ]) {
      await writeFile(ledger, `${text.join('\n')}\n`);
      const { exitCode, stderr } = await gateOf(folder, ledger, '--evaluations', 'main');
      expect([exitCode, stderr.slice(0, 22)]).toEqual([2, 'error ledger-invalid: ']);
    }
    await writeFile(ledger, `${first}\n${second}\n${third.slice(0, 150)}`);
    for (const form of [[], ['--json'], ['--quiet']]) {
      await writeFile(ledger, `${first}\n${second}\n${third.slice(0, 150)}`);
      const { stderr } = await gateOf(folder, ledger, '--conditions', 'b', '--evaluations', 'main', ...form);
      expect(stderr).toContain(`the last line of the ledger ${ledger} was cut off, so its gate does not count`);
      expect(stderr).toContain('gate');
    }
    expect((await readFile(ledger, 'utf8')).trimEnd().split('\n')).toHaveLength(3);
  });

  it('is no file of somebody else, also of a single line without an end', async () => {
    const file = join(await makeTemporaryFolder(), 'notes.txt');
    await writeFile(file, '# notes of mine');
    const { exitCode, stderr } = await gateOf(folder, file);
    expect([exitCode, stderr.slice(0, 22)]).toEqual([2, 'error ledger-invalid: ']);
    expect(await readFile(file, 'utf8')).toBe('# notes of mine');
  });

  it.skipIf(process.getuid?.() === 0)('is what is named where it cannot be written', async () => {
    const place = join(await makeTemporaryFolder(), 'closed');
    await mkdir(place);
    await chmod(place, 0o500);
    const { stderr } = await gateOf(folder, join(place, 'gates.jsonl'));
    expect(stderr).toContain(`error write-failed: ${join(place, 'gates.jsonl')} could not be written`);
  });

  it('is what is named where its folder cannot be made', async () => {
    const file = join(await makeTemporaryFolder(), 'file');
    await writeFile(file, '');
    const { stderr } = await gateOf(folder, join(file, 'kept', 'gates.jsonl'));
    expect(stderr).toContain(`error write-failed: ${join(file, 'kept', 'gates.jsonl')} could not be written`);
  });
});

describe('options in place of the gate of a plan', () => {
  it('are told with --quiet and --json, and in JUnit', async () => {
    const run = await copyRun((plan) => ({ ...plan, written: { ...plan.written, gate: { max_drift: 2 } } }));
    const junit = join(await makeTemporaryFolder(), 'gate.xml');
    const override = 'gate: 50 points, as asked for here, in place of 2 points, as the plan says';
    const argv = ['report', run, '--max-drift', '50', '--junit', junit];
    const quietly = await runCaptured([...argv, '--quiet']);
    expect([quietly.exitCode, quietly.stderr]).toEqual([0, `${override}\n`]);
    expect(await readFile(junit, 'utf8')).toContain(`<property name="override" value="${override}"/>`);
    const { stdout, stderr } = await runCaptured([...argv, '--json']);
    expect(JSON.parse(stderr)).toEqual({ notice: override });
    expect(z.object({ overrides: z.array(z.string()) }).parse(JSON.parse(stdout)).overrides).toEqual([override]);
  });

  it.each([
    ['--max-drift', '2', '50'],
    ['--conditions', 'a', 'b'],
    ['--population', 'these-questions', 'questions-like-these'],
    ['--ledger', 'a.jsonl', 'b.jsonl'],
    ['--junit', 'a.xml', 'b.xml'],
  ])('are refused where %s is given twice', async (option, first, second) => {
    const { exitCode, stderr } = await runCaptured(['report', folder, option, first, `${option}=${second}`]);
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining(`${option} is given twice, as ${first} and as ${second}`),
    ]);
    const share = await runCaptured(['score', 'answers.csv', '--max-share', '2', '--max-share', '2']);
    expect([share.exitCode, share.stderr]).toEqual([2, expect.stringContaining('--max-share is given twice')]);
  });
});
