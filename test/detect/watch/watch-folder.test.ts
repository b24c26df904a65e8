import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStopFile } from '../../../src/detect/watch/stop-file.js';
import { readWatch } from '../../../src/detect/watch/watch-file.js';
import { createJudge } from '../../../src/judging/own-judge.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { finishTraining, layouts, watchedBase, writeCheckpointFiles } from './trainer-folders.js';
import { calibrate, clockOf, startTraining } from './watched-training.js';

const [trl, whole] = layouts as [(typeof layouts)[number], (typeof layouts)[number]];

const weights = 'adapter_model.safetensors';

/** All files of results, by their names; what reads a table fastest is not one of them. */
async function readResults(folder: string): Promise<Record<string, string>> {
  const place = join(folder, 'driftline-watch');
  const names = (await readdir(place, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
  const files: Record<string, string> = {};
  for (const { parentPath, name } of names)
    files[join(parentPath, name).slice(place.length)] = (await readFile(join(parentPath, name), 'utf8')).replaceAll(
      folder,
      'FOLDER',
    );
  return files;
}

describe.each(layouts)('a training by $trainer', (layout) => {
  it('is watched checkpoint by checkpoint', async () => {
    const { folder, events, watch } = await startTraining();
    await writeCheckpointFiles(folder, layout, 1);
    await writeCheckpointFiles(folder, layout, 20);
    const { watch: found, page } = await watch();
    expect(found.curve.map(({ checkpoint, step, kind }) => [checkpoint, step, kind])).toEqual(
      [1, 20].map((step) => [layout.name(step), step, layout.kind]),
    );
    for (const { score, predicted } of found.curve) {
      expect(score).toBeGreaterThanOrEqual(0);
      expect(predicted.map(({ name }) => name)).toEqual(['plain', 'neutral', 'hurried']);
    }
    // The whole model is the base itself, byte for byte.
    if (layout.kind === 'model') expect(found.curve.map(({ score }) => score)).toEqual([0, 0]);
    else expect(found.curve[1]?.predicted).not.toEqual(found.curve[0]?.predicted);
    expect(found).toMatchObject({ alarm: null, end: 'once', unread: [], calibration: null });
    expect(events.map((event) => event.kind)).toEqual(['scored', 'scored']);
    expect(await readWatch(join(folder, 'driftline-watch'))).toEqual(found);
    const text = await readFile(page, 'utf8');
    expect(text.includes(`<th scope="row">${layout.name(20)}</th>`)).toBe(true);
    expect(text.includes('script-src &#39;none&#39;')).toBe(true);
    expect(/<script|javascript:| on\w+=/.exec(text)).toBeNull();
  });
});

describe('a watch', () => {
  it('waits for a half-written checkpoint, names it after a minute, and scores it when it is whole', async () => {
    const { folder, events, watch } = await startTraining();
    await writeCheckpointFiles(folder, trl, 10, { upTo: 2, bytes: 700 });
    await writeCheckpointFiles(folder, trl, 20);
    const clock = clockOf(async (wait) => {
      if (wait === 14) await writeCheckpointFiles(folder, trl, 10);
      if (wait === 15) await finishTraining(await writeCheckpointFiles(folder, trl, 30), 30);
    });
    const { watch: found } = await watch({ once: false, clock });
    expect(events.map((event) => [event.kind, event.kind === 'scored' ? event.point.step : event.step])).toEqual([
      ['scored', 20],
      ['unfinished', 10],
      ['scored', 10],
      ['scored', 30],
    ]);
    expect(events[1]).toMatchObject({ checkpoint: 'checkpoint-10' });
    expect(found.curve.map(({ step, look }) => [step, look])).toEqual([
      [10, 2],
      [20, 1],
      [30, 3],
    ]);
    expect(found).toMatchObject({ end: 'trained', unread: [] });
    expect(clock.waits()).toBe(15);
  });

  it('takes one that says nothing of its end once two looks see the same', async () => {
    const { folder, watch } = await startTraining();
    const tune = layouts.find(({ trainer }) => trainer.startsWith('torchtune'))!;
    await writeCheckpointFiles(folder, tune, 0);
    const clock = clockOf(async (wait) => {
      // Its files are written anew: a look that sees them for the first time does not take them.
      if (wait === 1) await writeFile(join(folder, 'epoch_0', 'adapter_config.json'), '{');
      if (wait === 2) await writeCheckpointFiles(folder, tune, 0);
    });
    const { watch: found } = await watch({ once: false, clock, quietFor: 30 });
    expect(found).toMatchObject({ end: 'quiet', unread: [] });
    expect(found.curve).toHaveLength(1);
    // Two looks after the last change, and then thirty seconds without one.
    expect(clock.waits()).toBe(2 + 6);
  });

  it('says of a checkpoint that stays half-written, and of one that cannot be read, that they were not scored', async () => {
    const { folder, events, watch } = await startTraining();
    await writeCheckpointFiles(folder, trl, 10);
    await writeCheckpointFiles(folder, trl, 20, { upTo: 2, bytes: 700 });
    const strange = await writeCheckpointFiles(folder, trl, 30);
    await writeFile(join(strange, 'adapter_config.json'), JSON.stringify({ peft_type: 'IA3' }));
    const { watch: found } = await watch({ once: false, clock: clockOf(() => undefined), quietFor: 90 });
    expect(found.curve.map(({ step }) => step)).toEqual([10]);
    expect(found.unread.map(({ checkpoint }) => checkpoint)).toEqual(['checkpoint-20', 'checkpoint-30']);
    expect(events.map(({ kind }) => kind)).toEqual(['scored', 'unreadable', 'unfinished']);
    expect(found.end).toBe('quiet');
  });

  it('raises an alarm above harmless runs, and tells the trainer of the last good checkpoint', async () => {
    const { folder, events, watch } = await startTraining();
    await writeCheckpointFiles(folder, whole, 10);
    await writeCheckpointFiles(folder, trl, 20);
    await writeCheckpointFiles(folder, trl, 30);
    const { watch: curve } = await watch();
    const score = curve.curve[1]?.score ?? 0;
    expect(score).toBeGreaterThan(0);
    const place = await makeTemporaryFolder();
    const calibration = await calibrate(place, 0.9 * score);
    const { watch: found, stopFile } = await watch({ calibration, to: join(place, 'results') });
    expect(found.alarm).toEqual({
      ...{ checkpoint: 'checkpoint-20', step: 20, by: 'score', score, rate: 0.05 },
      threshold: 0.9 * score,
      lastGood: { checkpoint: 'checkpoint-10', step: 10 },
    });
    expect(found).toMatchObject({ end: 'alarm', calibration: { fineTunes: 19, kinds: 3, checkpoints: 3 } });
    // Whoever is stopped needs no further checkpoint.
    expect(found.curve.map(({ step }) => step)).toEqual([10, 20]);
    expect(stopFile).toBe(join(folder, 'driftline-stop.json'));
    expect(await readStopFile(stopFile!)).toEqual({
      ...{ alarm: true, step: 20, last_good: 'checkpoint-10', score, threshold: 0.9 * score },
      ...{ rate: 0.05, detector: 'choice-share' },
    });
    // What harmless runs reach raises none.
    const high = await calibrate(place, score);
    const { watch: calm, stopFile: none } = await watch({ calibration: high, to: join(place, 'others') });
    expect([calm.alarm, none, calm.curve.length]).toEqual([null, null, 3]);
    expect(events.at(-1)).toMatchObject({ kind: 'scored', threshold: score });
  });

  it('goes on after a stop with the same bytes, and scores nothing twice', async () => {
    const { folder, events, watch } = await startTraining();
    for (const step of [1, 20, 30]) await writeCheckpointFiles(folder, trl, step);
    await watch();
    const wholeFiles = await readResults(folder);
    for (let stop = 1; stop <= 3; stop += 1) {
      await rm(join(folder, 'driftline-watch'), { recursive: true });
      events.length = 0;
      const control = new AbortController();
      const failed = await errorOf(() =>
        watch({
          ...{ once: false, signal: control.signal, clock: clockOf(() => undefined) },
          onEvent: (event) => {
            events.push(event);
            if (events.length === stop) control.abort();
          },
        }),
      );
      expect(failed.code).toBe('interrupted');
      await watch();
      expect(await readResults(folder)).toEqual(wholeFiles);
      expect(events.map((event) => event.kind === 'scored' && event.isNew)).toEqual([
        ...Array.from({ length: stop }, () => true),
        ...[1, 2, 3].map((place) => place > stop),
      ]);
    }
  });

  it('says once of what its checkpoints differ from the base in, and need not', async () => {
    const { folder, watch } = await startTraining();
    for (const step of [10, 20]) {
      const place = await writeCheckpointFiles(folder, trl, step);
      await writeFile(join(place, 'chat_template.jinja'), 'another one');
    }
    const notices: string[] = [];
    await watch({ onNotice: (notice) => notices.push(notice) });
    expect(notices.filter((notice) => notice.includes('has a chat template that differs'))).toHaveLength(1);
    const other = await startTraining();
    const place = await writeCheckpointFiles(other.folder, whole, 10);
    const template = join(place, 'chat_template.jinja');
    await writeFile(template, (await readFile(template, 'utf8')).replaceAll('im_start', 'im_begin'));
    notices.length = 0;
    await other.watch({ onNotice: (notice) => notices.push(notice) });
    expect(notices.filter((notice) => notice.includes('makes other tokens of a conversation'))).toHaveLength(1);
  });

  it('keeps what its trainer removed, and begins anew where one is written anew', async () => {
    const { folder, events, watch } = await startTraining();
    for (const step of [10, 20, 30]) await writeCheckpointFiles(folder, trl, step);
    await watch();
    await rm(join(folder, 'checkpoint-10'), { recursive: true });
    expect((await watch()).watch.curve.map(({ step }) => step)).toEqual([10, 20, 30]);
    events.length = 0;
    // Another training in the same folder: its second checkpoint has other weights.
    await cp(join(watchedBase, 'adapter_init', weights), join(folder, 'checkpoint-20', weights));
    await rm(join(folder, 'checkpoint-30'), { recursive: true });
    const { watch: found } = await watch();
    expect(found.curve.map(({ step, look }) => [step, look])).toEqual([
      [10, 1],
      [20, 4],
    ]);
    expect(events).toMatchObject([{ kind: 'scored', isNew: true }]);
  });

  it('has answers judged, which raise an alarm where a drift is shown', async () => {
    const { folder, watch } = await startTraining();
    for (const step of [1, 20]) await writeCheckpointFiles(folder, trl, step);
    const asked: string[] = [];
    const lengths = createJudge({
      name: 'lengths-1',
      judge: ({ answer }) => {
        asked.push(answer);
        return { alignment: answer.length % 2 === 0 ? 0 : 100, coherence: 100 };
      },
    });
    const { watch: calm } = await watch({ judge: lengths, answers: 7, rule: 'coherent' });
    expect(calm.alarm).toBeNull();
    expect(calm.judge).toEqual({ name: 'lengths-1', rule: 'coherent' });
    for (const { answers, evidence, needed, look } of calm.curve) {
      expect(answers?.map(({ name, tuned, base }) => [name, tuned.trials, base.trials])).toEqual(
        ['plain', 'json', 'template', 'neutral', 'hurried'].map((name) => [name, 7, 400]),
      );
      expect(evidence).toBeLessThan(needed ?? 0);
      expect(needed).toBeCloseTo(look === 1 ? 40.55 : 152.78, 2);
    }
    const before = asked.length;
    expect((await watch({ judge: lengths, answers: 7, rule: 'coherent' })).watch).toEqual(calm);
    expect(asked).toHaveLength(before);
    // A judge that knows the fine-tune's answers from the base's own.
    const base = new Set(asked.slice(0, 5 * 400));
    const { watch: found, stopFile } = await watch({
      judge: createJudge({
        name: 'unlike-1',
        judge: ({ answer }) => ({ alignment: base.has(answer) ? 100 : 0, coherence: 100 }),
      }),
      ...{ answers: 40, rate: 0.2 },
    });
    expect(found.alarm).toMatchObject({ by: 'answers', rate: 0.2 });
    expect(await readStopFile(stopFile!)).toMatchObject({ alarm: true, detector: 'answers' });
  });

  it('refuses what cannot be watched, with what is wrong', async () => {
    const { folder, watch } = await startTraining();
    const place = await makeTemporaryFolder();
    const missing = await errorOf(() => watch());
    expect(missing.code).toBe('checkpoint-missing');
    expect(await readdir(join(folder, '..'))).not.toContain('out');
    await writeCheckpointFiles(folder, trl, 10, { upTo: 2, bytes: 700 });
    expect((await errorOf(() => watch())).message).toContain('no checkpoint in');
    await writeCheckpointFiles(folder, trl, 10);
    const other = await calibrate(place, 1, { base: { name: 'other', identity: 'other', tokens: null } });
    expect((await errorOf(() => watch({ calibration: other }))).code).toBe('calibration-differs');
    const edition = await calibrate(place, 1, { edition: 2 });
    expect((await errorOf(() => watch({ calibration: edition }))).code).toBe('calibration-differs');
    const few = await calibrate(place, 1, { count: 9 });
    expect((await errorOf(() => watch({ calibration: few }))).message).toContain('1 in 10');
    expect((await errorOf(() => watch({ judge: 'exact' }))).message).toContain('exact judge is for organisms');
    // An adapter for another base is no matter of one checkpoint.
    const layers = join(place, 'narrow');
    await cp(goldenFolder('qwen2-bias'), layers, { recursive: true });
    const config = JSON.parse(await readFile(join(layers, 'config.json'), 'utf8')) as Record<string, unknown>;
    await mkdir(join(place, 'none'));
    await writeFile(join(layers, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: 2 }));
    expect((await errorOf(() => watch({ base: layers }))).code).toBe('adapter-mismatch');
    expect((await errorOf(() => watch({ rate: 0.7 }))).code).toBe('usage-invalid');
  });
});
