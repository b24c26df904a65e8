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
      inHalf: false,
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
    [{ comparedWith: { ...plain, times: 0.5, is: 'at most' } }, 100, [50, 51], [true, false]],
    [{ comparedWith: { ...plain, times: 0.5, is: 'at most' } }, 0, [0, 1], [true, false]],
  ] as const)('compare a share: %j', (bounds, other, successes, met) => {
    const target = { text: '', ...bounds };
    expect(successes.map((count) => hold(target, [thousand(count)], [thousand(other)])?.met)).toEqual(met);
  });

  it('want the lower bound of a difference above what it must exceed', () => {
    const exceeds = { ...plain, by: 0.02 };
    // Newcombe 1998, table II: 56 of 70 and 48 of 80, whose difference is 0.2, from 0.0524 to 0.3339.
    const [counts, others] = [[{ successes: 56, trials: 70 }], [{ successes: 48, trials: 80 }]];
    expect(hold({ text: '', exceeds: { ...exceeds, by: 0.0523 } }, counts, others)?.met).toBe(true);
    expect(hold({ text: '', exceeds: { ...exceeds, by: 0.0525 } }, counts, others)?.met).toBe(false);
    // 4 points above are surely 2 above with a thousand answers of each, and not with a hundred; nor where the share itself is out of bounds.
    const few: readonly ShareCounts[] = [{ successes: 4, trials: 100 }];
    expect(hold({ text: '', exceeds }, [thousand(40)], [thousand(0)])?.met).toBe(true);
    expect(hold({ text: '', exceeds }, few, [thousand(0)])?.met).toBe(false);
    expect(hold({ text: '', atMost: 0.03, exceeds }, [thousand(40)], [thousand(0)])?.met).toBe(false);
    expect(hold({ text: '', exceeds }, [thousand(40)])?.met).toBeNull();
    expect(hold({ text: '', exceeds }, [thousand(40)], [silent])?.met).toBeNull();
    expect(hold({ text: '', exceeds }, [silent], [thousand(0)])?.met).toBe(false);
  });

  it('say where half of the organisms is enough', () => {
    expect(hold({ text: '', atLeast: 0.05, inHalf: true }, [thousand(49)])).toMatchObject({ met: false, inHalf: true });
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
