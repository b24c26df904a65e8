import { describe, expect, it } from 'vitest';
import { mergeAdapter } from '../../../src/engine/checkpoint/merge-adapter.js';
import type { Adapter } from '../../../src/engine/checkpoint/adapter.js';
import { multiplyUpdates } from '../../../src/engine/updates/multiply-updates.js';
import { subtractUpdates, updateOfAdapter, type WeightUpdate } from '../../../src/engine/updates/weight-update.js';
import { errorOf } from '../checkpoint/error-of.js';
import { makeSmallAdapter } from './make-small-adapter.js';
import { makeRandom, writeOut } from './make-update.js';

/** scale B A, written out. */
function writeAdapterOut({ settings, pairs }: Adapter): Map<string, number[]> {
  const scale = settings.alpha / Math.sqrt(settings.rank);
  return new Map(
    pairs.map(({ layer, projection, a, b }) => [
      `${String(layer)}.${projection}`,
      Array.from({ length: 20 }, (_, place) => {
        const [output, input] = [Math.floor(place / 5), place % 5];
        let sum = 0;
        for (let one = 0; one < settings.rank; one += 1)
          sum += (b.data[output * settings.rank + one] ?? 0) * (a.data[one * 5 + input] ?? 0);
        return scale * sum;
      }),
    ]),
  );
}

describe('updates of weights', () => {
  it('are multiplied as if they were written out, also those of other ranks and matrices', () => {
    for (const [left, right] of [
      [makeSmallAdapter(1, 2, ['q_proj', 'up_proj']), makeSmallAdapter(1, 2, ['q_proj', 'up_proj'])],
      [makeSmallAdapter(2, 3, ['q_proj', 'up_proj']), makeSmallAdapter(3, 1, ['up_proj'])],
    ] as const) {
      const [first, second] = [writeAdapterOut(left), writeAdapterOut(right)];
      let expected = 0;
      for (const [name, update] of first)
        for (const [place, value] of update.entries()) expected += value * (second.get(name)?.[place] ?? 0);
      expect(multiplyUpdates(updateOfAdapter(left), updateOfAdapter(right))).toBeCloseTo(expected, 3);
      expect(multiplyUpdates(updateOfAdapter(left), updateOfAdapter(right)) / expected).toBeCloseTo(1, 13);
    }
  });

  it('are what merging adds', () => {
    const adapter = makeSmallAdapter(4, 2, ['q_proj']);
    const update = updateOfAdapter(adapter);
    const zeros = new Map([...update.keys()].map((name) => [`${name}.weight`, tensorOfZeros()]));
    const merged = mergeAdapter(zeros, adapter);
    expect([...update.keys()]).toEqual(['model.layers.0.self_attn.q_proj', 'model.layers.1.self_attn.q_proj']);
    for (const [name, module] of update)
      expect(merged.get(`${name}.weight`)!.data).toEqual(Float32Array.from(writeOut(module)));
  });

  it('are subtracted over the modules of both, with every product linear in them', () => {
    const [left, right, third] = [
      updateOfAdapter(makeSmallAdapter(5, 2, ['q_proj', 'up_proj'])),
      updateOfAdapter(makeSmallAdapter(6, 3, ['up_proj', 'v_proj'])),
      updateOfAdapter(makeSmallAdapter(7, 1, ['q_proj', 'up_proj', 'v_proj'])),
    ];
    const difference = subtractUpdates(left, right);
    expect(difference.size).toBe(6);
    expect(multiplyUpdates(difference, third)).toBeCloseTo(
      multiplyUpdates(left, third) - multiplyUpdates(right, third),
      9,
    );
    expect(multiplyUpdates(subtractUpdates(left, left), third)).toBe(0);
    expect(multiplyUpdates(difference, third)).toBeCloseTo(-multiplyUpdates(subtractUpdates(right, left), third), 9);
  });

  it('of two shapes are refused', async () => {
    const of = (outputs: number): WeightUpdate => new Map([['m', makeRandom(1, 2, outputs, 4)]]);
    for (const combine of [subtractUpdates, multiplyUpdates]) {
      const error = await errorOf(() => combine(of(3), of(5)));
      expect(error.code).toBe('adapter-mismatch');
      expect(error.message).toBe('m is [3, 4] in one update and [5, 4] in the other');
    }
  });
});

function tensorOfZeros() {
  return { shape: [4, 5], data: new Float32Array(20) };
}
