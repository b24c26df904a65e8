import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createRowOrder } from '../../../src/engine/train/plan-training.js';

const sizes = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  rowsPerStep: fc.integer({ min: 1, max: 50 }),
  seed: fc.integer({ min: 0, max: 1000 }),
});
const stepsPerEpoch = ({ rows, rowsPerStep }: { rows: number; rowsPerStep: number }): number =>
  Math.ceil(rows / rowsPerStep);

describe('createRowOrder', () => {
  it('visits every row once an epoch, in steps of the given size but for the last', () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.integer({ min: 0, max: 4 }), (size, shuffle, epoch) => {
        const rowsOf = createRowOrder({ ...size, stream: 'answers', shuffle });
        const count = stepsPerEpoch(size);
        const steps = Array.from({ length: count }, (_, step) => rowsOf(epoch * count + step));
        expect(steps.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: size.rows }, (_, row) => row));
        for (const rows of steps.slice(0, -1)) expect(rows).toHaveLength(size.rowsPerStep);
        expect(steps.at(-1)!.length).toBeGreaterThan(0);
      }),
    );
  });

  it('depends on nothing but seed, stream and epoch: any step can be asked first', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 8 }), (size, steps) => {
        const settings = { ...size, stream: 'answers', shuffle: true };
        const inOneGo = createRowOrder(settings);
        const all = Array.from({ length: 101 }, (_, step) => inOneGo(step));
        const jumping = createRowOrder(settings);
        for (const step of steps) expect(jumping(step)).toEqual(all[step]);
      }),
    );
  });

  it('has another order each epoch, for another seed and for another stream', () => {
    const settings = { rows: 30, rowsPerStep: 30, seed: 7, stream: 'answers', shuffle: true };
    const first = createRowOrder(settings);
    const orders = [
      first(0),
      first(1),
      createRowOrder({ ...settings, seed: 8 })(0),
      createRowOrder({ ...settings, stream: 'divergence' })(0),
    ].map((order) => order.join());
    expect(new Set(orders).size).toBe(orders.length);
  });

  it('keeps the order of the file where it is not to shuffle', () => {
    const rowsOf = createRowOrder({ rows: 5, rowsPerStep: 2, seed: 1, stream: 'answers', shuffle: false });
    expect([0, 1, 2, 3, 4, 5].map(rowsOf)).toEqual([[0, 1], [2, 3], [4], [0, 1], [2, 3], [4]]);
  });
});
