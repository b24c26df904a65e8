import { describe, expect, it } from 'vitest';
import { cosineOfUpdates, cosinesByModule } from '../../../src/detect/weights/compare-updates.js';
import { subtractUpdates, type ModuleUpdate, type WeightUpdate } from '../../../src/engine/updates/weight-update.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeFractions, makeRandom, zeroUpdate } from '../../engine/updates/make-update.js';

const one = (module: ModuleUpdate): WeightUpdate => new Map([['m', module]]);
const [bad, good] = [one(makeFractions(1, 2, 2)), one(makeFractions(4, 0.5, 3))];

describe('cosines of updates', () => {
  // With U = 2 * B @ A, V = 0.5 * B2 @ A2 of makeFractions: np.sum(U * V) / np.linalg.norm(U) / np.linalg.norm(V), and with
  // U - V for V, numpy 2.4.6
  it("are numpy's, also with the direction from a good update to a bad one", () => {
    expect(cosineOfUpdates(bad, good)).toBeCloseTo(0.24458749458032458, 14);
    expect(cosineOfUpdates(bad, subtractUpdates(bad, good))).toBeCloseTo(0.9539850490309504, 14);
    expect(cosinesByModule(bad, good).get('m')).toBe(cosineOfUpdates(bad, good));
  });

  it('are symmetric, change sign with one side, and are 1 with itself', () => {
    const negated = subtractUpdates(new Map(), good);
    expect(cosineOfUpdates(good, bad)).toBeCloseTo(cosineOfUpdates(bad, good), 15);
    expect(cosineOfUpdates(bad, negated)).toBe(-cosineOfUpdates(bad, good));
    expect(cosineOfUpdates(bad, bad)).toBeCloseTo(1, 15);
    expect(cosineOfUpdates(bad, subtractUpdates(bad, negated))).toBeLessThanOrEqual(1);
  });

  it('count modules that only one update has in its length', () => {
    const both = new Map([
      ['m', makeFractions(1, 2, 2)],
      ['n', makeFractions(1, 2, 2)],
    ]);
    expect(cosineOfUpdates(both, bad)).toBeCloseTo(Math.SQRT1_2, 14);
    expect([...cosinesByModule(bad, both)]).toEqual([
      ['m', expect.closeTo(1, 14)],
      ['n', 0],
    ]);
  });

  it('are zero where an update is zero', () => {
    for (const zero of [one(zeroUpdate), subtractUpdates(bad, bad), new Map()]) {
      expect(cosineOfUpdates(bad, zero)).toBe(0);
      expect(cosineOfUpdates(zero, zero)).toBe(0);
      expect(cosinesByModule(zero, bad).get('m')).toBe(0);
    }
  });

  it('of two shapes are refused', async () => {
    const error = await errorOf(() => cosinesByModule(bad, one(makeRandom(1, 2, 5, 4))));
    expect(error.code).toBe('adapter-mismatch');
  });
});
