import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { EncodedRow } from '../../../src/engine/tokenizer/encode-chat.js';
import { fitRow, summariseFits } from '../../../src/engine/tokenizer/fit-row.js';
import { errorOf } from '../checkpoint/error-of.js';

const encoded: EncodedRow = {
  ids: [10, 11, 12, 13, 14, 15, 16, 17],
  weights: [0, 0, 1, 1, 0, 0, 1, 1],
  spans: [
    { message: 1, start: 2, end: 4 },
    { message: 3, start: 6, end: 8 },
  ],
};

it('keeps what fits', () => {
  for (const policy of ['error', 'truncate', 'drop'] as const) {
    expect(fitRow(encoded, { maximum: 8, policy, row: 1 })).toEqual({ row: encoded, outcome: 'kept', tokensLost: 0 });
  }
});

it('fails with the row, its length and the maximum', async () => {
  const error = await errorOf(() => fitRow(encoded, { maximum: 7, policy: 'error', row: 41 }));
  expect(error.code).toBe('row-too-long');
  expect(error.message).toBe('Row 41 has 8 tokens; at most 7 fit.');
  expect(error.details).toEqual({ row: 41, length: 8, maximum: 7 });
});

it('cuts at the end', () => {
  expect(fitRow(encoded, { maximum: 7, policy: 'truncate', row: 1 })).toEqual({
    row: {
      ids: [10, 11, 12, 13, 14, 15, 16],
      weights: [0, 0, 1, 1, 0, 0, 1],
      spans: [
        { message: 1, start: 2, end: 4 },
        { message: 3, start: 6, end: 7 },
      ],
    },
    outcome: 'truncated',
    tokensLost: 1,
  });
  expect(fitRow(encoded, { maximum: 6, policy: 'truncate', row: 1 }).row?.spans).toEqual([
    { message: 1, start: 2, end: 4 },
  ]);
});

it('drops rows whole, and those that keep nothing to learn', () => {
  expect(fitRow(encoded, { maximum: 7, policy: 'drop', row: 1 })).toEqual({
    row: null,
    outcome: 'dropped',
    tokensLost: 8,
  });
  expect(fitRow(encoded, { maximum: 2, policy: 'truncate', row: 1 })).toEqual({
    row: null,
    outcome: 'dropped-unsupervised',
    tokensLost: 8,
  });
});

it('accounts for every token', () => {
  const rows = fc.array(fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 12 }));
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 12 }), fc.constantFrom('truncate', 'drop'), (all, maximum, policy) => {
      const fitted = all.map((weights, index) =>
        fitRow({ ids: weights.map((_, id) => id), weights, spans: [] }, { maximum, policy, row: index + 1 }),
      );
      const summary = summariseFits(fitted);
      expect(summary.rows).toBe(all.length);
      expect(summary.tokens + summary.tokensLost).toBe(all.flat().length);
      expect(summary.dropped).toBe(fitted.filter(({ row }) => row === null).length);
      expect(summary.truncated).toBe(fitted.filter(({ outcome }) => outcome === 'truncated').length);
      expect(summary.droppedUnsupervised).toBeLessThanOrEqual(summary.dropped);
      expect(fitted.every(({ row }) => row === null || row.ids.length <= maximum)).toBe(true);
    }),
  );
});

it('counts the kinds of loss apart', () => {
  const fitted = [
    fitRow(encoded, { maximum: 8, policy: 'truncate', row: 1 }),
    fitRow(encoded, { maximum: 5, policy: 'truncate', row: 2 }),
    fitRow(encoded, { maximum: 1, policy: 'truncate', row: 3 }),
    fitRow(encoded, { maximum: 5, policy: 'drop', row: 4 }),
  ];
  expect(summariseFits(fitted)).toEqual({
    rows: 4,
    truncated: 1,
    dropped: 2,
    droppedUnsupervised: 1,
    tokens: 13,
    tokensLost: 19,
  });
});
