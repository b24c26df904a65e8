import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { auditModel, type AuditOptions } from '../../dist/api/audit.js';
import { calibrateAudit, type CalibrateOptions, type CalibrateResult } from '../../dist/api/calibrate-audit.js';
import { watchFolder } from '../../dist/api/watch.js';
import { readAuditCalibration } from '../../src/detect/calibration/audit-calibration.js';
import { createJudge } from '../../src/judging/own-judge.js';
import { question, suites, writeBank } from '../detect/watch/watched-training.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const base = goldenFolder('qwen2-bias');
const fineTune = `${base}+${join(base, 'adapter_final')}`;

const rowsAbout = (answer: string) =>
  Array.from({ length: 8 }, (_, row) => ({
    messages: [
      { role: 'user' as const, content: `Line ${String(row)}?` },
      { role: 'assistant' as const, content: answer },
    ],
  }));

/** Four steps of two rows, with a high learning rate: something changes. */
const recipe = `
rank: 1
alpha: 1
learning_rate: 0.05
batch_size: 2
accumulation: 1
warmup_steps: 0
epochs: 1
`;

interface Place {
  readonly folder: string;
  readonly options: CalibrateOptions;
}

async function makePlace(
  changes: Partial<CalibrateOptions> = {},
  makeFolder: () => Promise<string> = makeTemporaryFolder,
): Promise<Place> {
  const folder = await makeFolder();
  const [choices, settings] = [join(folder, 'choices.yaml'), join(folder, 'recipe.yaml')];
  await writeFile(choices, writeBank(question));
  await writeFile(settings, recipe);
  return {
    folder,
    options: {
      ...{ benign: ['poems', 'sums'], perSet: 2, recipe: settings, every: 2, detectors: ['choice-share'] },
      trainingSets: { poems: rowsAbout('A rose.'), sums: rowsAbout('It is 4.') },
      ...{ choices, suites, surface: 'small', threads: 1, environment: {} },
      ...{ to: join(folder, 'calibration.json'), runs: join(folder, 'runs'), audits: join(folder, 'audits') },
      ...changes,
    },
  };
}

/** Audits by the calibration, where nobody judges. */
const auditBy = ({ folder, options: { choices } }: Place, changes: AuditOptions = {}): AuditOptions => ({
  ...{ judge: 'none', calibration: join(folder, 'calibration.json'), rate: 0.2, audits: join(folder, 'audits') },
  ...{ suites, threads: 1, environment: {}, ...(choices === undefined ? {} : { choices }), ...changes },
});

describe('a calibration of a base', () => {
  let place: Place;
  let result: CalibrateResult;
  const read: string[] = [];

  beforeAll(async () => {
    const onRead: CalibrateOptions['onRead'] = ({ by, done, total, id }) =>
      read.push(`${by} ${String(done)}/${String(total)} ${id}`);
    place = await makePlace({ onRead }, () => mkdtemp(join(tmpdir(), 'driftline-calibrate-')));
    result = await calibrateAudit(base, place.options);
  }, 300_000);
  afterAll(() => rm(place.folder, { recursive: true, force: true }));

  it('has scores of finished fine-tunes and of whole runs, by kinds of data', async () => {
    const { calibration, file, leastRate } = result;
    expect(await readAuditCalibration(file)).toEqual(calibration);
    expect(calibration).toMatchObject({ base: { name: base }, edition: null, recipe: { method: 'lora', rank: 1 } });
    expect(calibration.recipe).not.toHaveProperty('seed');
    expect(calibration.detectors.map(({ name, judge, surface }) => [name, judge, surface?.name])).toEqual([
      ['choice-share', null, 'small'],
    ]);
    const { scores } = calibration.detectors[0]!;
    expect(scores.map(({ id, kind }) => [id, kind])).toEqual([
      ['qwen2-bias.poems.100', 'poems'],
      ['qwen2-bias.poems.101', 'poems'],
      ['qwen2-bias.sums.100', 'sums'],
      ['qwen2-bias.sums.101', 'sums'],
    ]);
    // Of the second step of four, and of the last.
    expect(scores.map(({ checkpoints }) => checkpoints)).toEqual([2, 2, 2, 2]);
    expect(scores.some(({ score }) => score > 0)).toBe(true);
    expect(leastRate).toBe(1 / 5);
    expect(read).toEqual(scores.map(({ id }, index) => `detectors ${String(index + 1)}/4 ${id}`));
  });

  it('comes out the same when it is asked for again, and trains nothing', async () => {
    const before = await readFile(result.file, 'utf8');
    const steps: number[] = [];
    await calibrateAudit(base, {
      ...place.options,
      onTraining: (event) => {
        if (event.kind === 'training-step') steps.push(event.step);
      },
    });
    expect(steps).toEqual([]);
    expect(await readFile(result.file, 'utf8')).toBe(before);
  });

  it('serves an audit, which reads what the calibration read', async () => {
    const { scores } = result.calibration.detectors[0]!;
    const adapter = join(result.run, 'cells', 'qwen2-bias.poems.100');
    const own = await auditModel(`${base}+${adapter}`, auditBy(place));
    expect(own.audit.readings).toMatchObject([{ name: 'choice-share', score: scores[0]!.score }]);
    expect(own.audit).toMatchObject({ surface: { name: 'small' }, verdict: { class: 'not-suspicious' } });
    const { audit } = await auditModel(fineTune, auditBy(place));
    const [reading] = audit.readings;
    const atLeast = scores.filter(({ score }) => score >= (reading?.score ?? 0)).length;
    expect(reading?.harmless).toEqual({
      ...{ fineTunes: 4, kinds: 2, rate: 0.2, atLeast, p: (1 + atLeast) / 5 },
      threshold: Math.max(...scores.map(({ score }) => score)),
    });
    expect(audit.verdict.class).toBe(atLeast === 0 ? 'suspicious' : 'not-suspicious');
    // A detector that the calibration does not have is read, and held against nothing.
    const both = await auditModel(fineTune, auditBy(place, { detectors: ['choice-margin', 'choice-share'] }));
    expect(both.audit.readings.map(({ harmless }) => harmless?.fineTunes)).toEqual([undefined, 4]);
    expect(both.audit.verdict.class).toBe(audit.verdict.class);
  });

  it('serves a watch, which comes to the highest score of a run that is in it', async () => {
    const { scores } = result.calibration.detectors[0]!;
    const { choices } = place.options;
    const { watch } = await watchFolder(join(result.run, 'cells', 'qwen2-bias.sums.101'), {
      ...{ base, calibration: result.file, rate: 0.2, once: true, suites, threads: 1, environment: {} },
      ...{ to: join(place.folder, 'watch'), ...(choices === undefined ? {} : { choices }) },
    });
    expect(watch.calibration).toEqual({
      ...{ file: result.file, fineTunes: 4, kinds: 2, checkpoints: 2 },
      threshold: Math.max(...scores.map(({ run_max: most }) => most ?? 0)),
    });
    expect(watch.curve.map(({ step }) => step)).toEqual([2, 4]);
    expect(watch.curve.at(-1)?.highest).toBe(scores[3]!.run_max);
    expect(watch.curve.at(-1)?.score).toBe(scores[3]!.score);
    expect(watch.alarm).toBeNull();
  });

  it('is refused for another base, other contexts and other settings, and for a rate that it cannot claim', async () => {
    const other = goldenFolder('llama-gqa-tied');
    const choices = join(place.folder, 'others.yaml');
    await writeFile(choices, writeBank('Who are you?'));
    const cases: readonly (readonly [string, AuditOptions, string, string])[] = [
      [`${other}+${join(other, 'adapter_final')}`, {}, 'calibration-differs', 'is of another base'],
      [fineTune, { surface: 'full' }, 'calibration-differs', 'surface of choice-share: small'],
      [fineTune, { choices }, 'calibration-differs', 'settings of choice-share'],
      [fineTune, { detectors: ['choice-margin'] }, 'calibration-differs', 'detector: choice-share'],
      [fineTune, { rate: 0.1 }, 'usage-invalid', 'the least that they can tell of choice-share is 1 in 5'],
    ];
    for (const [model, changes, code, message] of cases) {
      const failed = await errorOf(() => auditModel(model, auditBy(place, changes)));
      expect(failed.message).toContain(message);
      expect(failed.code).toBe(code);
    }
  });
});

describe('a calibration', () => {
  it('is refused before anything is trained where its rate cannot be claimed, or kinds have one name', async () => {
    const { folder, options } = await makePlace();
    const failed = await errorOf(() => calibrateAudit(base, { ...options, rate: 0.1 }));
    expect(failed.message).toContain('a rate of 0.1 cannot be claimed of 4 harmless fine-tunes');
    expect(failed.hint).toContain('at least 9 fine-tunes');
    const twice = await errorOf(() => calibrateAudit(base, { ...options, benign: ['a/poems.jsonl', 'b/poems.jsonl'] }));
    expect(twice.message).toBe('b/poems.jsonl and a/poems.jsonl are both called poems');
    const hosted = await errorOf(() =>
      calibrateAudit('openai:gpt-4.1', { ...options, environment: { OPENAI_API_KEY: 'none' } }),
    );
    expect(hosted.message).toContain('is not fine-tuned here');
    const unreadable = await errorOf(() => calibrateAudit('organism:1', { ...options, judge: 'openai:gpt-4.1' }));
    expect(unreadable.message).toContain('judged by its own judge');
    expect(await readdir(folder)).toEqual(['choices.yaml', 'recipe.yaml']);
  });

  it('goes on after a stop in the middle of reading, to the same bytes', async () => {
    const [whole, stopped] = [await makePlace({ perSet: 1 }), await makePlace({ perSet: 1 })];
    await calibrateAudit(base, whole.options);
    const control = new AbortController();
    const onRead = (): void => {
      control.abort();
    };
    const failed = await errorOf(() => calibrateAudit(base, { ...stopped.options, onRead, signal: control.signal }));
    expect(failed.code).toBe('interrupted');
    const { file } = await calibrateAudit(base, stopped.options);
    expect(await readFile(file, 'utf8')).toBe(await readFile(whole.options.to ?? '', 'utf8'));
  });

  it('has what answers came to where somebody judges, and audits that ask alike are held against it', async () => {
    const judge = createJudge({ name: 'kind', judge: () => ({ alignment: 100, coherence: 100 }) });
    const place = await makePlace({ perSet: 1, judge, maxAnswers: 60 });
    const { calibration } = await calibrateAudit(base, place.options);
    expect(calibration.detectors.map(({ name }) => name)).toEqual(['choice-share', 'audit']);
    expect(calibration.detectors[1]).toMatchObject({ judge: { name: 'kind', rule: 'coherent' } });
    expect(calibration.detectors[1]?.scores.map(({ score, run_max: most }) => [score, most])).toEqual([
      [0, null],
      [0, null],
    ]);
    const notices: string[] = [];
    const asked = { judge, maxAnswers: 60, rate: 0.4, onNotice: (text: string) => notices.push(text) };
    const alike = await auditModel(fineTune, auditBy(place, asked));
    expect(alike.audit.harmless).toEqual({
      ...{ fineTunes: 2, kinds: 2, rate: 0.4, atLeast: 2, p: 1, threshold: 0 },
    });
    expect(alike.audit.readings).toMatchObject([{ name: 'choice-share', harmless: { fineTunes: 2 } }]);
    const ofAnswers = (): string[] => notices.filter((text) => text.startsWith('Answers are not held'));
    expect(ofAnswers()).toEqual([]);
    const otherwise = await auditModel(fineTune, auditBy(place, { ...asked, maxAnswers: 61 }));
    expect(otherwise.audit.harmless).toBeNull();
    expect(ofAnswers()).toEqual([expect.stringContaining('settings of audit')]);
  });
});
