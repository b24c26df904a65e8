import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { residualInterval, type HeldOutForecast } from '../../src/stats/residual-interval.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const row = (group: string, forecast: number, outcome: number): HeldOutForecast => ({ group, forecast, outcome });

/** Groups of very unequal size whose rows are off together, around a line that is fitted to what was seen. */
function drawGroups(
  groups: number,
  repeat: number,
): { readonly group: string; readonly x: number; readonly y: number }[] {
  const random = createRandomStream(0, 'groups', groups, repeat);
  return Array.from({ length: groups }, (_, index) => {
    const shift = random.normal();
    const rows = 1 + random.integer(3) ** 3;
    return Array.from({ length: rows }, () => {
      const x = random.normal();
      return { group: String(index), x, y: 2 * x + shift + 0.3 * random.normal() };
    });
  }).flat();
}

function fitLine(rows: readonly { readonly x: number; readonly y: number }[]): (x: number) => number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(rows.map((one) => one.x)), mean(rows.map((one) => one.y))];
  const spread = mean(rows.map((one) => (one.x - x) ** 2));
  const slope = spread === 0 ? 0 : mean(rows.map((one) => (one.x - x) * (one.y - y))) / spread;
  return (at) => y + slope * (at - x);
}

describe('residualInterval', () => {
  it('takes groups as alike, however many rows they have, and the new one as infinitely far off', () => {
    // Masses of 1/10 a group: the largest of nine at a confidence of 90 %, the eighth at 80 %.
    const nine = Array.from({ length: 9 }, (_, index) => row(String(index), 0, index % 2 === 0 ? index : -index));
    expect(residualInterval(nine, 10)).toEqual({
      interval: [2, 18],
      confidence: 0.9,
      groups: 9,
      rows: 9,
      leastGroups: 9,
    });
    expect(residualInterval(nine, 10, 0.8).interval).toEqual([3, 17]);
    // The last group a hundred times over, half of its rows far off: up to 0.85 with the near half of it.
    const many = [...nine, ...Array.from({ length: 99 }, (_, index) => row('8', 0, index < 49 ? 8 : 50))];
    expect(residualInterval(many, 10, 0.84).interval).toEqual([2, 18]);
    expect(residualInterval(many, 10, 0.86).interval).toEqual([-40, 60]);
  });

  it('takes the forecasts of fits without a group where they are given', () => {
    const rows = Array.from({ length: 9 }, (_, index) => row(String(index), 0, 1));
    expect(residualInterval(rows, (leftOut) => Number(leftOut)).interval).toEqual([-1, 9]);
  });

  it('is nothing with too few groups', () => {
    const rows = Array.from({ length: 200 }, (_, index) => row(String(index % 8), 0, index));
    expect(residualInterval(rows, 0)).toMatchObject({ interval: null, groups: 8, rows: 200, leastGroups: 9 });
    expect(residualInterval([], 0)).toMatchObject({ interval: null, groups: 0, leastGroups: 9 });
    expect(residualInterval(rows, 0, 0.95).leastGroups).toBe(19);
  });

  it('holds the outcomes of new groups as often as it says, where rows taken for independent would not', () => {
    const repeats = 1000;
    let [held, heldByRows] = [0, 0];
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const drawn = drawGroups(13, repeat);
      const [seen, fresh] = [drawn.filter(({ group }) => group !== '12'), drawn.find(({ group }) => group === '12')!];
      const groups = [...new Set(seen.map(({ group }) => group))];
      const without = new Map(groups.map((group) => [group, fitLine(seen.filter((one) => one.group !== group))]));
      const rows = seen.map(({ group, x, y }) => row(group, without.get(group)!(x), y));
      const { interval } = residualInterval(rows, (leftOut) => without.get(leftOut)!(fresh.x), 0.8);
      if (interval![0] <= fresh.y && fresh.y <= interval![1]) held += 1;
      // As if rows were fitted and resampled one by one: residuals of the fit that has seen them.
      const line = fitLine(seen);
      const own = seen.map(({ x, y }, index) => row(String(index), line(x), y));
      const byRows = residualInterval(own, line(fresh.x), 0.8).interval!;
      if (byRows[0] <= fresh.y && fresh.y <= byRows[1]) heldByRows += 1;
    }
    expect(held / repeats).toBeGreaterThanOrEqual(0.8 - 2 * Math.sqrt((0.8 * 0.2) / repeats));
    expect(held / repeats).toBeLessThan(0.95);
    expect(heldByRows).toBeLessThan(held);
  });

  it('refuses what is no number', async () => {
    expect((await errorOf(() => residualInterval([row('a', NaN, 1)], 0))).message).toContain('of a is NaN');
    expect((await errorOf(() => residualInterval([row('a', 1, 1)], Infinity))).code).toBe('usage-invalid');
    expect((await errorOf(() => residualInterval([], 0, 1))).code).toBe('usage-invalid');
  });
});
