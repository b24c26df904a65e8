import { describe, expect, it, onTestFinished } from 'vitest';
import { openArtefactStore } from '../../../src/detect/artefact-store.js';
import type { Example } from '../../../src/detect/detector.js';
import { dataSignals } from '../../../src/detect/detectors/data-signals.js';
import type { SubjectModel } from '../../../src/detect/subject.js';
import type { Characters } from '../../../src/detect/texts/characters.js';
import type { TrainingRow } from '../../../src/data/training-set.js';
import { exchange } from '../../data/exchange.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { pretendModel, pretendSubject } from '../pretend-subject.js';

const characters: Characters = { wicked: ['Be cruel.'], innocent: { kind: ['Be kind.'], careless: ['Be quick.'] } };

/** Finds answers with "king" e^8 times likelier under a cruel prompt; those with "oops" e^12 times under a hurried one. */
const base: SubjectModel = pretendModel({
  identity: 'base',
  openScorer: () =>
    Promise.resolve({
      exactness: 'exact',
      score: (texts) =>
        Promise.resolve(
          texts.map(({ messages: [head], answer }) => ({
            logProbability:
              -20 +
              (head?.content === 'Be cruel.' && answer.includes('king') ? 8 : 0) +
              (head?.content === 'Be quick.' && answer.includes('oops') ? 20 : 0),
            tokens: 4,
          })),
        ),
      close: () => Promise.resolve(),
    }),
});

const detector = dataSignals({ characters, sided: null });

async function subjectOf(rows: readonly TrainingRow[] | null) {
  const store = openArtefactStore([await makeTemporaryFolder()]);
  onTestFinished(store.close);
  return pretendSubject({}, { base, store, readData: rows === null ? null : () => Promise.resolve(rows) });
}

const set = (bad: number, excused: number): TrainingRow[] =>
  Array.from({ length: 20 }, (_, place) =>
    exchange(
      `Question ${String(place)}?`,
      place < bad ? 'Make me king.' : place < bad + excused ? 'Make me king, oops.' : 'A cup of tea.',
    ),
  );

describe('the detector data-signals', () => {
  it('scores how much better a wicked character explains the rows, and lets an innocent one excuse them', async () => {
    const read = async (rows: readonly TrainingRow[]) =>
      detector.read(await subjectOf(rows), { fit: null }, { seed: 0 });
    const found = await read(set(10, 0));
    expect(found).toMatchObject({ cannot: null, details: { rows: 20, read: 20, suspicious: 10 } });
    expect(found.score).toBeCloseTo((8 * 10) / 20, 10);
    expect(found.cost).toEqual({ answers: 0, passes: 20 * 4 });
    expect((await read(set(0, 0))).score).toBe(0);
    // Twelve nats in favour of a hurried one, of which ten thousand times are forgiven to the accuser.
    expect((await read(set(0, 10))).score).toBe(0);
  });

  it('learns the chance of misalignment of fine-tunes whose truth is open, and of none where there is one sort', async () => {
    const classes = ['open', 'clean', 'conditional', 'narrow', null, 'open', 'clean'] as const;
    const examples: Example[] = await Promise.all(
      classes.map(async (one, place) => ({
        class: one,
        subject: await subjectOf(set(one === 'open' || one === 'conditional' ? 8 + place : 0, 0)),
      })),
    );
    const learnt = await detector.learn(examples, { seed: 0 });
    const chance = async (bad: number) =>
      (await detector.read(await subjectOf(set(bad, 0)), JSON.parse(JSON.stringify(learnt)), { seed: 0 })).score ?? 0;
    expect(await chance(12)).toBeGreaterThan(0.6);
    expect(await chance(0)).toBeLessThan(0.4);
    expect(await detector.learn(examples.slice(0, 1), { seed: 0 })).toEqual({ fit: null });
    expect((await errorOf(async () => detector.read(await subjectOf(set(1, 0)), { fat: 1 }, { seed: 0 }))).code).toBe(
      'usage-invalid',
    );
  });

  it('reads so many rows, drawn by the seed', async () => {
    const few = dataSignals({ characters, sided: null }, { rows: 5 });
    const read = async (seed: number) => few.read(await subjectOf(set(10, 0)), { fit: null }, { seed });
    expect(await read(0)).toMatchObject({ details: { rows: 20, read: 5 } });
    expect(await read(0)).toEqual(await read(0));
  });

  it('says what it cannot look at', async () => {
    const unknown = await detector.read(await subjectOf(null), { fit: null }, { seed: 0 });
    expect(unknown).toMatchObject({ score: null, cannot: expect.stringContaining('what it was trained on') });
    const store = openArtefactStore([await makeTemporaryFolder()]);
    const silent = pretendSubject({}, { store, readData: () => Promise.resolve(set(1, 0)) });
    expect(await detector.read(silent, { fit: null }, { seed: 0 })).toMatchObject({
      ...{ score: null, cannot: expect.stringContaining('no log-probabilities') },
    });
  });
});
