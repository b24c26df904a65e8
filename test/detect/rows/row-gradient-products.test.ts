import { describe, expect, it } from 'vitest';
import { rowGradientProducts, type RowProduct } from '../../../src/detect/rows/row-gradient-products.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { mergeAdapter } from '../../../src/engine/checkpoint/merge-adapter.js';
import type { Checkpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import {
  directionOfTensors,
  directionOfUpdate,
  meanGradient,
  type GradientDirection,
} from '../../../src/engine/train/gradient-direction.js';
import type { WeightedRow } from '../../../src/engine/train/token-batch.js';
import { adapterFromParameters, parametersFromAdapter } from '../../../src/engine/train/trained-parameters.js';
import { subtractUpdates, updateOfAdapter } from '../../../src/engine/updates/weight-update.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTinyModel } from '../../engine/decoder/tiny-model.js';
import { lossFromLogits } from '../../engine/train/loss-from-logits.js';
import { makeRandomAdapter } from '../../engine/train/make-random-adapter.js';
import { makeRows } from '../../engine/train/make-rows.js';

const base = makeTinyModel();
const rows = makeRows(6);
const adapter = makeRandomAdapter(base);
const update = directionOfUpdate(updateOfAdapter(adapter));

const productsAlong = (direction: GradientDirection, changes = {}): Promise<readonly RowProduct[]> =>
  rowGradientProducts({ base, rows, direction, threads: 1, ...changes });

describe('rowGradientProducts', () => {
  it('is the slope of the loss along an update of weights, by finite differences', async () => {
    const { settings } = adapter;
    const moved = (distance: number): Checkpoint => ({
      ...base,
      weights: mergeAdapter(base.weights, { ...adapter, settings: { ...settings, alpha: distance * settings.alpha } }),
    });
    for (const [row, { product, loss }] of (await productsAlong(update)).entries()) {
      expectSlope(product, await slope(rows[row]!, moved, 0.025));
      expect(loss).toBeCloseTo(await lossFromLogits(base, [rows[row]!]), 5);
    }
  });

  it('is the slope of the loss along tensors in the space of an adapter, by finite differences', async () => {
    const parameters = parametersFromAdapter(adapter);
    const stream = createRandomStream(0, 'direction');
    const direction = new Map(
      [...parameters].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 0.05 * stream.normal()) }]),
    );
    const moved = (distance: number): Checkpoint => {
      const changed = new Map(
        [...parameters].map(([name, { shape, data }]) => [
          name,
          { shape, data: data.map((element, place) => element + distance * direction.get(name)!.data[place]!) },
        ]),
      );
      const there = adapterFromParameters({ method: 'lora', ...adapter.settings }, changed);
      return { ...base, weights: mergeAdapter(base.weights, there) };
    };
    for (const [row, { product }] of (await productsAlong(directionOfTensors(direction), { adapter })).entries())
      expectSlope(product, await slope(rows[row]!, moved, 0.05));
  });

  it('is the same for an update as for its tensors written out', async () => {
    const zeros = new Map(
      [...base.weights].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 0) }]),
    );
    const written = new Map([...mergeAdapter(zeros, adapter)].filter(([name]) => update.parts.has(name)));
    const dense = await productsAlong(directionOfTensors(written));
    for (const [row, found] of (await productsAlong(update)).entries()) {
      for (const name of ['product', 'length', 'cosine'] as const)
        expect(Math.abs(found[name] - dense[row]![name])).toBeLessThan(1e-6 * dense[row]!.length);
      expect(found.cosine).toBeCloseTo(found.product / found.length / Math.sqrt(update.squaredLength), 12);
    }
  });

  it.each([
    ['all weights', {}],
    ['an adapter', { adapter }],
  ])('has a mean that is the product of the mean gradient, over %s', async (_, changes) => {
    const mean = await meanGradient({ base, rows, threads: 1, ...changes });
    const reference = directionOfTensors(await meanGradient({ base, rows: makeRows(3, 9), threads: 1, ...changes }));
    const products = await productsAlong(reference, changes);
    const whole = [...mean].reduce(
      (sum, [name, { data }]) => sum + reference.parts.get(name)!.multiply(Float32Array.from(data)),
      0,
    );
    const average = products.reduce((sum, { product }) => sum + product, 0) / rows.length;
    const size = Math.max(...products.map(({ product }) => Math.abs(product)));
    expect(Math.abs(average - whole) / size).toBeLessThan(1e-6);
    // Of its own rows, the mean product is the squared length of the mean gradient.
    const own = await productsAlong(directionOfTensors(mean), changes);
    expect(
      own.reduce((sum, { product }) => sum + product, 0) / rows.length / directionOfTensors(mean).squaredLength,
    ).toBeCloseTo(1, 10);
  });

  it('of a row along its own gradient is its squared length, at a cosine of one', async () => {
    const row = [rows[0]!];
    const direction = directionOfTensors(await meanGradient({ base, rows: row, threads: 1 }));
    const [found] = await productsAlong(direction, { rows: row });
    expect(found!.cosine).toBeCloseTo(1, 12);
    expect(found!.product / found!.length ** 2).toBeCloseTo(1, 12);
  });

  it('does not depend on the order of the rows or on threads, nor the mean gradient', async () => {
    const products = await productsAlong(update);
    const turned = await productsAlong(update, { rows: [...rows].reverse(), threads: 2 });
    expect([...turned].reverse()).toEqual(products);
    const mean = await meanGradient({ base, rows, threads: 1 });
    for (const [name, { data }] of await meanGradient({ base, rows: [...rows].reverse(), threads: 1 }))
      data.forEach((element, place) => {
        expect(element).toBeCloseTo(mean.get(name)!.data[place]!, 14);
      });
  });

  it('changes sign with the direction, and is linear in it', async () => {
    const other = updateOfAdapter(makeRandomAdapter(base, 1));
    const difference = directionOfUpdate(subtractUpdates(updateOfAdapter(adapter), other));
    const [first, second, found] = await Promise.all([
      productsAlong(update),
      productsAlong(directionOfUpdate(other)),
      productsAlong(difference),
    ]);
    const negated = await productsAlong(directionOfUpdate(subtractUpdates(new Map(), updateOfAdapter(adapter))));
    found.forEach(({ product }, row) => {
      expect(product).toBeCloseTo(first[row]!.product - second[row]!.product, 10);
      expect(negated[row]!.cosine).toBe(-first[row]!.cosine);
    });
  });

  it('is zero along nothing', async () => {
    const parameters = parametersFromAdapter(adapter);
    const zeros = new Map([...parameters].map(([name, { shape }]) => [name, zerosOf(shape)]));
    for (const direction of [directionOfTensors(zeros), directionOfTensors(new Map())])
      for (const { product, cosine } of await productsAlong(direction, { adapter }))
        expect([product, cosine]).toEqual([0, 0]);
  });

  it('tells how many rows are done, and stops on abort', async () => {
    const progress: (readonly [number, number])[] = [];
    const abort = new AbortController();
    const onProgress = (done: number, total: number): void => {
      progress.push([done, total]);
      if (done === 2) abort.abort(new Error('enough'));
    };
    await expect(productsAlong(update, { onProgress, signal: abort.signal })).rejects.toThrow('enough');
    expect(progress).toEqual([
      [1, 6],
      [2, 6],
    ]);
  });

  it('refuses a row without answer tokens, and a direction that gradients do not have', async () => {
    const silent = { ids: [3, 4, 5], weights: [0, 0, 0] };
    const row = await errorOf(() => productsAlong(update, { rows: [...rows, silent] }));
    expect([row.code, row.hint]).toEqual(['rows-invalid', 'Remove the row, or check its answer.']);
    expect(row.message).toContain('Row 7');
    const foreign = await errorOf(() => productsAlong(update, { adapter }));
    expect(foreign.code).toBe('usage-invalid');
    expect(foreign.message).toContain('model.layers.0.self_attn.q_proj.weight [16, 16], and gradients do not have it');
    expect(foreign.hint).toContain('leave "adapter" out');
    const misshapen = directionOfTensors(new Map([['model.norm.weight', zerosOf([15])]]));
    expect((await errorOf(() => productsAlong(misshapen))).message).toContain('have it as [16]');
  });

  it('refuses what is not finite', async () => {
    const broken = directionOfTensors(
      new Map([['model.norm.weight', { shape: [16], data: new Float32Array(16).fill(NaN) }]]),
    );
    const error = await errorOf(() => productsAlong(broken));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain('row 1');
  });
});

/** The fourth-order difference quotient of one row's loss, whose logits are in single precision. */
async function slope(row: WeightedRow, moved: (distance: number) => Checkpoint, step: number): Promise<number> {
  const at = (distance: number): Promise<number> => lossFromLogits(moved(distance), [row]);
  const near = (await at(step)) - (await at(-step));
  const far = (await at(2 * step)) - (await at(-2 * step));
  return (8 * near - far) / (12 * step);
}

function expectSlope(found: number, expected: number): void {
  expect(Math.abs(found - expected), `${String(found)} instead of ${String(expected)}`).toBeLessThan(1e-4);
}

function zerosOf(shape: readonly number[]): FloatTensor {
  return { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) };
}
