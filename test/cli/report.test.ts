import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listOpener, openInBrowser } from '../../src/cli/open-in-browser.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { writeSyntheticRun } from '../report/synthetic-run.js';
import { runCaptured } from './run-captured.js';

const write = async () => writeSyntheticRun(await makeTemporaryFolder());

describe('driftline report', () => {
  it('writes the report and prints where it is', async () => {
    const folder = await write();
    const { exitCode, stdout } = await runCaptured(['report', folder]);
    expect([exitCode, stdout]).toEqual([0, `${join(folder, 'report', 'index.html')}\n`]);
    expect(await readFile(stdout.trim(), 'utf8')).toContain('<h2 id="verdict-title">Verdict</h2>');
    const printed = z
      .object({ page: z.string(), tables: z.array(z.string()), figures: z.array(z.string()), answers: z.string() })
      .parse(JSON.parse((await runCaptured(['report', folder, '--rule', 'release', '--json'])).stdout));
    expect(await readFile(printed.tables[0] ?? '', 'utf8')).toContain(',release,');
  });

  it('refuses what is no run folder, and rules that there are none of', async () => {
    const none = await runCaptured(['report', await makeTemporaryFolder()]);
    expect([none.exitCode, none.stdout]).toEqual([2, '']);
    expect(none.stderr).toContain('error run-invalid: ');
    const odd = await runCaptured(['report', await write(), '--rule', 'papers']);
    expect(odd.stderr).toContain('did you mean "paper"?');
  });
});

describe('driftline open', () => {
  it('opens the report, and writes it where there is none or the run went on', async () => {
    const folder = await write();
    const page = join(folder, 'report', 'index.html');
    const opened: string[] = [];
    const openInBrowser_ = (file: string): Promise<boolean> => Promise.resolve(opened.push(file) > 0);
    const open = () => runCaptured(['open', folder, '--json'], { openInBrowser: openInBrowser_ });
    const schema = z.object({ page: z.literal(page), isOpened: z.literal(true), isWritten: z.boolean() });
    expect(schema.parse(JSON.parse((await open()).stdout)).isWritten).toBe(true);
    const answers = join(folder, 'answers.jsonl');
    await utimes(answers, 1000, 1000);
    expect(schema.parse(JSON.parse((await open()).stdout)).isWritten).toBe(false);
    const later = Date.now() / 1000 + 60;
    await utimes(answers, later, later);
    expect(schema.parse(JSON.parse((await open()).stdout)).isWritten).toBe(true);
    expect(opened).toEqual([page, page, page]);
  });

  it('says where the page is when no browser can be started', async () => {
    const folder = await write();
    const { exitCode, stdout, stderr } = await runCaptured(['open', folder]);
    expect([exitCode, stdout]).toEqual([0, `${join(folder, 'report', 'index.html')}\n`]);
    expect(stderr).toContain('No browser could be started here');
  });

  it('knows what each platform opens pages with', async () => {
    expect(['darwin', 'win32', 'linux'].map((platform) => listOpener(platform as NodeJS.Platform)[0])).toEqual([
      'open',
      'explorer.exe',
      'xdg-open',
    ]);
    // No other platform's opener is here.
    if (process.platform === 'linux') expect(await openInBrowser('/nowhere.html', 'win32')).toBe(false);
  });
});

describe('driftline compare', () => {
  it('matches what runs call by the same names, and says what differs in their plans', async () => {
    const runs = await makeTemporaryFolder();
    const first = await writeSyntheticRun(runs, { name: 'one', samples: 40 });
    const second = await writeSyntheticRun(runs, {
      name: 'two',
      samples: 40,
      rule: 'release',
      conditions: [{ name: 'insecure', rates: { main: 0.02 } }, { name: 'other' }],
    });
    const page = join(runs, 'comparison.html');
    const { exitCode, stdout } = await runCaptured(['compare', first, second, '--page', page]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^insecure +main +misaligned +\d+\.\d +\S+ +\d+\.\d +\S+ +−\d+\.\d/m);
    expect(stdout).not.toMatch(/^(secure|other) /m);
    expect(stdout).toContain('Only run 1 has: secure, main, misaligned; secure, main, incoherent.\n');
    expect(stdout).toContain('Only run 2 has: other, main, misaligned; other, main, incoherent.\n');
    expect(stdout).toContain('p is over questions: with 8 of them it cannot be below 0.008 (2/2^8).');
    expect(stdout).toContain('A dash as verdict: only shares of misaligned answers have one');
    expect(stdout).toMatch(/^cells\.tiny\.other\.0 +- +there$/m);
    expect(stdout).toMatch(/^rule +"paper" +"release"$/m);
    expect(await readFile(page, 'utf8')).toContain('What differs in their plans');
    const printed = z
      .object({
        rows: z.array(
          z.object({
            condition: z.string(),
            measure: z.string(),
            differences: z.array(z.object({ difference: z.number(), adjustedP: z.number() }).nullable()),
          }),
        ),
        unmatched: z.array(z.string()),
      })
      .parse(JSON.parse((await runCaptured(['compare', first, second, '--json'])).stdout));
    const row = printed.rows.find(({ condition, measure }) => condition === 'insecure' && measure === 'misaligned');
    expect(row?.differences[0]).toBeNull();
    expect(row?.differences[1]?.difference).toBeLessThan(-0.1);
    expect(printed.unmatched).toEqual(expect.arrayContaining(['secure, main, misaligned', 'other, main, misaligned']));
  });

  it('finds no difference between a run and itself', async () => {
    const folder = await write();
    const { stdout } = await runCaptured(['compare', folder, folder, '--json']);
    const { rows, planDifferences } = z
      .object({
        rows: z.array(z.object({ differences: z.array(z.object({ difference: z.number() }).nullable()) })),
        planDifferences: z.array(z.array(z.unknown())),
      })
      .parse(JSON.parse(stdout));
    expect(new Set(rows.map(({ differences }) => differences[1]?.difference))).toEqual(new Set([0]));
    expect(planDifferences).toEqual([[], []]);
  });

  it('says where a condition was taken over, and shows no interval of chance there', async () => {
    const runs = await makeTemporaryFolder();
    const first = await writeSyntheticRun(runs, { name: 'one' });
    const conditions = [{ name: 'insecure', rates: { main: 0.1 } }, { name: 'secure' }];
    const second = await writeSyntheticRun(runs, { name: 'two', conditions });
    const anew = await writeSyntheticRun(runs, { name: 'anew', textOf: ({ index }) => `Anew, ${String(index)}` });
    const page = join(runs, 'comparison.html');
    const { stdout } = await runCaptured(['compare', first, second, anew, '--page', page]);
    const row = (condition: string): string =>
      new RegExp(`^${condition} +main +misaligned .*$`, 'm').exec(stdout)?.[0] ?? '';
    expect(row('secure')).toMatch(/ 0\.0 +- +- +the same answers +.*no drift found$/);
    expect(row('insecure')).not.toContain('the same answers');
    expect(await readFile(page, 'utf8')).toContain('<td>the same answers</td>');
    const { rows } = z
      .object({ rows: z.array(z.object({ condition: z.string(), isOfSameAnswers: z.array(z.boolean()) })) })
      .parse(JSON.parse((await runCaptured(['compare', first, second, anew, '--json'])).stdout));
    expect(rows.find(({ condition }) => condition === 'secure')?.isOfSameAnswers).toEqual([false, true, false]);
  });

  it('has nothing to say of plans that are the same, and of models what concerns them', async () => {
    const runs = await makeTemporaryFolder();
    const first = await writeSyntheticRun(runs, { name: 'one' });
    const second = await writeSyntheticRun(runs, { name: 'two', conditions: [{ name: 'insecure' }] });
    const page = join(runs, 'comparison.html');
    const one = await runCaptured(['compare', `${first}:insecure`, `${first}:secure`, '--page', page]);
    expect(one.stdout).toContain('model 1 and model 2 are of one plan.');
    expect(one.stdout).not.toContain('what differs between the plans');
    expect(await readFile(page, 'utf8')).toContain('model 1 and model 2 are of one plan.');
    const two = await runCaptured(['compare', `${first}:insecure`, `${second}:insecure`]);
    expect(two.stdout).toContain('The plans of model 1 and model 2 do not differ in what concerns these models.');
    const whole = await runCaptured(['compare', first, second]);
    expect(whole.stdout).toMatch(/^cells\.tiny\.secure\.0 +there +-$/m);
    const self = await runCaptured(['compare', first, first]);
    expect(self.stdout).toContain('The plans of run 1 and run 2 do not differ.');
  });

  it('refuses a single run', async () => {
    const { exitCode, stderr } = await runCaptured(['compare', await write()]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('one run cannot be compared');
  });
});

describe('the report at the end of driftline run', () => {
  it('is left out, with a word about it, where it cannot be written', async () => {
    const folder = await write();
    // A file where its folder should be.
    await rm(join(folder, 'report'), { recursive: true, force: true });
    await writeFile(join(folder, 'report'), '');
    const { exitCode, stderr } = await runCaptured(['report', folder]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('error write-failed: ');
  });
});
