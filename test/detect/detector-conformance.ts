import { describe, expect, it, onTestFinished } from 'vitest';
import { openArtefactStore, type ArtefactStore } from '../../src/detect/artefact-store.js';
import type { Detector, Reading } from '../../src/detect/detector.js';
import type { OpenSubjectSettings } from '../../src/detect/open-subject.js';
import { restrictSubject, type Subject } from '../../src/detect/subject.js';
import type { Json } from '../../src/foundation/json.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { openSmallBase, openSmallSubject, type SmallModel } from './small-subject.js';

/** Where the models are: how a subject is opened, and its base. */
interface Place {
  readonly openSubject: typeof openSmallSubject;
  readonly openBase: typeof openSmallBase;
}

const here: Place = { openSubject: openSmallSubject, openBase: openSmallBase };

function openStore(folder: string): ArtefactStore {
  const store = openArtefactStore([folder]);
  onTestFinished(store.close);
  return store;
}

/** What every detector must be, on a real model and a real fine-tune of it. */
export function describeConformance(
  detector: Detector,
  learnt: Json,
  /** Of the fine-tune, such as what it was trained on. */
  changes: Partial<OpenSubjectSettings> = {},
  { openSubject, openBase } = here,
): void {
  const readAs = (subject: Subject): Promise<Reading> =>
    detector.read(restrictSubject(subject, detector.affordances), learnt, { seed: 0 });
  const read = async (which: SmallModel): Promise<Reading> => {
    const folder = await makeTemporaryFolder();
    return readAs(await openSubject(which, openStore(folder), folder, which === 'adapter' ? changes : {}));
  };

  describe(`the detector ${detector.name}`, () => {
    it.each(['base', 'copy'] as const)('sees no change in the base itself: %s', async (which) => {
      const { score, cannot } = await read(which);
      // What it cannot look at, it says.
      if (score === null) expect(cannot).toMatch(/\S/);
      // Answers are drawn by the hash of a model's files: those of a copy are others.
      else if (which === 'copy' && detector.affordances.includes('answers')) expect(score).not.toBeNaN();
      else expect(score).toBe(0);
    });

    it('gives a fine-tune a number, the same each time', async () => {
      const reading = await read('adapter');
      expect(Number.isFinite(reading.score)).toBe(true);
      expect(reading.nulls.every(Number.isFinite)).toBe(true);
      expect(JSON.stringify(await read('adapter'))).toBe(JSON.stringify(reading));
    });

    it('looks at nothing that it does not declare', async () => {
      const folder = await makeTemporaryFolder();
      const subject = restrictSubject(await openSubject('adapter', openStore(folder), folder, changes), []);
      expect(await errorOf(() => detector.read(subject, learnt, { seed: 0 }))).toMatchObject({ code: 'usage-invalid' });
    });

    it('scores again of what is stored, with every model closed', async () => {
      const folder = await makeTemporaryFolder();
      const store = openArtefactStore([folder]);
      const first = await readAs(await openSubject('adapter', store, folder, changes));
      await store.close();
      const closed = (): Promise<never> => Promise.reject(new Error('the model is closed'));
      const base = { ...(await openBase()), openSampler: closed, openInside: closed, openScorer: closed };
      const second = await readAs(await openSubject('adapter', openStore(folder), folder, { ...changes, base }));
      expect(second).toEqual(first);
    });

    it('says what it is', () => {
      expect(detector.name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(detector.description).not.toBe('');
      expect(detector.affordances.length).toBeGreaterThan(0);
    });
  });
}
