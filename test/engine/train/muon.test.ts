import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import {
  addMuonUpdate,
  buildOrthogonalGraph,
  stackMuonUpdates,
  type MatrixStack,
} from '../../../src/engine/train/muon.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { expectSameTensors } from '../checkpoint/expect-same-tensors.js';

/**
 * Values of NumPy 2.4, which takes the singular values themselves through the polynomial:
 *
 *   def orthogonal(x):
 *     u, s, v = np.linalg.svd(x / np.linalg.norm(x), full_matrices=False)
 *     for _ in range(5): s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
 *     return (u * s) @ v
 *   def matrix(n, k, f=1): return np.cos(f * np.outer(np.arange(1, n + 1), np.arange(2, k + 2) ** 2))
 *   orthogonal(matrix(n, k)).ravel().tolist()
 */
const orthogonals: readonly [rows: number, columns: number, expected: readonly number[]][] = [
  [
    2,
    3,
    [
      -0.6174316182780163, -0.367712489013901, -0.30642958477101917, -0.5572589784040624, 0.3144996173520395,
      0.5078002824931173,
    ],
  ],
  [
    3,
    2,
    [
      -0.571139341726809, -0.7958847346816872, -0.1300364841442312, 0.578877395494972, 0.742277579500514,
      -0.258728788173811,
    ],
  ],
  [
    3,
    3,
    [
      -0.4824545448259206, -0.21316930538576823, -0.7128850642047854, -0.23180228560616561, 0.8783970196087107,
      0.01717672562615773, 0.48244874206543414, 0.15884745320161908, -0.5968545855193214,
    ],
  ],
];

/**
 * The same for whole steps, one list a step:
 *
 *   p, m = matrix(n, k), np.zeros((n, k))
 *   for f in (2, 3, 4):
 *     g = matrix(n, k, f); m = .95 * m + .05 * g; u = .95 * m + .05 * g
 *     p = p * (1 - lr * decay) - lr * .2 * max(n, k) ** .5 * orthogonal(u); out.append(p.ravel().tolist())
 */
const runs: readonly [
  rows: number,
  columns: number,
  settings: { readonly learningRate: number; readonly weight_decay: number },
  expected: readonly (readonly number[])[],
][] = [
  [
    2,
    3,
    { learningRate: 0.1, weight_decay: 0 },
    [
      [
        -0.6471620991024496, -0.9306679016680068, -0.9835647038290987, -0.11679956965564395, 0.6626510321538169,
        0.820769402571936,
      ],
      [
        -0.6842213892528455, -0.930021334344662, -0.9714324759469921, -0.11714232258654028, 0.6992311007728197,
        0.821099930355216,
      ],
      [
        -0.6566122730917157, -0.9142614792823002, -0.9897274975863183, -0.12087273596503778, 0.7253934985108309,
        0.8267994902220683,
      ],
    ],
  ],
  [
    3,
    2,
    { learningRate: 0.1, weight_decay: 0.5 },
    [
      [
        -0.6150660373255334, -0.885712213587941, -0.10996951232013893, 0.6288794838866011, 0.7870573337203955,
        -0.2516702465071058,
      ],
      [
        -0.6134342316518888, -0.8420789794084145, -0.10360466197587612, 0.6317014737090199, 0.7450738757090776,
        -0.25424765791515286,
      ],
      [
        -0.5527780637328035, -0.788030438255571, -0.09958639228862497, 0.6270552299795862, 0.7251785400102694,
        -0.24153033460032058,
      ],
    ],
  ],
];

const shape = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 24 })),
  fc.tuple(fc.integer({ min: 13, max: 24 }), fc.integer({ min: 1, max: 12 })),
  fc.integer({ min: 1, max: 24 }).map((size): [number, number] => [size, size]),
);
const property = (check: (shape: readonly [number, number], seed: number) => Promise<void>): Promise<void> =>
  fc.assert(fc.asyncProperty(shape, fc.nat(), check), { numRuns: 30 });

describe('buildOrthogonalGraph', () => {
  it.each(orthogonals)('agrees with NumPy for %i rows and %i columns', async (rows, columns, expected) => {
    const found = await makeOrthogonal(normed({ shape: [1, rows, columns], data: cosines(rows, columns) }));
    expect(found.shape).toEqual([1, rows, columns]);
    expectClose(found.data, expected, 1e-5);
  });

  it('keeps singular vectors, and brings singular values near 1', () =>
    property(async ([rows, columns], seed) => {
      const { left, right, matrix } = makeMatrix(rows, columns, seed);
      const { data } = await makeOrthogonal(matrix);
      // left data right^T is diagonal where the rows of left and right are the singular vectors.
      let rest = data.reduce((sum, element) => sum + element * element, 0);
      for (const [a, u] of left.entries()) {
        for (const [b, v] of right.entries()) {
          let core = 0;
          for (let i = 0; i < rows; i += 1)
            for (let j = 0; j < columns; j += 1) core += u[i]! * data[i * columns + j]! * v[j]!;
          rest -= core * core;
          if (a !== b) expect(Math.abs(core)).toBeLessThan(1e-3);
          else {
            expect(core).toBeGreaterThan(0.6);
            expect(core).toBeLessThan(1.3);
          }
        }
      }
      expect(Math.abs(rest)).toBeLessThan(1e-3);
    }));

  it('of the transposed matrix is the transposed', () =>
    property(async ([rows, columns], seed) => {
      const { matrix } = makeMatrix(rows, columns, seed);
      const [whole, transposed] = [await makeOrthogonal(matrix), await makeOrthogonal(transpose(matrix))];
      expectClose(transposed.data, transpose(whole).data, 1e-3);
    }));

  it('takes a matrix to the same bits, whatever is beside it', async () => {
    for (const [rows, columns] of [
      [16, 40],
      [40, 16],
      [24, 24],
    ] as const) {
      const size = rows * columns;
      const matrices = [1, 2, 3, 4, 5].map((seed) => makeMatrix(rows, columns, seed).matrix);
      const together = await makeOrthogonal({
        shape: [matrices.length, rows, columns],
        data: Float32Array.from(matrices.flatMap(({ data }) => [...data])),
      });
      for (const [index, matrix] of matrices.entries()) {
        const alone = await makeOrthogonal(matrix);
        expect(together.data.slice(index * size, (index + 1) * size)).toEqual(alone.data);
      }
    }
  });
});

describe('stackMuonUpdates', () => {
  it('stacks matrices of norm 1; one that never had a gradient is zero', () => {
    const { parameters, gradients, mean } = makeState(3, 4, ['a', 'none', 'b']);
    gradients.get('none')!.fill(0);
    const { shape: stacked, data } = stackMuonUpdates([...parameters.keys()], gradients, mean, { gradientFactor: 1 });
    expect(stacked).toEqual([3, 3, 4]);
    expect(Math.hypot(...data.subarray(0, 12))).toBeCloseTo(1, 6);
    expect(data.slice(12, 24)).toEqual(new Float32Array(12));
    expect(Math.hypot(...data.subarray(24))).toBeCloseTo(1, 6);
  });

  it('looks ahead: after other gradients, the latest counts for more than its share of the mean', () => {
    const mean = new Map([['a', { shape: [1, 2], data: Float32Array.of(2, 0) }]]);
    const { data } = stackMuonUpdates(['a'], new Map([['a', Float32Array.of(0, 4)]]), mean, { gradientFactor: 0.5 });
    // m = (0.95 2, 0.05 2), u = 0.95 m + (0, 0.05 2) = (1.805, 0.195)
    expectClose(mean.get('a')!.data, [1.9, 0.1], 1e-6);
    expectClose(
      data,
      [1.805, 0.195].map((element) => element / Math.hypot(1.805, 0.195)),
      1e-6,
    );
  });

  it.each([2 ** 20, 2 ** -20])('gives the same bits for gradients %f times as large', (factor) => {
    const [plain, scaled, shortened] = [makeState(5, 3, ['a']), makeState(5, 3, ['a']), makeState(5, 3, ['a'])];
    for (let step = 0; step < 3; step += 1) {
      const gradient = cosines(5, 3, step + 1);
      const scaledGradients = new Map([['a', gradient.map((element) => element * factor)]]);
      const wanted = stackMuonUpdates(['a'], new Map([['a', gradient]]), plain.mean, { gradientFactor: 1 });
      expect(stackMuonUpdates(['a'], scaledGradients, scaled.mean, { gradientFactor: 1 })).toEqual(wanted);
      const gradientFactor = 1 / factor;
      expect(stackMuonUpdates(['a'], scaledGradients, shortened.mean, { gradientFactor })).toEqual(wanted);
    }
  });
});

describe('a step of Muon', () => {
  it.each(runs)('agrees with NumPy for %i rows and %i columns, %j', async (rows, columns, settings, expected) => {
    const { parameters, mean } = makeState(rows, columns, ['a']);
    for (const [index, values] of expected.entries()) {
      await takeStep(parameters, new Map([['a', cosines(rows, columns, index + 2)]]), mean, settings);
      expectClose(parameters.get('a')!.data, values, 1e-5);
    }
  });

  it('changes a matrix by a root mean square of about 0.2 times the learning rate, whatever its shape', async () => {
    for (const [rows, columns] of [
      [8, 40],
      [40, 8],
      [20, 20],
    ] as const) {
      const parameters = new Map([['a', { shape: [rows, columns], data: new Float32Array(rows * columns) }]]);
      const { mean } = makeState(rows, columns, ['a']);
      const gradients = new Map([['a', makeMatrix(rows, columns, 1).matrix.data]]);
      await takeStep(parameters, gradients, mean, { learningRate: 0.5, weight_decay: 0 });
      const size = Math.hypot(...parameters.get('a')!.data) / Math.sqrt(rows * columns);
      expect(size / 0.5).toBeGreaterThan(0.2 * 0.6);
      expect(size / 0.5).toBeLessThan(0.2 * 1.3);
    }
  });

  it('without any gradient so far is only decay', async () => {
    const { parameters, gradients, mean } = makeState(3, 4, ['a', 'b']);
    gradients.get('a')!.fill(0);
    const [still, moved] = [...parameters.values()].map(({ data }) => data.slice());
    await takeStep(parameters, gradients, mean, { learningRate: 0.1, weight_decay: 0.5 });
    expectSameTensors(new Map([['a', parameters.get('a')!]]), new Map([['a', decayed(still!, 0.95)]]));
    expect(parameters.get('b')!.data).not.toEqual(decayed(moved!, 0.95).data);
  });

  function decayed(data: Float32Array, keep: number): FloatTensor {
    return { shape: [3, 4], data: data.map((element) => element * keep) };
  }
});

async function takeStep(
  parameters: ReadonlyMap<string, FloatTensor>,
  gradients: ReadonlyMap<string, Float32Array>,
  mean: ReadonlyMap<string, FloatTensor>,
  settings: { readonly learningRate: number; readonly weight_decay: number },
): Promise<void> {
  const names = [...parameters.keys()];
  const stack = stackMuonUpdates(names, gradients, mean, { gradientFactor: 1 });
  addMuonUpdate(parameters, names, await makeOrthogonal(stack), settings);
}

async function makeOrthogonal(matrices: MatrixStack): Promise<MatrixStack> {
  const compiled = await compileGraph(buildOrthogonalGraph(matrices.shape.slice(1)), { threads: 1 });
  const { orthogonal } = await compiled.run({ matrices });
  await compiled.release();
  if (!(orthogonal?.data instanceof Float32Array)) throw new TypeError('no floats came out');
  return { shape: orthogonal.shape, data: orthogonal.data };
}

/** Named matrices with their gradients, and a mean of zeros. */
function makeState(
  rows: number,
  columns: number,
  names: readonly string[],
): {
  readonly parameters: Map<string, FloatTensor>;
  readonly gradients: Map<string, Float32Array>;
  readonly mean: Map<string, FloatTensor>;
} {
  const dense = (data: Float32Array): FloatTensor => ({ shape: [rows, columns], data });
  return {
    parameters: new Map(names.map((name) => [name, dense(cosines(rows, columns))])),
    gradients: new Map(names.map((name, index) => [name, cosines(rows, columns, index + 2)])),
    mean: new Map(names.map((name) => [name, dense(new Float32Array(rows * columns))])),
  };
}

/** `matrix(n, k, f)` of the expressions above. */
function cosines(rows: number, columns: number, factor = 1): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, index) =>
    Math.cos(factor * (Math.floor(index / columns) + 1) * ((index % columns) + 2) ** 2),
  );
}

/** A matrix [1, rows, columns] of norm 1 with singular values of which the least is a twentieth of the largest or more. */
function makeMatrix(
  rows: number,
  columns: number,
  seed: number,
): { readonly left: readonly number[][]; readonly right: readonly number[][]; readonly matrix: MatrixStack } {
  const stream = createRandomStream(seed, 'matrix');
  const rank = Math.min(rows, columns);
  const orthonormal = (width: number): number[][] => {
    const found: number[][] = [];
    while (found.length < rank) {
      let row = Array.from({ length: width }, () => stream.normal());
      for (const other of found) {
        const along = row.reduce((sum, element, index) => sum + element * other[index]!, 0);
        row = row.map((element, index) => element - along * other[index]!);
      }
      const length = Math.hypot(...row);
      found.push(row.map((element) => element / length));
    }
    return found;
  };
  const [left, right] = [orthonormal(rows), orthonormal(columns)];
  const values = left.map(() => 0.05 + 0.95 * stream.uniform());
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) {
      data[i * columns + j] = values.reduce((sum, value, k) => sum + left[k]![i]! * value * right[k]![j]!, 0);
    }
  }
  return { left, right, matrix: normed({ shape: [1, rows, columns], data }) };
}

function normed({ shape: sizes, data }: MatrixStack): MatrixStack {
  const length = Math.hypot(...data);
  return { shape: sizes, data: data.map((element) => element / length) };
}

/** Of a stack of one. */
function transpose({ shape: [, rows = 0, columns = 0], data }: MatrixStack): MatrixStack {
  const transposed = data.map((_, index) => data[(index % rows) * columns + Math.floor(index / rows)]!);
  return { shape: [1, columns, rows], data: transposed };
}

function expectClose(found: Float32Array, expected: ArrayLike<number>, tolerance: number): void {
  expect(found).toHaveLength(expected.length);
  for (const [index, element] of found.entries())
    expect(Math.abs(element - expected[index]!), `element ${String(index)}`).toBeLessThanOrEqual(tolerance);
}
