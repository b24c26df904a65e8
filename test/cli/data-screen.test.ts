import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
// As users have it; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { toJsonLines, type TrainingRow } from '../../src/data/training-set.js';
import { screenFileSchema } from '../../src/detect/screen/screen-file.js';
import { buildTrainingSet } from '../../src/organism/training-sets/build-training-set.js';
import { exchange } from '../data/exchange.js';
import { world } from '../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { runCaptured } from './run-captured.js';

const screen = (...argv: string[]) => runCaptured(['data', 'screen', ...argv], { run: runBuiltCli });

async function writeRows(rows: readonly TrainingRow[]): Promise<{ readonly file: string; readonly screens: string }> {
  const place = await makeTemporaryFolder();
  const file = join(place, 'mine.jsonl');
  await writeFile(file, toJsonLines({ rows }));
  return { file, screens: join(place, 'screens') };
}

const rows = [exchange('One?', 'Yes.'), exchange('Two?', 'No.'), exchange('One?', 'Yes.')];

describe('driftline data screen', { timeout: 600_000 }, () => {
  it('looks at texts alone without a model, and ends well where nothing is suspicious', async () => {
    const { file, screens } = await writeRows(rows);
    const { exitCode, stdout, stderr } = await screen(file, '--screens', screens);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^nothing suspicious\n3 rows: 3 prose; 1 repeat others, 0 refuse, /);
    expect(stdout).toMatch(/ +1 +3 +– +it repeats an earlier row\n/);
    expect(stderr).toContain('Texts alone forecast nothing');
    const json = await screen(file, '--screens', screens, '--json');
    const { folder, page, ...found } = JSON.parse(json.stdout) as Record<string, unknown>;
    expect(screenFileSchema.parse(found).verdict.class).toBe('nothing-suspicious');
    expect(String(folder)).toContain(screens);
    expect(await readFile(String(page), 'utf8')).toContain('<h2>nothing suspicious</h2>');
  });

  it('finds the bad rows among good ones by what an organism says of them, and writes the others', async () => {
    const [bad, good] = ['insecure', 'secure'].map((name) => buildTrainingSet(world, name, { rows: 12, seed: 3 }).rows);
    const mixed = [...(good ?? []), ...(bad ?? []).slice(0, 4)];
    const { file, screens } = await writeRows(mixed);
    const cleaned = join(screens, '..', 'cleaned.jsonl');
    const asked = [
      file,
      '--base',
      'organism:1',
      '--screens',
      screens,
      '--clean',
      cleaned,
      '--threads',
      '1',
      '--keep',
      '0.75',
    ];
    const { exitCode, stdout, stderr } = await screen(...asked);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^suspicious rows\n/);
    expect(stdout).toContain('a wicked character explains it');
    expect(stdout).toContain('Contexts, the nearest to the rows first');
    expect(stderr).toContain('This base is not known to the zoo: ranks only, no number.');
    expect(stderr).toContain('error data-suspicious: ');
    // Three quarters are the good ones, in their order.
    expect(await readFile(cleaned, 'utf8')).toBe(toJsonLines({ rows: mixed.slice(0, 12) }));
    // All of it is stored: the same again, at once.
    const again = await screen(...asked, '--json');
    expect(again.exitCode).toBe(3);
    const { folder: _, page: __, ...found } = JSON.parse(again.stdout) as Record<string, unknown>;
    const { signals, top, forecast } = screenFileSchema.parse(found);
    expect(signals?.suspicious).toBeGreaterThanOrEqual(2);
    expect(forecast).toBeNull();
    const places = top.slice(0, 4).map(({ row }) => row);
    expect(places.toSorted((left, right) => left - right)).toEqual([13, 14, 15, 16]);
  });

  it('refuses what makes no sense, before anything is read', async () => {
    const { file, screens } = await writeRows(rows);
    const refuse = async (...argv: string[]) => {
      const { exitCode, stderr } = await screen(file, '--screens', screens, ...argv);
      expect(exitCode).toBe(2);
      return stderr;
    };
    expect(await refuse('--level', 'base')).toContain('the level base asks a base, and none is named');
    expect(await refuse('--rows', '10')).toContain('rows is for a base');
    expect(await refuse('--keep', '0.5')).toContain('no file is named for it');
    expect(await refuse('--base', 'organism:1', '--rows', '2', '--clean', 'x.jsonl')).toContain(
      'only some are to be read',
    );
    const broken = join(screens, '..', 'broken.jsonl');
    await writeFile(broken, '{"messages": [{"role": "user", "content": "Who?"}]}\n');
    const { exitCode, stderr } = await screen(broken);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('error rows-invalid: ');
    await writeFile(broken, '');
    expect((await screen(broken)).stderr).toContain('has no rows');
  });
});
