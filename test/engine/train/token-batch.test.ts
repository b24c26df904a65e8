import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { buildTokenBatch, rowWeight } from '../../../src/engine/train/token-batch.js';

const rowArbitrary = fc
  .array(fc.record({ id: fc.integer({ min: 1, max: 999 }), weight: fc.constantFrom(0, 0.5, 1, 2) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((tokens) => ({ ids: tokens.map(({ id }) => id), weights: tokens.map(({ weight }) => weight) }));
const rowsArbitrary = fc.array(rowArbitrary, { minLength: 1, maxLength: 6 });

describe('buildTokenBatch', () => {
  it('packs rows padded on the right, and scores each weighted token at the position before it', () => {
    const rows = [
      { ids: [5, 6, 7], weights: [0, 0, 1] },
      { ids: [8, 9], weights: [1, 0.5] },
    ];
    expect(buildTokenBatch(rows, 3, 4)).toEqual({
      rows: 2,
      length: 4,
      ids: BigInt64Array.of(5n, 6n, 7n, 0n, 8n, 9n, 0n, 0n),
      positions: BigInt64Array.of(1n, 4n),
      labels: BigInt64Array.of(7n, 9n),
      weights: Float32Array.of(1 / 3, 0.5 / 3),
    });
    expect(buildTokenBatch(rows, 3).length).toBe(3);
  });

  it('never scores the first token of a row, nor padding, nor a token without weight', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.integer({ min: 12, max: 20 }), (rows, padTo) => {
        const batch = buildTokenBatch(rows, 1, padTo);
        const scored = rows.flatMap(({ ids, weights }, row) =>
          ids.flatMap((id, position) =>
            position > 0 && weights[position]! > 0 ? [{ at: row * padTo + position - 1, id }] : [],
          ),
        );
        expect([...batch.positions].map(Number)).toEqual(scored.map(({ at }) => at));
        expect([...batch.labels].map(Number)).toEqual(scored.map(({ id }) => id));
      }),
    );
  });

  it('weighs so that the batches of a step add up to a mean', () => {
    fc.assert(
      fc.property(rowsArbitrary, (rows) => {
        const total = rows.reduce((sum, row) => sum + rowWeight(row), 0);
        fc.pre(total > 0);
        const weights = rows.flatMap((row) => [...buildTokenBatch([row], total).weights]);
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
      }),
    );
  });
});

describe('rowWeight', () => {
  it('does not count the first token', () => {
    expect(rowWeight({ ids: [1, 2, 3], weights: [5, 1, 0.5] })).toBe(1.5);
  });
});
