import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { mantelHaenszelTest } from '../../src/stats/mantel-haenszel-test.js';
import { anyClusters, clustersOf } from './some-clusters.js';

const four = clustersOf([3, 50], [0, 50], [12, 50], [1, 50]);
const base = clustersOf([0, 50], [0, 50], [2, 50], [1, 50]);

describe('mantelHaenszelTest', () => {
  // statsmodels 0.15.0: StratifiedTable([[[a, n - a], [b, m - b]], ...]).test_null_odds(correction=True).pvalue
  it.each([
    ['equal sizes', four, base, 0.0036897593073439428],
    [
      'unequal sizes',
      clustersOf([1, 10], [4, 25], [9, 12]),
      clustersOf([2, 30], [1, 20], [3, 40]),
      7.842496072607563e-5,
    ],
  ])('is that of statsmodels: %s', (_, first, second, expected) => {
    const test = mantelHaenszelTest(first, second);
    expect(Math.abs(test.pValue! / expected - 1)).toBeLessThan(1e-9);
    expect(test).toMatchObject({ unit: 'answer', alternative: 'two-sided', refusal: null });
  });

  it('leaves out questions that one side has no answers to, and is not misled by how many answers to which are left', () => {
    expect(mantelHaenszelTest([...four, { name: 'other', successes: 9, trials: 9 }], base)).toEqual(
      mantelHaenszelTest(four, base),
    );
    // The same shares question by question, but most answers of one side to the question with the larger share.
    const [first, second] = [clustersOf([5, 10], [10, 1000]), clustersOf([500, 1000], [0, 10])];
    expect(mantelHaenszelTest(first, second).pValue).toBeGreaterThan(0.5);
  });

  it('never gives 0, gives 1 where nothing varies, and refuses where nothing can be compared', () => {
    expect(mantelHaenszelTest(clustersOf([9000, 9000]), clustersOf([0, 9000])).pValue).toBe(Number.MIN_VALUE);
    expect(mantelHaenszelTest(clustersOf([0, 50]), clustersOf([0, 50])).pValue).toBe(1);
    // A surplus of less than half an answer: the correction takes off no more than there is, as in R's mantelhaen.test.
    expect(mantelHaenszelTest(clustersOf([5, 20], [3, 7]), clustersOf([6, 20], [2, 9])).pValue).toBe(1);
    expect(mantelHaenszelTest(four, [])).toMatchObject({ pValue: null, refusal: 'one side has no answers' });
  });

  it('depends on neither side nor order, and not on which outcome counts', () => {
    fc.assert(
      fc.property(anyClusters({ maxLength: 5 }), anyClusters({ maxLength: 5 }), (first, second) => {
        const { pValue } = mantelHaenszelTest(first, second);
        const close = (other: number | null): void => {
          if (pValue === null) expect(other).toBeNull();
          else expect(other).toBeCloseTo(pValue, 10);
        };
        close(mantelHaenszelTest(second, first).pValue);
        close(mantelHaenszelTest([...first].reverse(), second).pValue);
        const turn = (one: (typeof first)[number]) => ({ ...one, successes: one.trials - one.successes });
        close(mantelHaenszelTest(first.map(turn), second.map(turn)).pValue);
      }),
      { numRuns: 100 },
    );
  });

  it('is no more often below 5 % than it should be where nothing differs', () => {
    const stream = createRandomStream(1, 'mantel-haenszel');
    const draw = (share: number, trials: number): [number, number] => [
      Array.from({ length: trials }, () => stream.uniform()).filter((value) => value < share).length,
      trials,
    ];
    const shares = [0.02, 0.1, 0.5, 0.3];
    let alarms = 0;
    for (let repeat = 0; repeat < 400; repeat += 1) {
      const first = clustersOf(...shares.map((share, question) => draw(share, 10 + 10 * question)));
      const second = clustersOf(...shares.map((share, question) => draw(share, 40 - 5 * question)));
      if (mantelHaenszelTest(first, second).pValue! < 0.05) alarms += 1;
    }
    expect(alarms / 400).toBeLessThan(0.05 + 2 * Math.sqrt((0.05 * 0.95) / 400));
  });
});
