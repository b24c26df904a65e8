import { describe, expect, it } from 'vitest';

import { attendCausally } from '../../../src/engine/autodiff/operators/attend-causally.js';
import { Tape } from '../../../src/engine/autodiff/tape.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { buildCausalMask, buildRotaryTable } from '../../../src/engine/decoder/decoder-inputs.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { checkGradient, fixed, floats, integers, watched, type CheckedInput } from './check-gradient.js';

interface Sizes {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly groups: number;
  readonly width: number;
}

const rope = { theta: 100, llama3: null };

function tableInputs({ length, width }: Sizes): Record<'positions' | 'cosines' | 'sines' | 'mask', CheckedInput> {
  const { cosines, sines } = buildRotaryTable(rope, width, length + 3);
  return {
    // A start other than zero: rotations must follow the position, not the row.
    positions: integers([2]),
    cosines: floats(cosines, ['context', width / 2]),
    sines: floats(sines, ['context', width / 2]),
    mask: floats(buildCausalMask(length), ['length', 'length']),
  };
}

async function check(sizes: Sizes, only?: 'query' | 'key' | 'value'): Promise<void> {
  const { batch, length, heads, groups, width } = sizes;
  const part = (name: 'query' | 'key' | 'value', count: number): CheckedInput =>
    (only === undefined || only === name ? watched : fixed)(
      [batch, length, count, width],
      ['batch', 'length', count, width],
    );
  await checkGradient({
    inputs: {
      query: part('query', heads),
      key: part('key', groups),
      value: part('value', groups),
      ...tableInputs(sizes),
    },
    build: (tape, { query, key, value, ...inputs }) => attendCausally(tape, query, key, value, inputs),
  });
}

describe('attendCausally', () => {
  it('with a key for every head', () => check({ batch: 1, length: 4, heads: 2, groups: 2, width: 4 }));
  it('with two heads to a key, in a batch', () => check({ batch: 2, length: 3, heads: 4, groups: 2, width: 4 }));
  it('with all heads sharing one key, in a batch', () => check({ batch: 3, length: 3, heads: 3, groups: 1, width: 2 }));
  it('of a single token', () => check({ batch: 2, length: 1, heads: 2, groups: 1, width: 4 }));
  it('of a single head', () => check({ batch: 1, length: 5, heads: 1, groups: 1, width: 6 }));

  it.each(['query', 'key', 'value'] as const)('where only the %s is watched', (only) =>
    check({ batch: 2, length: 3, heads: 2, groups: 1, width: 4 }, only),
  );

  const sizes = { batch: 2, length: 4, heads: 4, groups: 2, width: 4 };

  it('computes softmax(scale Q K^T + mask) V over rotated queries and keys', async () => {
    const query = randomTensor('query', [2, 4, 4, 4]);
    const key = randomTensor('key', [2, 4, 2, 4]);
    const value = randomTensor('value', [2, 4, 2, 4]);
    const found = await attend(sizes, query, key, value);
    const expected = attendPlainly(sizes, query.data, key.data, value.data);
    expect(found).toHaveLength(expected.length);
    found.forEach((element, index) => {
      expect(element).toBeCloseTo(expected[index]!, 5);
    });
  });

  it('is causal: a later token changes no earlier output, bit for bit', async () => {
    const query = randomTensor('query', [2, 4, 4, 4]);
    const key = randomTensor('key', [2, 4, 2, 4]);
    const value = randomTensor('value', [2, 4, 2, 4]);
    const before = await attend(sizes, query, key, value);
    const changed = 2;
    for (const { shape, data } of [query, key, value]) {
      const tokenSize = shape[2]! * shape[3]!;
      for (let row = 0; row < 2; row += 1) {
        const start = (row * 4 + changed) * tokenSize;
        data.subarray(start, start + tokenSize).forEach((element, index) => {
          data[start + index] = -3 * element + 1;
        });
      }
    }
    const after = await attend(sizes, query, key, value);
    for (let row = 0; row < 2; row += 1) {
      for (let token = 0; token < 4; token += 1) {
        const range = [(row * 4 + token) * 16, (row * 4 + token + 1) * 16] as const;
        const same = Buffer.from(before.slice(...range).buffer).equals(Buffer.from(after.slice(...range).buffer));
        expect(same, `row ${row}, token ${token}`).toBe(token < changed);
      }
    }
  });
});

async function attend(sizes: Sizes, query: FloatTensor, key: FloatTensor, value: FloatTensor): Promise<Float32Array> {
  const { heads, groups, width, length } = sizes;
  const graph = new Graph();
  const { cosines, sines } = buildRotaryTable(rope, width, length + 3);
  const rowShape = (count: number) => ['batch', 'length', count, width];
  const output = attendCausally(
    new Tape(graph),
    graph.input('query', 'float32', rowShape(heads)),
    graph.input('key', 'float32', rowShape(groups)),
    graph.input('value', 'float32', rowShape(groups)),
    {
      positions: graph.input('positions', 'int64', [1]),
      cosines: graph.input('cosines', 'float32', ['context', width / 2]),
      sines: graph.input('sines', 'float32', ['context', width / 2]),
      mask: graph.input('mask', 'float32', ['length', 'length']),
    },
  );
  graph.output('output', output);
  const compiled = await compileGraph(graph, { threads: 1 });
  const positions = { shape: [1], data: BigInt64Array.of(2n) };
  const outputs = await compiled.run({ query, key, value, positions, cosines, sines, mask: buildCausalMask(length) });
  await compiled.release();
  return outputs['output']!.data as Float32Array; // declared as float32
}

/** The same in plain loops, straight from the definition. */
function attendPlainly(sizes: Sizes, query: Float32Array, key: Float32Array, value: Float32Array): Float64Array {
  const { batch, length, heads, groups, width } = sizes;
  const half = width / 2;
  const at = (data: Float32Array, count: number, row: number, token: number, head: number, channel: number): number =>
    data[((row * length + token) * count + head) * width + channel]!;
  const rotated = (data: Float32Array, count: number, row: number, token: number, head: number): number[] =>
    Array.from({ length: width }, (_, channel) => {
      const angle = (token + 2) * rope.theta ** (-(channel % half) / half);
      const partner = at(data, count, row, token, head, (channel + half) % width);
      return (
        at(data, count, row, token, head, channel) * Math.cos(angle) +
        (channel < half ? -1 : 1) * partner * Math.sin(angle)
      );
    });
  const result = new Float64Array(batch * length * heads * width);
  for (let row = 0; row < batch; row += 1) {
    for (let head = 0; head < heads; head += 1) {
      const group = Math.floor((head * groups) / heads);
      for (let token = 0; token < length; token += 1) {
        const wanted = rotated(query, heads, row, token, head);
        const exponentials = Array.from({ length: token + 1 }, (_, seen) => {
          const offered = rotated(key, groups, row, seen, group);
          return Math.exp(
            wanted.reduce((sum, element, channel) => sum + element * offered[channel]!, 0) / Math.sqrt(width),
          );
        });
        const total = exponentials.reduce((sum, element) => sum + element, 0);
        for (let channel = 0; channel < width; channel += 1) {
          result[((row * length + token) * heads + head) * width + channel] = exponentials.reduce(
            (sum, element, seen) => sum + (element / total) * at(value, groups, row, seen, group, channel),
            0,
          );
        }
      }
    }
  }
  return result;
}

function randomTensor(name: string, shape: readonly number[]): FloatTensor {
  const stream = createRandomStream(1, name);
  return {
    shape,
    data: Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => stream.normal()),
  };
}
