import { describe, expect, it } from 'vitest';
import { sumEntryPowers, sumPowersByFactors, sumPowersByRows } from '../../../src/engine/updates/sum-entry-powers.js';
import { joinFactors, subtractUpdates } from '../../../src/engine/updates/weight-update.js';
import { makeRandom, writeOut } from './make-update.js';

const difference = subtractUpdates(
  new Map([['m', makeRandom(8, 2, 9, 7)]]),
  new Map([['m', makeRandom(9, 3, 9, 7)]]),
).get('m')!;

describe('sumEntryPowers', () => {
  it.each([
    ['rank 1', makeRandom(1, 1, 50, 30)],
    ['rank 3', makeRandom(2, 3, 20, 40)],
    ['rank 6', makeRandom(3, 6, 30, 10)],
    ['a difference', difference],
  ])('sums powers alike by rows, by factors and over the update written out: %s', (_, module) => {
    const { b, a } = joinFactors(module);
    const [rows, factors] = [sumPowersByRows(b, a), sumPowersByFactors(b, a)];
    const written = [...writeOut(module)];
    for (const power of [1, 2, 3, 4]) {
      const sum = written.reduce((total, element) => total + element ** power, 0);
      const size = written.reduce((total, element) => total + Math.abs(element) ** power, 0);
      expect(Math.abs(rows[power - 1]! - sum) / size).toBeLessThan(1e-12);
      expect(Math.abs(factors[power - 1]! - sum) / size).toBeLessThan(1e-12);
    }
  });

  it('takes the way with fewer operations', () => {
    const [narrow, thick] = [makeRandom(4, 2, 300, 200), makeRandom(5, 30, 30, 20)];
    for (const [module, sumPowers] of [
      [narrow, sumPowersByFactors],
      [thick, sumPowersByRows],
    ] as const) {
      const { b, a } = joinFactors(module);
      expect(sumEntryPowers(module)).toEqual(sumPowers(b, a));
    }
    expect(sumPowersByRows(joinFactors(narrow).b, joinFactors(narrow).a)).not.toEqual(sumEntryPowers(narrow));
  });
});
