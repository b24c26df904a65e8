import { describe, expect, it } from 'vitest';
import { meanInterval } from '../../src/stats/mean-interval.js';

const bounds = { low: 0, high: 100, of: 'fine-tune' };

describe('meanInterval', () => {
  it("is Student's", () => {
    // scipy.stats.t.interval(0.95, 3, loc=2.5, scale=scipy.stats.sem([1, 2, 3, 4]))
    const { mean, interval, refusal } = meanInterval([1, 2, 3, 4], bounds);
    expect(mean).toBe(2.5);
    expect(interval?.[0]).toBeCloseTo(0.44573974323947924, 10);
    expect(interval?.[1]).toBeCloseTo(4.554260256760521, 10);
    expect(refusal).toBeNull();
  });

  it('ends where values end', () => {
    expect(meanInterval([1, 99], bounds).interval).toEqual([0, 100]);
  });

  it('says why there is none', () => {
    expect(meanInterval([], bounds)).toMatchObject({ mean: null, interval: null, refusal: 'there are no answers' });
    expect(meanInterval([7], bounds)).toMatchObject({ mean: 7, interval: null, values: 1 });
    expect(meanInterval([7], bounds).refusal).toContain('one fine-tune only');
    expect(meanInterval([0.1, 0.1, 0.1], bounds)).toMatchObject({
      interval: null,
      refusal: 'all fine-tunes are the same',
    });
  });
});
