import { describe, expect, it } from 'vitest';
import { type ColumnMatrix, columnOf, dotProduct } from '../../../src/engine/updates/column-matrix.js';
import {
  decomposeUpdate,
  singularValues,
  type UpdateDecomposition,
} from '../../../src/engine/updates/decompose-update.js';
import { subtractUpdates, type ModuleUpdate } from '../../../src/engine/updates/weight-update.js';
import { errorOf } from '../checkpoint/error-of.js';
import { makeFractions, makeRandom, writeOut, zeroUpdate } from './make-update.js';

const first = makeFractions(1, 2, 2);
const second = makeFractions(4, 0.5, 3);
const difference = subtractUpdates(new Map([['m', first]]), new Map([['m', second]])).get('m')!;

function expectClose(found: Iterable<number>, expected: readonly number[]): void {
  const all = [...found];
  expect(all).toHaveLength(expected.length);
  all.forEach((value, place) => {
    expect(value).toBeCloseTo(expected[place]!, 13);
  });
}

describe('decomposeUpdate', () => {
  // With A and B of makeFractions: numpy.linalg.svd(2 * B @ A), numpy 2.4.6
  it("has numpy's values and vectors, without the values that are zero", () => {
    const { values, left, right } = decomposeUpdate(first);
    expectClose(values, [4.5948364559867372, 2.4615752969867177]);
    expectClose(columnOf(left, 0), [0.3349074321996693, -0.8246395984735958, 0.3159639591613032, 0.3285929411868806]);
    expectClose(
      columnOf(right, 0),
      [0.5822498477163033, -0.31210189813438366, -0.33092182473323506, -0.3497417513320862, 0.5759765388500194],
    );
  });

  // numpy.linalg.svd(0.5 * B2 @ A2)[1] and numpy.linalg.svd(2 * B @ A - 0.5 * B2 @ A2)[1]
  it("has numpy's values of another rank, and of a difference whose rank is more than its rows", () => {
    expectClose(singularValues(second), [1.4015752197939457, 0.63799554965483085, 0.28234811293894457]);
    expectClose(
      singularValues(difference),
      [4.436237726294858, 2.3271860682648184, 0.6853192303415202, 0.2553365759081121],
    );
  });

  it.each([
    ['higher than wide', makeRandom(1, 3, 40, 17)],
    ['wider than high', makeRandom(2, 8, 17, 90)],
    ['of more rank than rows', makeRandom(3, 7, 5, 9)],
    ['of more rank than columns', makeRandom(4, 7, 9, 4)],
    ['of rank one', makeRandom(5, 1, 6, 6)],
    ['with one row', makeRandom(6, 3, 1, 6)],
    ['as a difference', difference],
  ])('gives back the update, with orthonormal vectors and its length: %s', (_, module) => {
    const decomposition = decomposeUpdate(module);
    const { values, left, right } = decomposition;
    const written = writeOut(module);
    const size = Math.sqrt(dotProduct(written, written));
    for (const [place, element] of rebuild(decomposition, module).entries())
      expect(Math.abs(element - written[place]!)).toBeLessThan(1e-13 * size);
    expectOrthonormal(left);
    expectOrthonormal(right);
    expect(Math.hypot(...values) / size).toBeCloseTo(1, 13);
    expect([...values].sort((one, other) => other - one)).toEqual(values);
    expect(singularValues(module)).toEqual(values);
  });

  it('finds the same after a change of sign, a swap of sides and another split between scale, A and B', () => {
    const module = makeRandom(7, 4, 12, 20);
    const { scale, a, b } = module.terms[0]!;
    const { values, left, right } = decomposeUpdate(module);
    const negated = decomposeUpdate({ ...module, terms: [{ scale: -scale, a, b }] });
    expect(negated.values).toEqual(values);
    expect([...negated.right.data]).toEqual([...right.data]);
    expect([...negated.left.data]).toEqual([...left.data].map((element) => -element));
    expectClose(singularValues(transpose(module)), values);
    const halves = [
      { scale: scale / 4, a, b },
      { scale: (3 * scale) / 4, a, b },
    ];
    expectClose(singularValues({ ...module, terms: halves }), values);
  });

  it('has no values for an update of zero, one without terms, and the difference of an update from itself', () => {
    const itself = new Map([['m', makeRandom(8, 4, 12, 20)]]);
    for (const module of [zeroUpdate, { ...zeroUpdate, terms: [] }, subtractUpdates(itself, itself).get('m')!]) {
      const { values, left, right } = decomposeUpdate(module);
      expect(values).toEqual([]);
      expect([left.columns, right.columns]).toEqual([0, 0]);
    }
  });

  it.each([NaN, Infinity])('refuses an element that is %d', async (element) => {
    const module = makeRandom(9, 2, 3, 4);
    module.terms[0]!.b.data[1] = element;
    const error = await errorOf(() => singularValues(module));
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain('not finite');
  });
});

function rebuild({ values, left, right }: UpdateDecomposition, { outputs, inputs }: ModuleUpdate): Float64Array {
  return Float64Array.from({ length: outputs * inputs }, (_, place) =>
    values.reduce(
      (sum, value, column) =>
        sum + value * columnOf(left, column)[Math.floor(place / inputs)]! * columnOf(right, column)[place % inputs]!,
      0,
    ),
  );
}

function expectOrthonormal(vectors: ColumnMatrix): void {
  for (let one = 0; one < vectors.columns; one += 1)
    for (let other = 0; other < vectors.columns; other += 1)
      expect(dotProduct(columnOf(vectors, one), columnOf(vectors, other))).toBeCloseTo(Number(one === other), 13);
}

function transpose({ outputs, inputs, terms }: ModuleUpdate): ModuleUpdate {
  const flip = ({ shape: [rows = 0, columns = 0], data }: (typeof terms)[0]['a']) => ({
    shape: [columns, rows],
    data: Float32Array.from(data, (_, place) => data[(place % rows) * columns + Math.floor(place / rows)]!),
  });
  return {
    outputs: inputs,
    inputs: outputs,
    terms: terms.map(({ scale, a, b }) => ({ scale, a: flip(b), b: flip(a) })),
  };
}
