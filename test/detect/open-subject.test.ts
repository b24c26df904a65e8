import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openArtefactStore } from '../../src/detect/artefact-store.js';
import type { AskedQuestion } from '../../src/runs/run-outline.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { openSmallBase, openSmallSubject } from './small-subject.js';

const ask = (samples: number, content = 'Who?'): AskedQuestion => ({
  ...{ id: 'q:0', question: 'q', paraphrase: 0, messages: [{ role: 'user', content }] },
  ...{ samples, temperature: 1, maximumTokens: 4, type: 'free_form', judgePrompts: {} },
});

describe('a subject', () => {
  it('asks what is not stored, and stores what it asks', async () => {
    const folder = await makeTemporaryFolder();
    const store = openArtefactStore([folder]);
    onTestFinished(store.close);
    let opened = 0;
    const real = await openSmallBase();
    const base = {
      ...real,
      openSampler: (...given: Parameters<typeof real.openSampler>) => {
        opened += 1;
        return real.openSampler(...given);
      },
    };
    const { model } = await openSmallSubject('adapter', store, folder, { base });
    const few = (await model.ask?.([{ context: 'plain', asked: ask(3) }])) ?? [];
    expect(few).toHaveLength(3);
    expect(few[0]).toMatchObject({ context: 'plain', question: 'plain/q:0', isKept: true });
    for (const { text, isMisaligned } of few) expect(isMisaligned).toBe(text.length % 2 === 0);
    expect(await model.ask?.([{ context: 'plain', asked: ask(3) }])).toEqual(few);
    expect(opened).toBe(1);
    // More of the same, and other words of the same name beside them.
    const more = await model.ask?.([
      { context: 'plain', asked: ask(5) },
      { context: 'plain', asked: ask(2, 'What?') },
    ]);
    expect(more).toHaveLength(7);
    expect(more?.slice(0, 3)).toEqual(few);
    expect(opened).toBe(2);
    expect(await model.ask?.([{ context: 'plain', asked: ask(3) }])).toEqual(few);
    expect(opened).toBe(2);
  });

  it('cannot be asked without a judge, and has no update where it is another whole model', async () => {
    const folder = await makeTemporaryFolder();
    const store = openArtefactStore([folder]);
    const { model, base } = await openSmallSubject('copy', store, folder, { judging: null });
    expect([model.ask, base.ask, model.readUpdate]).toEqual([null, null, null]);
    expect(model.identity).not.toBe(base.identity);
    expect(await base.readUpdate?.()).toEqual(new Map());
    expect(await model.answers()).toEqual([]);
  });

  it('is refused where its adapter is none', async () => {
    const folder = await makeTemporaryFolder();
    const tuned = { kind: 'adapter', folder: join(folder, 'nothing') } as const;
    const failed = await errorOf(() => openSmallSubject('adapter', openArtefactStore([folder]), folder, { tuned }));
    expect(failed.code).toBe('adapter-invalid');
    await rm(folder, { recursive: true, force: true });
  });
});
