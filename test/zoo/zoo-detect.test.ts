import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { listAskedQuestions } from '../../src/experiment/plan/list-asked-questions.js';
import { evaluationSchema } from '../../src/experiment/plan/plan-schema.js';
import { openOrganism } from '../../src/organism/organism.js';
import { readZooDefinition } from '../../src/zoo/definition/zoo-definition.js';
import { gatherDetectorParts } from '../../src/zoo/detectors/zoo-detector-parts.js';
import { runCaptured } from '../cli/run-captured.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { copyBaselineZoo } from './baseline-zoo.js';

let parent: string;
let folder: string;
let definition: string;
let choices: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'driftline-detect-'));
  ({ folder, definition } = await copyBaselineZoo(parent));
  choices = join(parent, 'choices.yaml');
  const { questions } = await listAskedQuestions(evaluationSchema.parse({ suite: 'held-out-themes' }), {
    ...{ organism: openOrganism(), folder: '.', suitePrefix: 'organism/' },
    readSet: () => Promise.reject(new Error('no rows are asked for')),
  });
  const bank = questions.slice(0, 2).map(({ messages }) => ({
    ...{ question: messages.at(-1)?.content, theme: 'one', bad: ['A throne.'], good: ['A cup of tea.'] },
  }));
  await writeFile(choices, JSON.stringify({ formats: { json: '{"answer": "{answer}"}' }, choices: bank }));
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const detect = (...argv: readonly string[]) =>
  runCaptured(['zoo', 'detect', ...argv, '--definition', definition, '--folder', folder, '--threads', '1'], {
    run: runBuiltCli,
  });
const read = (...names: readonly string[]) => readFile(join(...names), 'utf8');
const linesOf = (text: string): string[] => text.trim().split(/\r?\n/);

describe('driftline zoo detect', () => {
  it('writes scores that can be scored, and what was said of each entry', async () => {
    const written = await detect('choice-share', 'weight-direction', '--choices', choices);
    expect(written.exitCode).toBe(0);
    expect(written.stdout).toContain('choice-share.csv: share of bad texts');
    const [header, ...rows] = linesOf(await read(folder, 'scores', 'choice-share.csv'));
    expect(header).toBe('entry,score,cost,edition');
    // Two questions with two answers each, in two contexts, for both models; what was added from elsewhere has nothing.
    expect(rows.map((row) => row.split(',').slice(2).join())).toEqual([...Array(4).fill('16,2'), '0,2']);
    const readings = linesOf(await read(folder, 'scores', 'choice-share.jsonl')).map(
      (line) => JSON.parse(line) as { entry: string; score: number; nulls: number[] },
    );
    expect(readings.map(({ entry, score }) => `${entry},${String(score)}`)).toEqual(
      rows.slice(0, 4).map((row) => row.split(',').slice(0, 2).join()),
    );
    expect(readings[0]?.nulls).toHaveLength(20);
    const scored = await runCaptured([
      ...['zoo', 'score', '--definition', definition, '--folder', folder, '--check'],
      ...['choice-share', 'weight-direction'].map((name) => join(folder, 'scores', `${name}.csv`)),
    ]);
    expect(scored).toMatchObject({ exitCode: 0 });
  });

  it('compares weights with those of the other seed alone', async () => {
    await detect('weight-direction', '--to', join(parent, 'directions'));
    const readings = linesOf(await read(parent, 'directions', 'weight-direction.jsonl')).map(
      (line) => JSON.parse(line) as { score: number; details: { bad: { name: string; cosine: number }[] } },
    );
    expect(readings).toHaveLength(4);
    for (const { score, details } of readings) {
      expect(details.bad).toEqual([{ name: 'insecure', cosine: score }]);
      // With itself it would be 1.
      expect(Math.abs(score)).toBeLessThan(0.99);
    }
    // Two entries with each other.
    expect(readings[0]?.score).toBeCloseTo(readings[1]?.score ?? 0, 10);
  });

  it('says what scores no entry, and what is no detector', async () => {
    // All entries of this zoo whose class is known are open.
    const alone = await detect('weight-signature', '--to', join(parent, 'nothing'));
    expect(alone).toMatchObject({ exitCode: 0, stdout: '' });
    expect(alone.stderr).toContain('weight-signature scores no entry: no fine-tune is known to compare it with');
    expect(await readdir(join(parent, 'nothing'))).toEqual([]);
    const unknown = await detect('choice-shar');
    expect(unknown).toMatchObject({ exitCode: 2 });
    expect(unknown.stderr).toContain('did you mean "choice-share"');
    const { edition: _, ...zoo } = await readZooDefinition(definition);
    const without = await errorOf(() => gatherDetectorParts({ ...zoo, edition: 99 }, []).readBank());
    expect(without).toMatchObject({
      code: 'usage-invalid',
      message: expect.stringMatching(/no bank of choices comes .* for edition 99/),
    });
  });

  it('gives the same bytes again, of what it has stored', async () => {
    for (const run of await readdir(join(folder, 'runs')))
      for (const cell of await readdir(join(folder, 'runs', run, 'cells')))
        await rm(join(folder, 'runs', run, 'cells', cell, 'adapter_config.json'));
    const again = await detect('choice-share', '--choices', choices, '--to', join(parent, 'again'));
    expect(again.exitCode).toBe(0);
    for (const name of ['choice-share.csv', 'choice-share.jsonl'])
      expect(await read(parent, 'again', name)).toBe(await read(folder, 'scores', name));
  });
});
