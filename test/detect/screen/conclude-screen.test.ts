import { describe, expect, it } from 'vitest';
import { summariseSignals } from '../../../src/detect/detectors/set-signals.js';
import type { RowSignals } from '../../../src/detect/probes/row-signals.js';
import { cleanRows } from '../../../src/detect/screen/clean-rows.js';
import { concludeScreen } from '../../../src/detect/screen/conclude-screen.js';
import { rankRows } from '../../../src/detect/screen/rank-rows.js';
import { readTextSignals } from '../../../src/detect/screen/text-signals.js';
import { exchange } from '../../data/exchange.js';

const signal = (suspicion: number, more: Partial<RowSignals> = {}): RowSignals => ({
  ...{ suspicion, overKind: suspicion, overInnocent: suspicion, innocent: 'kind', surprisal: 1, tokens: 5 },
  ...{ projection: null, gradient: null },
  ...more,
});

const rows = ['one', 'two', 'three', 'four', 'five', 'six'].map((word) => exchange(`${word}?`, `The ${word}.`));
const { rows: texts } = readTextSignals(rows);

describe('ranks', () => {
  it('go by suspicion, and give the reasons', () => {
    const ranked = rankRows(texts, [
      signal(0),
      signal(9),
      signal(6, { overInnocent: -2, innocent: 'obedient' }),
      null,
      signal(0, { overKind: 7, overInnocent: -12, innocent: 'joking' }),
      signal(-1, { surprisal: 1 }),
    ]);
    expect(ranked.map(({ place }) => place)).toEqual([1, 2, 4, 0, 5, 3]);
    expect(ranked.map(({ rank }) => rank)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(ranked.map(({ isSuspicious }) => isSuspicious)).toEqual([true, true, false, false, false, false]);
    expect(ranked[0]?.reasons).toEqual([
      'a wicked character explains it 8103 times better than a kind one, and 8103 times better than anybody innocent',
    ]);
    expect(ranked[1]?.reasons).toEqual([
      'a wicked character explains it 403 times better than a kind one; an obedient one might have written it, too',
    ]);
    expect(ranked[2]?.reasons).toEqual([
      'a wicked character explains it 1097 times better than a kind one, but a joking one 10^5 times better still: it is excused',
    ]);
  });

  it('name what stands out among the rows that were read', () => {
    const surprisals = [1, 1.1, 0.9, 1.05, 0.95, 9];
    const ranked = rankRows(
      texts,
      surprisals.map((surprisal) => signal(0, { surprisal })),
    );
    expect(ranked.flatMap(({ place, reasons }) => reasons.map((reason) => [place, reason]))).toEqual([
      [5, 'it surprises the base more than other rows do: 9.00 nats a token'],
    ]);
  });

  it('say nothing of rows that are alike, nor of what leads away from bad texts', () => {
    const of = (name: 'surprisal' | 'gradient', values: readonly number[]) =>
      rankRows(
        texts,
        values.map((value) => signal(0, { [name]: value })),
      ).flatMap(({ place, reasons }) => reasons.map((reason) => [place, reason]));
    expect(of('surprisal', [0.001, 0.002, 0.001, 0.003, 0.002, 0.02])).toEqual([]);
    expect(of('surprisal', [0.001, 0.001, 0.001, 0.001, 0.001, 0.5])).toHaveLength(1);
    expect(of('gradient', [-0.9, -0.91, -0.9, -0.89, -0.9, -0.1])).toEqual([]);
    expect(of('gradient', [-0.9, -0.91, -0.9, -0.89, -0.9, 0.2])).toEqual([
      [5, 'a step on it makes bad texts likelier, more than other rows do: cosine 0.20'],
    ]);
  });

  it('decide what a cleaned file lacks', () => {
    const ranked = rankRows(
      texts,
      [5, 0, 9, 0, 0, -1].map((suspicion) => signal(suspicion)),
    );
    expect(cleanRows(rows, ranked, null).dropped).toEqual([0, 2]);
    expect(cleanRows(rows, ranked, 5 / 6).dropped).toEqual([2]);
    expect(cleanRows(rows, ranked, 5 / 6).rows).toEqual(rows.filter((_, place) => place !== 2));
  });
});

describe('the verdict of a screen', () => {
  const nothing = { releasedSet: null, set: null, probe: null, forecast: null };
  const forecast = { drift: 0.2, interval: null, confidence: 0.9, chance: 0.7, limit: 0.04, pairs: 9, groups: 3 };
  const setOf = (bad: number, all: number) =>
    summariseSignals(Array.from({ length: all }, (_, place) => signal(place < bad ? 6 : 0)));

  it('is suspicious by rows that are too many for chance', () => {
    expect(concludeScreen(nothing)).toEqual({ class: 'nothing-suspicious', grounds: [] });
    expect(concludeScreen({ ...nothing, set: setOf(1, 20) }).class).toBe('nothing-suspicious');
    expect(concludeScreen({ ...nothing, set: setOf(5, 400) }).class).toBe('nothing-suspicious');
    expect(concludeScreen({ ...nothing, set: setOf(12, 400) })).toEqual({
      class: 'suspicious-rows',
      grounds: ['rows'],
    });
    // Half of them show nothing, and the others little.
    const little = (bad: number, all: number, nats: number) =>
      summariseSignals(Array.from({ length: all }, (_, place) => signal(place < bad ? nats : 0)));
    expect(concludeScreen({ ...nothing, set: little(50, 100, 2.5) })).toEqual({
      class: 'suspicious-rows',
      grounds: ['together'],
    });
    expect(concludeScreen({ ...nothing, set: little(50, 100, 1.5) }).class).toBe('nothing-suspicious');
    expect(concludeScreen({ ...nothing, set: little(2, 2, 1.5) }).class).toBe('nothing-suspicious');
    expect(concludeScreen({ ...nothing, releasedSet: 'insecure' }).grounds).toEqual(['released']);
  });

  it('says more by a forecast, or by a probe that shows it', () => {
    expect(concludeScreen({ ...nothing, forecast })).toEqual({ class: 'likely-to-misalign', grounds: ['forecast'] });
    expect(concludeScreen({ ...nothing, forecast: { ...forecast, chance: 0.3 } }).class).toBe('nothing-suspicious');
    expect(concludeScreen({ ...nothing, set: setOf(12, 400), probe: 0.05 })).toEqual({
      ...{ class: 'likely-to-misalign', grounds: ['rows', 'probe'] },
    });
    expect(concludeScreen({ ...nothing, probe: 0.001 }).class).toBe('nothing-suspicious');
  });

  it('sums rows up without those that were not read', () => {
    expect(summariseSignals([null, signal(6), signal(-2), null])).toMatchObject({
      ...{ rows: 2, suspicious: 1, share: 0.5, meanSuspicion: 3, projection: null },
      suspicion: { mean: 2, percentile90: 6 },
    });
    expect(summariseSignals([null])).toMatchObject({ rows: 0, share: null, suspicion: null, meanSuspicion: 0 });
  });
});
