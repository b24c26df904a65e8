import { describe, expect, it } from 'vitest';

import { encodeOnnxModel } from '../../../src/engine/graph/encode-onnx-model.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { errorOf } from '../checkpoint/error-of.js';
import { floats, integers, runGraph } from './run-graph.js';

describe('encodeOnnxModel', () => {
  it('writes the model that protobuf and onnx.proto3 call for, byte for byte', () => {
    const graph = new Graph();
    const input = graph.input('x', 'float32', ['n', 2]);
    graph.output('result', graph.node('Neg', [input], { shape: input.shape }));
    const text = (value: string): string => Buffer.from(value).toString('hex');
    // One field: its tag, the length of its content, its content.
    const field = (tag: string, ...parts: readonly string[]): string => {
      const content = parts.join('');
      return tag + (content.length / 2).toString(16).padStart(2, '0') + content;
    };
    const shape = field('12', field('0a', field('12', text('n'))) + field('0a', '0802'));
    const type = field('12', field('0a', '0801', shape));
    const node =
      field('0a', text('x')) +
      field('12', text('value1')) +
      field('1a', text('value1')) +
      field('22', text('Neg')) +
      '3a00';
    const expected =
      '080a' +
      field('12', text('driftline')) +
      field(
        '3a',
        field('0a', node),
        field('12', text('decoder')),
        field('5a', field('0a', text('x')), type),
        field('62', field('0a', text('value1')), type),
      ) +
      field('42', '0a00', '1015') +
      field('42', field('0a', text('com.microsoft')), '1001');
    const { bytes, externalData } = encodeOnnxModel(graph);
    expect(Buffer.from(bytes).toString('hex')).toBe(expected);
    expect(externalData).toEqual([]);
  });

  it('lets the runtime read attributes of every kind', async () => {
    const outputs = await runGraph(
      (graph) => {
        const matrix = graph.input('matrix', 'float32', ['rows', 3]);
        const indices = graph.input('indices', 'int64', ['chosen', 1]);
        const updates = graph.input('updates', 'float32', ['chosen', 3]);
        return {
          integer: graph.node('Concat', [matrix, matrix], { shape: ['rows', 6] }, { axis: -1 }),
          integers: graph.node('Transpose', [matrix], { shape: [3, 'rows'] }, { perm: [1, 0] }),
          float: graph.node('LeakyRelu', [matrix], { shape: matrix.shape }, { alpha: { float: 0.25 } }),
          text: graph.node('ScatterND', [matrix, indices, updates], { shape: matrix.shape }, { reduction: 'add' }),
        };
      },
      {
        matrix: floats([1, -2, 3, 4, 5, -6], [2, 3]),
        indices: integers([1, 1], [2, 1]),
        updates: floats([1, 1, 1, 10, 20, 30], [2, 3]),
      },
    );
    expect(outputs).toEqual({
      integer: { shape: [2, 6], elements: [1, -2, 3, 1, -2, 3, 4, 5, -6, 4, 5, -6] },
      integers: { shape: [3, 2], elements: [1, 4, -2, 5, 3, -6] },
      float: { shape: [2, 3], elements: [1, -0.5, 3, 4, 5, -1.5] },
      text: { shape: [2, 3], elements: [1, -2, 3, 15, 26, 25] },
    });
  });

  it('keeps constants, among them negative integers, infinity, equal lists and a scalar’s shape', async () => {
    const outputs = await runGraph((graph) => {
      const list = graph.integerList([-1, 2]);
      expect(graph.integerList([-1, 2])).toBe(list);
      const matrix = graph.floats([1, 2, -Infinity, 4], [2, 2]);
      return {
        reshaped: graph.node('Reshape', [matrix, list], { shape: [2, 2] }),
        sum: graph.node('Add', [graph.floats([7], []), matrix], { shape: [2, 2] }),
        list: graph.node('Identity', [list], { type: 'int64', shape: [2] }),
      };
    });
    expect(outputs).toEqual({
      reshaped: { shape: [2, 2], elements: [1, 2, -Infinity, 4] },
      sum: { shape: [2, 2], elements: [8, 9, -Infinity, 11] },
      list: { shape: [2], elements: [-1, 2] },
    });
  });

  it('leaves weights in their own buffers, and takes only their part of a larger one', async () => {
    const shared = Float32Array.of(9, 9, 1, 2, 3, 4, 9);
    const graph = new Graph();
    const weight = graph.weight('model.weight', { shape: [2, 2], data: shared.subarray(2, 6) });
    graph.output('doubled', graph.node('Add', [weight, weight], { shape: [2, 2] }));
    const { bytes, externalData } = encodeOnnxModel(graph);
    expect(externalData).toEqual([{ path: 'model.weight', data: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) }]);
    expect(externalData[0]?.data.buffer).toBe(shared.buffer);
    expect(Buffer.from(bytes).includes(Buffer.from(Float32Array.of(1, 2, 3, 4).buffer))).toBe(false);
    const compiled = await compileGraph(graph, { threads: 1 });
    const { doubled } = await compiled.run({});
    await compiled.release();
    expect(doubled).toEqual({ shape: [2, 2], data: Float32Array.of(2, 4, 6, 8) });
  });

  it('leaves out inputs that are not given, in the middle of the list', async () => {
    const outputs = await runGraph(
      (graph) => {
        const value = graph.input('value', 'float32', [3]);
        return { clipped: graph.node('Clip', [value, null, graph.floats([2], [])], { shape: [3] }) };
      },
      { value: floats([-5, 1, 7]) },
    );
    expect(outputs['clipped']?.elements).toEqual([-5, 1, 2]);
  });

  it('gives one value under two names, and outputs in the order asked for', async () => {
    const graph = new Graph();
    const value = graph.input('value', 'float32', [1]);
    const negated = graph.node('Neg', [value], { shape: [1] });
    graph.output('first', negated);
    graph.output('second', negated);
    graph.output('third', graph.node('Abs', [negated], { shape: [1] }));
    const compiled = await compileGraph(graph, { threads: 1 });
    const outputs = await compiled.run({ value: floats([3]) }, ['third', 'second', 'first']);
    await compiled.release();
    expect(Object.entries(outputs).map(([name, { data }]) => [name, data[0]])).toEqual([
      ['third', 3],
      ['second', -3],
      ['first', -3],
    ]);
  });

  it('names the reason where the runtime refuses a graph', async () => {
    const graph = new Graph();
    graph.output('nothing', graph.node('NoSuchOperator', [graph.floats([1])], { shape: [1] }));
    const error = await errorOf(() => compileGraph(graph, { threads: 1 }));
    expect(error.code).toBe('engine-failed');
    expect(error.message).toContain('NoSuchOperator');
  });

  it('names the reason where a run is fed the wrong shape', async () => {
    const graph = new Graph();
    const value = graph.input('value', 'float32', ['rows', 2]);
    graph.output('negated', graph.node('Neg', [value], { shape: value.shape }));
    const compiled = await compileGraph(graph, { threads: 1 });
    const error = await errorOf(() => compiled.run({ value: floats([1, 2, 3], [1, 3]) }));
    await compiled.release();
    expect(error.code).toBe('engine-failed');
    expect(error.message).toContain('value');
  });
});
