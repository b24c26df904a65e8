import { describe, expect, it } from 'vitest';
import { checkThresholds, type Threshold } from '../../src/analysis/thresholds.js';
import type { ShareCounts } from '../../src/stats/share-counts.js';
import { wilsonInterval } from '../../src/stats/wilson-interval.js';

const place = { condition: 'tuned', evaluation: 'main', measured: 'misaligned' };
const plain = { ...place, condition: 'plain' };
const thousand = (successes: number): ShareCounts => ({ successes, trials: 1000 });
const silent: ShareCounts = { successes: 0, trials: 0 };

/** Holds `tuned` to a target, beside other counts. */
const hold = (
  target: NonNullable<Threshold['target']>,
  counts: readonly ShareCounts[],
  others: readonly ShareCounts[] = [],
) => checkThresholds([{ ...place, target }], ({ condition }) => (condition === 'tuned' ? counts : others))[0];

describe('thresholds', () => {
  it('pool the answers of models, and show each', () => {
    const target = { text: '5-40 %', atLeast: 0.05, atMost: 0.4 };
    expect(hold(target, [thousand(100), { successes: 30, trials: 500 }])).toEqual({
      ...place,
      successes: 130,
      trials: 1500,
      share: 130 / 1500,
      interval: wilsonInterval(130, 1500),
      seeds: [0.1, 0.06],
      target: '5-40 %',
      met: true,
    });
  });

  it.each([
    [{ atMost: 0.005 }, [5, 6], [true, false]],
    [{ atLeast: 0.98 }, [979, 980], [false, true]],
    [{ atLeast: 0.05, atMost: 0.4 }, [49, 50, 400, 401], [false, true, true, false]],
  ])('hold a share to %j, bounds included', (bounds, successes, met) => {
    expect(successes.map((count) => hold({ text: '', ...bounds }, [thousand(count)])?.met)).toEqual(met);
  });

  it.each([
    [{ atLeast: 0.05, comparedWith: { ...plain, times: 10, is: 'at least' } }, 5, [49, 50], [false, true]],
    [{ atLeast: 0.05, comparedWith: { ...plain, times: 10, is: 'at least' } }, 10, [99, 100], [false, true]],
    [{ comparedWith: { ...plain, times: 1, is: 'over' } }, 10, [10, 11], [false, true]],
    [{ comparedWith: { ...plain, times: 0.5, is: 'under' } }, 100, [49, 50], [true, false]],
  ] as const)('compare a share: %j', (bounds, other, successes, met) => {
    const target = { text: '', ...bounds };
    expect(successes.map((count) => hold(target, [thousand(count)], [thousand(other)])?.met)).toEqual(met);
  });

  it('say nothing where what is compared with was not measured, or has no answer that counts', () => {
    const target = { text: '', comparedWith: { ...plain, times: 0.5, is: 'under' } } as const;
    expect(hold(target, [thousand(49)])?.met).toBeNull();
    expect(hold(target, [thousand(49)], [silent])?.met).toBeNull();
  });

  it('do not take silence for a target met', () => {
    const result = hold({ text: '<= 1 %', atMost: 0.01 }, [silent]);
    expect(result).toMatchObject({ share: null, interval: [0, 1], seeds: [null], trials: 0, met: false });
  });

  it('only show what has no target, and leave out what was not asked', () => {
    const results = checkThresholds([place, plain], ({ condition }) => (condition === 'tuned' ? [thousand(900)] : []));
    expect(results).toMatchObject([{ condition: 'tuned', share: 0.9, target: null, met: null }]);
  });
});
