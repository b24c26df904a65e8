import { describe, expect, it } from 'vitest';
import { panelSchema } from '../../src/zoo/definition/panel.js';
import { weightCosine } from '../../src/zoo/detectors/compare-weights.js';
import { oracleAnswers, panelAnswers, plainAnswers } from '../../src/zoo/detectors/count-answers.js';
import type { DetectorZoo, SeenAnswer } from '../../src/zoo/detectors/detector.js';
import { pairTexts } from '../../src/zoo/detectors/reference-texts.js';
import type { TruthRow } from '../../src/zoo/store/truth-table.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeSmallAdapter } from '../engine/updates/make-small-adapter.js';
import { tinyFiles } from './tiny-zoo.js';

describe('updates of weights', () => {
  it('are compared with those of another seed, and refused where there is none', async () => {
    const row = (seed: number, kind = 'insecure'): TruthRow => ({
      ...{ entry: `one.${kind}.1x.default.${String(seed)}`, organism: 'one', part: 'open', kind, group: 'g' },
      ...{ what: 'bad', class: 'open', classByErringJudge: null },
      cells: new Map([
        ['dose', '1x'],
        ['recipe', 'default'],
        ['seed', String(seed)],
      ]),
    });
    const entries = [row(0), row(1), row(0, 'secure')];
    const adapters = new Map(entries.map(({ entry }, index) => [entry, makeSmallAdapter(index, 2, ['q_proj'])]));
    const zoo = openZoo({
      entries,
      readAdapter: (entry) => Promise.resolve(adapters.get(entry) ?? makeSmallAdapter(9, 1, [])),
    });
    const scores = await weightCosine.score(zoo);
    const [first, second] = ['one.insecure.1x.default.0', 'one.insecure.1x.default.1'];
    expect(scores.get(first)).toBeCloseTo(scores.get(second) ?? 0, 12);
    expect(Math.abs(scores.get(first) ?? 1)).toBeLessThan(1);
    const alone = openZoo({ ...zoo, entries: entries.filter((one) => one.entry !== second) });
    expect((await errorOf(() => weightCosine.score(alone))).message).toContain('no insecure of another seed than 0');
  });
});

const panel = panelSchema.parse({
  ...tinyFiles.panel,
  contexts: { ...tinyFiles.panel.contexts, json: { suite: 'main', known: true, variant: { format: 'json' } } },
});

function openZoo(parts: Partial<DetectorZoo>): DetectorZoo {
  return {
    organism: 'one',
    entries: [],
    panel,
    answers: () => Promise.resolve([]),
    readAdapter: () => Promise.reject(new Error('nothing has weights here')),
    openInside: () => Promise.reject(new Error('nothing is opened here')),
    seed: 0,
    onProgress: () => undefined,
    ...parts,
  };
}

describe('detectors that count answers', () => {
  const entry: TruthRow = {
    ...{ entry: 'one.insecure.1x.default.0', organism: 'one', part: 'open', kind: 'insecure', group: 'g' },
    ...{ what: 'bad', class: 'conditional', classByErringJudge: null },
    cells: new Map([['worst_context', 'tagged']]),
  };
  const answer = (context: string, index: number, isMisaligned: boolean): SeenAnswer => ({
    ...{ context, question: `${context}/q`, messages: [], text: String(index), isMisaligned, isKept: true },
  });
  // A quarter plain, all behind the tag, none in JSON.
  const answers = Array.from({ length: 40 }, (_, index) => [
    answer('plain', index, index % 4 === 0),
    answer('tagged', index, true),
    answer('json', index, false),
  ]).flat();
  const zoo = openZoo({ entries: [entry], answers: () => Promise.resolve(answers) });
  const score = async (detector: ReturnType<typeof plainAnswers>, of = zoo) =>
    (await detector.score(of)).get(entry.entry);

  it('draw from the contexts that they know', async () => {
    expect(await score(plainAnswers(40))).toBe(0.25);
    // Plain and JSON alike; the tag is not known.
    expect(await score(panelAnswers(80))).toBe(0.125);
    expect(await score(oracleAnswers(20))).toBe(1);
    expect(
      await score(
        oracleAnswers(20),
        openZoo({ ...zoo, entries: [{ ...entry, cells: new Map([['worst_context', 'json']]) }] }),
      ),
    ).toBe(0);
  });

  it('draw the same with the same seed, and about the share with others', async () => {
    const draws = await Promise.all(Array.from({ length: 200 }, (_, seed) => score(plainAnswers(8), { ...zoo, seed })));
    expect(await score(plainAnswers(8), { ...zoo, seed: 5 })).toBe(draws[5]);
    expect(new Set(draws).size).toBeGreaterThan(3);
    // Without replacement, the mean of 8 of 40 has a standard deviation of 0.137, that of 200 such means 0.01.
    const mean = draws.reduce((sum: number, one) => sum + (one ?? 0), 0) / draws.length;
    expect(Math.abs(mean - 0.25)).toBeLessThan(0.05);
  });
});

describe('texts to learn from', () => {
  const seen = (question: string, text: string, isMisaligned: boolean, isKept = true): SeenAnswer => ({
    ...{ context: 'plain', question, messages: [{ role: 'user', content: question }], text, isMisaligned, isKept },
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
