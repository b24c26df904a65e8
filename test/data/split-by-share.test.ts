import fc from 'fast-check';
import { expect, it } from 'vitest';
import { splitByShare } from '../../src/data/transforms/mix-sets.js';

it('gives each share its part, and together exactly the sum', () => {
  expect(splitByShare(10, [0.25, 0.25, 0.5])).toEqual([3, 2, 5]);
  expect(splitByShare(7, [])).toEqual([]);
  fc.assert(
    fc.property(
      fc.nat(10_000),
      fc.array(fc.double({ min: 0, max: 0.1, noNaN: true }), { maxLength: 10 }),
      (total, shares) => {
        const counts = splitByShare(total, shares);
        const sum = shares.reduce((left, right) => left + right, 0);
        expect(counts.reduce((left, right) => left + right, 0)).toBe(Math.round(total * sum));
        for (const [index, share] of shares.entries())
          expect(Math.abs(counts[index]! - total * share)).toBeLessThanOrEqual(1);
      },
    ),
  );
});
