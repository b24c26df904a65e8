import { describe, expect, it } from 'vitest';

import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import * as operations from '../../../src/engine/graph/operations.js';
import { errorOf } from '../checkpoint/error-of.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { floats, integers, runGraph } from './run-graph.js';

const matrix = floats([1, 2, 3, 4, 5, 6], [2, 3]);

/** Runs one operation on a matrix [rows, 3] and compares the declared shape, with 2 rows, with the real one. */
async function applyToMatrix(
  apply: (graph: Graph, value: Value) => Value,
): Promise<{ readonly shape: readonly number[]; readonly elements: readonly number[] }> {
  let declared: readonly (string | number)[] = [];
  const { output } = await runGraph(
    (graph) => {
      const value = apply(graph, graph.input('matrix', 'float32', ['rows', 3]));
      declared = value.shape;
      return { output: value };
    },
    { matrix },
  );
  expect(declared.map((size) => (size === 'rows' ? 2 : size))).toEqual(output?.shape);
  return output!;
}

describe('operations', () => {
  it.each<[string, (graph: Graph, value: Value) => Value, number[], number[]]>([
    [
      'add',
      (graph, value) => operations.add(graph, value, graph.floats([10, 20, 30])),
      [2, 3],
      [11, 22, 33, 14, 25, 36],
    ],
    ['subtract', (graph, value) => operations.subtract(graph, value, graph.floats([1])), [2, 3], [0, 1, 2, 3, 4, 5]],
    ['multiply', (graph, value) => operations.multiply(graph, value, value), [2, 3], [1, 4, 9, 16, 25, 36]],
    ['scale', (graph, value) => operations.scale(graph, value, -2), [2, 3], [-2, -4, -6, -8, -10, -12]],
    ['negate', (graph, value) => operations.negate(graph, value), [2, 3], [-1, -2, -3, -4, -5, -6]],
    ['transpose', (graph, value) => operations.transpose(graph, value, [1, 0]), [3, 2], [1, 4, 2, 5, 3, 6]],
    [
      'concatenate',
      (graph, value) => operations.concatenate(graph, [value, value], 1, 6),
      [2, 6],
      [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6],
    ],
    ['shapeOf', (graph, value) => operations.shapeOf(graph, value), [2], [2, 3]],
    ['shapeOf a part', (graph, value) => operations.shapeOf(graph, value, 1, 2), [1], [3]],
    [
      'gatherRows',
      (graph, value) => operations.gatherRows(graph, value, graph.integerList([1, 0, 1])),
      [3, 3],
      [4, 5, 6, 1, 2, 3, 4, 5, 6],
    ],
    [
      'pickFromRows',
      (graph, value) => operations.pickFromRows(graph, value, graph.integerList([2, 0])),
      [2, 1],
      [3, 4],
    ],
    [
      'zeros',
      (graph, value) => operations.zeros(graph, operations.shapeOf(graph, value), value.shape),
      [2, 3],
      [0, 0, 0, 0, 0, 0],
    ],
    ['sumOver rows', (graph, value) => operations.sumOver(graph, value, 0, false), [3], [5, 7, 9]],
    ['sumOver columns', (graph, value) => operations.sumOver(graph, value, -1), [2, 1], [6, 15]],
    ['meanOver', (graph, value) => operations.meanOver(graph, value, -1), [2, 1], [2, 5]],
    ['sumAll', (graph, value) => operations.sumAll(graph, value), [1], [21]],
    ['reshape', (graph, value) => operations.reshape(graph, value, ['rows', 3, 1]), [2, 3, 1], [1, 2, 3, 4, 5, 6]],
    [
      'scatterAddRows',
      (graph, value) =>
        operations.scatterAddRows(graph, value, graph.integerList([1, 1]), graph.floats([1, 1, 1, 10, 20, 30], [2, 3])),
      [2, 3],
      [1, 2, 3, 15, 26, 37],
    ],
    [
      'scatterAddDistinctRows',
      (graph, value) =>
        operations.scatterAddDistinctRows(
          graph,
          value,
          graph.integerList([1, 0]),
          graph.floats([1, 1, 1, 10, 20, 30], [2, 3]),
        ),
      [2, 3],
      [11, 22, 33, 5, 6, 7],
    ],
  ])('%s', async (_name, apply, shape, elements) => {
    expect(await applyToMatrix(apply)).toEqual({ shape, elements });
  });

  it('loses none of the rows that scatterAddRows adds at one index, however many threads there are', async () => {
    const [count, width] = [4000, 64];
    const graph = new Graph();
    const base = graph.input('base', 'float32', [2, width]);
    const indices = graph.input('indices', 'int64', ['count']);
    const rows = graph.input('rows', 'float32', ['count', width]);
    graph.output('sums', operations.scatterAddRows(graph, base, indices, rows));
    const compiled = await compileGraph(graph, { threads: 4 });
    for (let run = 0; run < 5; run += 1) {
      const { sums } = await compiled.run({
        base: { shape: [2, width], data: new Float32Array(2 * width) },
        indices: integers(Array.from({ length: count }, (_, row) => row % 2)),
        rows: { shape: [count, width], data: new Float32Array(count * width).fill(1) },
      });
      expect(sums?.data).toEqual(new Float32Array(2 * width).fill(count / 2));
    }
    await compiled.release();
  });

  it.each<[string, (graph: Graph, value: Value) => Value, (element: number) => number]>([
    ['exponential', operations.exponential, Math.exp],
    ['sigmoid', operations.sigmoid, (element) => 1 / (1 + Math.exp(-element))],
    ['silu', operations.silu, (element) => element / (1 + Math.exp(-element))],
  ])('%s', async (_name, apply, expected) => {
    const { elements } = await applyToMatrix((graph, value) =>
      apply(graph, operations.subtract(graph, value, graph.floats([3]))),
    );
    elements.forEach((element, index) => {
      expect(element).toBeCloseTo(expected(index - 2), 5);
    });
  });

  it('softmax and its logarithm, without overflow', async () => {
    const shifted = (graph: Graph, value: Value): Value =>
      operations.multiply(graph, value, graph.floats([100, 100, -Infinity]));
    expect((await applyToMatrix((graph, value) => operations.softmax(graph, shifted(graph, value)))).elements).toEqual([
      0, 1, 0, 0, 1, 0,
    ]);
    const { elements } = await applyToMatrix((graph, value) => operations.logSoftmax(graph, value));
    const total = Math.log(Math.exp(-2) + Math.exp(-1) + 1);
    [-2, -1, 0, -2, -1, 0].forEach((logit, index) => {
      expect(elements[index]).toBeCloseTo(logit - total, 5);
    });
  });

  // [1 2 3; 4 5 6] times itself one way or the other
  it.each([
    [{ transposeRight: true }, [2, 2], [14, 32, 32, 77]],
    [{ transposeLeft: true }, [3, 3], [17, 22, 27, 22, 29, 36, 27, 36, 45]],
    [{ transposeRight: true, factor: 0.5 }, [2, 2], [7, 16, 16, 38.5]],
  ])('matrixProduct with %j', async (settings, shape, elements) => {
    const found = await runGraph(
      (graph) => {
        const value = graph.input('matrix', 'float32', [2, 3]);
        return {
          product: operations.matrixProduct(graph, value, value, settings),
          plus: operations.matrixProductPlus(graph, value, value, graph.floats([100]), settings),
        };
      },
      { matrix },
    );
    expect(found['product']).toEqual({ shape, elements });
    expect(found['plus']).toEqual({ shape, elements: elements.map((element) => element + 100) });
  });

  it('matrixProduct of stacks of matrices', async () => {
    const { product } = await runGraph(
      (graph) => {
        const stack = graph.input('stack', 'float32', ['batch', 1, 2]);
        return { product: operations.matrixProduct(graph, stack, stack, { transposeLeft: true }) };
      },
      { stack: floats([1, 2, 3, 4], [2, 1, 2]) },
    );
    expect(product).toEqual({ shape: [2, 2, 2], elements: [1, 2, 2, 4, 9, 12, 12, 16] });
  });

  it('rotate turns pairs of channels by their position', async () => {
    const { rotated } = await runGraph(
      (graph) => {
        const value = graph.input('value', 'float32', ['batch', 1, 'length', 4]);
        const positions = graph.input('positions', 'int64', ['batch', 'length']);
        // Quarter turns of the first pair and no turn of the second, at positions 0, 1 and 2.
        const cosines = graph.floats([1, 1, 0, 1, -1, 1], [3, 2]);
        const sines = graph.floats([0, 0, 1, 0, 0, 0], [3, 2]);
        return { rotated: operations.rotate(graph, value, positions, cosines, sines) };
      },
      { value: floats([1, 2, 3, 4, 1, 2, 3, 4], [1, 1, 2, 4]), positions: integers([1, 2], [1, 2]) },
    );
    expect(rotated?.elements).toEqual([-3, 2, 1, 4, -1, 2, -3, 4]);
  });

  it('refuses shapes that do not fit, naming the operation and the shapes', async () => {
    const graph = new Graph();
    const wide = graph.input('wide', 'float32', ['rows', 3]);
    const tall = graph.input('tall', 'float32', ['rows', 4]);
    const stack = graph.input('stack', 'float32', ['batch', 'rows', 3]);
    const faults: [string, () => unknown][] = [
      ['matrixProduct does not fit shapes [rows, 3] and [rows, 4]', () => operations.matrixProduct(graph, wide, tall)],
      ['matrixProduct', () => operations.matrixProduct(graph, wide, wide)],
      ['matrixProduct', () => operations.matrixProduct(graph, wide, tall, { transposeRight: true })],
      ['axis -2', () => operations.matrixProduct(graph, graph.input('flat', 'float32', [3]), tall)],
      ['matrixProductPlus', () => operations.matrixProductPlus(graph, wide, tall, wide, { transposeRight: true })],
      ['matrixProductPlus', () => operations.matrixProductPlus(graph, stack, wide, wide, { transposeRight: true })],
      ['reshape to [x,y]', () => operations.reshape(graph, wide, ['x', 'y'])],
      ['concatenate', () => operations.concatenate(graph, [], 0, 1)],
      ['axis 2', () => operations.sizeAt(wide, 2)],
    ];
    for (const [start, action] of faults) {
      const error = await errorOf(action);
      expect(error.code).toBe('internal-error');
      expect(error.message).toContain(start);
    }
  });
});
