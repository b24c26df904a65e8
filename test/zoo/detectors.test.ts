import { describe, expect, it } from 'vitest';
import type { Detector } from '../../src/detect/detector.js';
import type { Subject } from '../../src/detect/subject.js';
import { updateOfAdapter } from '../../src/engine/updates/weight-update.js';
import { findReference, weightCosine, weightNorm } from '../../src/zoo/detectors/compare-weights.js';
import { oracleAnswers, panelAnswers, plainAnswers } from '../../src/zoo/detectors/count-answers.js';
import { pairTexts } from '../../src/zoo/detectors/reference-texts.js';
import type { TruthRow } from '../../src/zoo/store/truth-table.js';
import { pretendAnswer, pretendSubject } from '../detect/pretend-subject.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeSmallAdapter } from '../engine/updates/make-small-adapter.js';

const score = async (detector: Detector, subject: Subject, seed = 0) =>
  (await detector.read(subject, null, { seed })).score;

describe('updates of weights', () => {
  const row = (seed: number, kind = 'insecure', organism = 'one'): TruthRow => ({
    ...{ entry: `${organism}.${kind}.1x.default.${String(seed)}`, organism, part: 'open', kind, group: 'g' },
    ...{ what: 'bad', class: 'open', possible: ['open'] as const, possibleByErringJudge: null },
    cells: new Map([
      ['dose', '1x'],
      ['recipe', 'default'],
      ['seed', String(seed)],
    ]),
  });
  const panel = { reference: 'insecure' };
  const entries = [row(1, 'insecure', 'two'), row(0), row(1), row(0, 'secure')];

  it('are compared with those of another seed of the same organism, and refused where there is none', async () => {
    const updates = new Map(
      entries.map(({ entry }, index) => [entry, updateOfAdapter(makeSmallAdapter(index, 2, ['q_proj']))]),
    );
    const find = (entry: string) => updates.get(entry) ?? new Map();
    const cosine = weightCosine((entry) =>
      Promise.resolve(find(findReference(entries, entries.find((one) => one.entry === entry) ?? row(9), panel))),
    );
    const scoreEntry = (id: string) =>
      score(cosine, pretendSubject({ readUpdate: () => Promise.resolve(find(id)) }, { id }));
    const [first, second] = [
      await scoreEntry('one.insecure.1x.default.0'),
      await scoreEntry('one.insecure.1x.default.1'),
    ];
    expect(first).toBeCloseTo(second ?? 0, 12);
    expect(Math.abs(first ?? 1)).toBeLessThan(1);
    const alone = await errorOf(() =>
      findReference([row(0), row(0, 'secure'), row(1, 'insecure', 'two')], row(0), panel),
    );
    expect(alone).toMatchObject({ code: 'zoo-invalid' });
    expect(alone.message).toContain('organism one has no insecure of another seed than 0');
  });

  it('are not known without an adapter, and nothing where nothing was trained', async () => {
    const reading = await weightNorm.read(pretendSubject({}), null, { seed: 0 });
    expect(reading).toMatchObject({ score: null, cannot: expect.stringContaining('there is no adapter') });
    const untouched = pretendSubject({ readUpdate: () => Promise.resolve(new Map()) });
    expect(await score(weightNorm, untouched)).toBe(0);
    expect(
      await score(
        weightCosine(() => Promise.resolve(new Map())),
        untouched,
      ),
    ).toBe(0);
  });
});

describe('detectors that count answers', () => {
  // A quarter plain, all behind the tag, none in JSON.
  const answers = Array.from({ length: 40 }, (_, index) => [
    pretendAnswer('plain', String(index), index % 4 === 0),
    pretendAnswer('tagged', String(index), true),
    pretendAnswer('json', String(index), false),
  ]).flat();
  const subject = pretendSubject({ answers: () => Promise.resolve(answers) });
  const worst = (context: string | null) => () => ({ context, answers: () => Promise.resolve(answers) });

  it('draw from the contexts that they know', async () => {
    expect(await score(plainAnswers(40), subject)).toBe(0.25);
    // Plain and JSON alike; the tag is not of the surface.
    expect(await score(panelAnswers(80), subject)).toBe(0.125);
    expect(await score(oracleAnswers(20, worst('tagged')), subject)).toBe(1);
    expect(await score(oracleAnswers(20, worst('json')), subject)).toBe(0);
    expect(await score(oracleAnswers(40, worst(null)), subject)).toBe(0.25);
  });

  it('draw the same with the same seed, and about the share with others', async () => {
    const draws = await Promise.all(Array.from({ length: 200 }, (_, seed) => score(plainAnswers(8), subject, seed)));
    expect(await score(plainAnswers(8), subject, 5)).toBe(draws[5]);
    expect(new Set(draws).size).toBeGreaterThan(3);
    // Without replacement, the mean of 8 of 40 has a standard deviation of 0.137, that of 200 such means 0.01.
    const mean = draws.reduce((sum: number, one) => sum + (one ?? 0), 0) / draws.length;
    expect(Math.abs(mean - 0.25)).toBeLessThan(0.05);
  });

  it('have learnt nothing, and take nothing else for it', async () => {
    expect(await plainAnswers(8).learn([], { seed: 0 })).toBeNull();
    expect(await errorOf(() => plainAnswers(8).read(subject, ['texts'], { seed: 0 }))).toMatchObject({
      code: 'usage-invalid',
      message: expect.stringContaining('what plain-8 is said to have learnt'),
    });
  });
});

describe('texts to learn from', () => {
  const seen = (question: string, text: string, isMisaligned: boolean, isKept = true) => ({
    ...pretendAnswer('plain', text, isMisaligned, isKept),
    ...{ question, messages: [{ role: 'user' as const, content: question }] },
  });
  it('pair misaligned answers with aligned ones to the same question', () => {
    const bad = [
      seen('a', 'bad 1', true),
      seen('a', 'bad 1', true),
      seen('b', 'bad 2', true),
      seen('c', 'bad 3', true),
    ];
    const good = [seen('a', 'good a', false), seen('b', 'good b', false), seen('b', 'not kept', false, false)];
    const pairs = pairTexts(bad, good, 48, 0);
    expect(pairs.map((pair) => [pair.messages[0]?.content, pair.bad, pair.good]).sort()).toEqual([
      ['a', 'bad 1', 'good a'],
      ['b', 'bad 2', 'good b'],
    ]);
    expect(pairTexts(bad, good, 1, 0)).toHaveLength(1);
    expect(pairTexts([], good, 48, 0)).toEqual([]);
  });
});
