import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { confusionCounts } from '../../src/stats/confusion-counts.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const categories = ['no', 'maybe', 'yes'] as const;
const pairs = fc.array(fc.tuple(fc.constantFrom(...categories), fc.constantFrom(...categories)));

describe('confusionCounts', () => {
  it('has a row for each first and a column for each second category', () => {
    // scikit-learn's documentation: confusion_matrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2])
    const [first, second] = [
      [2, 0, 2, 2, 0, 1],
      [0, 0, 2, 2, 0, 2],
    ];
    const zipped = first.map((value, index) => [value, second[index]!] as const);
    expect(confusionCounts(zipped, [0, 1, 2])).toEqual([
      [2, 0, 0],
      [0, 0, 1],
      [1, 0, 2],
    ]);
  });

  it('of nothing is zeros, and of no categories an empty table', () => {
    expect(confusionCounts([], ['one', 'two'])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(confusionCounts([], [])).toEqual([]);
  });

  it('counts every pair once, and is transposed when the sides change places', () => {
    fc.assert(
      fc.property(pairs, (some) => {
        const counts = confusionCounts(some, categories);
        expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(some.length);
        const swapped = confusionCounts(
          some.map(([first, second]) => [second, first] as const),
          categories,
        );
        expect(swapped).toEqual(categories.map((_, row) => categories.map((_, column) => counts[column]![row])));
      }),
    );
  });

  it('refuses what is not in the list, and a list with the same twice', async () => {
    const unknown = await errorOf(() => confusionCounts([['yes', 'perhaps']], ['yes', 'no']));
    expect(unknown.code).toBe('usage-invalid');
    expect(unknown.message).toContain('perhaps');
    expect((await errorOf(() => confusionCounts([], ['yes', 'yes']))).code).toBe('usage-invalid');
  });
});
