import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRowSet, type RowSet } from '../../src/foundation/row-set.js';

/** Adds a row of these fields. */
function add(set: RowSet, fields: readonly string[]): boolean {
  for (const field of fields) {
    const bytes = Buffer.from(` ${field} `);
    set.update(bytes, 1, bytes.length - 1);
  }
  return set.add();
}

describe('createRowSet', () => {
  it('knows exactly the rows that it has been given', () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'b', '\0', 'é'), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(fc.array(field, { minLength: 1, maxLength: 3 }), { maxLength: 60 }), (rows) => {
        const set = createRowSet(1000);
        const seen = new Set<string>();
        for (const row of rows) {
          const key = JSON.stringify(row);
          expect(add(set, row)).toBe(seen.has(key));
          seen.add(key);
        }
      }),
    );
  });

  it('keeps what it knows while it grows', () => {
    const set = createRowSet(100_000);
    const addAll = (): number => {
      let known = 0;
      for (let row = 0; row < 50_000; row += 1) if (add(set, [`row ${String(row)}`])) known += 1;
      return known;
    };
    expect([addAll(), addAll()]).toEqual([0, 50_000]);
    expect(set.isFull()).toBe(false);
  });

  it('takes in no more than it may, and says so', () => {
    const set = createRowSet(2);
    expect(['a', 'b', 'c', 'c', 'a', 'b'].map((row) => add(set, [row]))).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
    expect(set.isFull()).toBe(true);
  });
});
