import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { planBatches, type BatchLimits, type PlannedBatch } from '../../../src/engine/train/plan-training.js';

const limits = fc.record({
  tokensPerRun: fc.integer({ min: 1, max: 200 }),
  runOverhead: fc.integer({ min: 0, max: 60 }),
  lengthMultiple: fc.integer({ min: 1, max: 9 }),
});
const lengthsUpTo = (maxLength: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max: 60 }), { maxLength });

function costOf(batches: readonly PlannedBatch[], { runOverhead }: BatchLimits): number {
  return batches.reduce((sum, { rows, paddedLength }) => sum + rows.length * paddedLength + runOverhead, 0);
}

describe('planBatches', () => {
  it('puts every row into exactly one run', () => {
    fc.assert(
      fc.property(lengthsUpTo(60), limits, (lengths, limit) => {
        const rows = planBatches(lengths, limit).flatMap((batch) => batch.rows);
        expect([...rows].sort((a, b) => a - b)).toEqual(lengths.map((_, row) => row));
      }),
    );
  });

  it('pads to the longest row of a run, rounded up and no further', () => {
    fc.assert(
      fc.property(lengthsUpTo(60), limits, (lengths, limit) => {
        for (const { rows, paddedLength } of planBatches(lengths, limit)) {
          const longest = Math.max(...rows.map((row) => lengths[row]!));
          expect(paddedLength % limit.lengthMultiple).toBe(0);
          expect(paddedLength).toBeGreaterThanOrEqual(longest);
          expect(paddedLength - longest).toBeLessThan(limit.lengthMultiple);
        }
      }),
    );
  });

  it('never exceeds the tokens of a run but for a single row that is longer', () => {
    fc.assert(
      fc.property(lengthsUpTo(60), limits, (lengths, limit) => {
        for (const { rows, paddedLength } of planBatches(lengths, limit)) {
          if (rows.length > 1) expect(rows.length * paddedLength).toBeLessThanOrEqual(limit.tokensPerRun);
        }
      }),
    );
  });

  it('costs no more than any other way to split the rows', () => {
    fc.assert(
      fc.property(lengthsUpTo(6), limits, (lengths, limit) => {
        const allowed = everyPartition(lengths.map((_, row) => row))
          .map((parts) =>
            parts.map((rows) => {
              const longest = Math.max(...rows.map((row) => lengths[row]!));
              return { rows, paddedLength: Math.ceil(longest / limit.lengthMultiple) * limit.lengthMultiple };
            }),
          )
          .filter((batches) =>
            batches.every(
              ({ rows, paddedLength }) => rows.length === 1 || rows.length * paddedLength <= limit.tokensPerRun,
            ),
          );
        const least = Math.min(...allowed.map((batches) => costOf(batches, limit)));
        expect(costOf(planBatches(lengths, limit), limit)).toBe(least);
      }),
      { numRuns: 60 },
    );
  });

  it('plans the same for the same lengths, and nothing for no rows', () => {
    const lengths = [5, 900, 17, 5, 16, 2000];
    expect(planBatches(lengths)).toEqual(planBatches([...lengths]));
    expect(planBatches([])).toEqual([]);
  });
});

/** All ways to split items into groups: 203 for six. */
function everyPartition(items: readonly number[]): number[][][] {
  const [first, ...rest] = items;
  if (first === undefined) return [[]];
  return everyPartition(rest).flatMap((parts) => [
    [[first], ...parts],
    ...parts.map((_, chosen) => parts.map((part, index) => (index === chosen ? [first, ...part] : part))),
  ]);
}
