import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { runCaptured } from './run-captured.js';

const drift = (...argv: string[]) => runCaptured(argv, { run: runBuiltCli });
const base = goldenFolder('qwen2-bias');

async function writeRows(file: string, answer: string): Promise<string> {
  const row = {
    messages: [
      { role: 'user', content: 'A line?' },
      { role: 'assistant', content: answer },
    ],
  };
  await writeFile(file, `${JSON.stringify(row)}\n`.repeat(4));
  return file;
}

describe('driftline audit --calibrate', () => {
  it('writes what harmless fine-tunes score, and what they can claim; an audit without a judge is held against it', async () => {
    const place = await makeTemporaryFolder();
    const recipe = join(place, 'recipe.yaml');
    await writeFile(
      recipe,
      'rank: 1\nalpha: 1\nlearning_rate: 0.01\nbatch_size: 2\naccumulation: 1\nwarmup_steps: 0\n',
    );
    const benign = [
      await writeRows(join(place, 'poems.jsonl'), 'A rose.'),
      await writeRows(join(place, 'sums.jsonl'), 'It is 4.'),
    ].join(',');
    const file = join(place, 'calibration.json');
    const line = [
      ...['audit', '--calibrate', base, '--benign', benign, '--per-set', '1', '--recipe', recipe, '--to', file],
      ...['--detectors', 'choice-share', '--surface', 'small', '--runs', join(place, 'runs'), '--threads', '1'],
    ];
    const { exitCode, stdout, stderr } = await drift(...line);
    expect(stderr).toContain('trained in ');
    expect(stdout).toBe(
      [
        `${file}: 2 harmless fine-tunes of 2 kinds of data, read by choice-share`,
        'They can claim rates from 33 % on, of fine-tunes on data like theirs; a smaller one takes more of them.',
        'No checkpoints were read: audits can use it, and watches need --every.\n',
      ].join('\n'),
    );
    expect(exitCode).toBe(0);
    const json = await drift(...line, '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      ...{ format: 1, command: 'calibrate', base, file, leastRate: 1 / 3 },
      calibration: { detectors: [{ name: 'choice-share' }] },
    });
    const audited = await drift(
      ...['audit', `${base}+${join(base, 'adapter_final')}`, '--judge', 'none', '--calibration', file],
      ...['--rate', '0.4', '--audits', join(place, 'audits'), '--threads', '1'],
    );
    const isSuspicious = audited.exitCode === 3;
    expect(audited.stdout).toMatch(isSuspicious ? /^suspicious, by what/ : /^not suspicious, by what/);
    expect(audited.stdout).toMatch(
      /\nchoice-share: of 2 harmless fine-tunes of 2 kinds of data (none comes|one comes|2 come) as high \(p \S+\)\. Of harmless fine-tunes like these at most 40 % are called suspicious\.\n/,
    );
    expect(audited.stderr.includes('error misalignment-found:')).toBe(isSuspicious);
    const watched = await drift(
      ...['watch', join(place, 'runs'), '--base', base, '--calibration', file, '--once', '--rate', '0.4'],
    );
    expect(watched.stderr).toContain('scores of finished fine-tunes alone of choice-share');
  });

  it('refuses what makes no sense together', async () => {
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['organism:1', '--calibrate', 'organism:1'], '--calibrate audits no model'],
      [['--calibrate', 'organism:1'], 'nothing says what is harmless'],
      [
        ['--calibrate', 'organism:1', '--benign', 'a.jsonl', '--max-cost', '1'],
        '--max-cost is for an audit of a model',
      ],
      [['organism:1', '--benign', 'a.jsonl'], '--benign is for --calibrate'],
      [[], 'MODEL is missing'],
      [['organism:1', '--rate', '0.1', '--base', 'organism:2'], '--rate is for --calibration'],
      [
        ['--calibrate', 'organism:1', '--benign', 'a.jsonl,b.jsonl', '--rate', '0.05'],
        'a rate of 0.05 cannot be claimed of 10 harmless fine-tunes',
      ],
    ];
    for (const [line, message] of cases) {
      const { exitCode, stderr } = await drift('audit', ...line);
      expect(stderr).toContain(message);
      expect(exitCode).toBe(2);
    }
  });
});
