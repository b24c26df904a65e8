import { expect } from 'vitest';

import { Tape } from '../../../src/engine/autodiff/tape.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { Graph, type Shape, type Value } from '../../../src/engine/graph/graph.js';
import { add, multiply, sumAll } from '../../../src/engine/graph/operations.js';
import { compileGraph, type FeedTensor } from '../../../src/engine/runtime/compiled-graph.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';

/** One value fed into the graph of a gradient check. */
export interface CheckedInput {
  readonly shape: readonly number[];
  /** Normal values of this standard deviation, or given ones. */
  readonly values: { readonly deviation: number } | Float32Array | BigInt64Array;
  /** Whether the tape watches it, so that its gradient is compared. */
  readonly watched: boolean;
  /** The shape that the graph is told; symbolic where the engine's own graphs are. */
  readonly declared: Shape;
}

export interface GradientCheck<Name extends string> {
  readonly inputs: Readonly<Record<Name, CheckedInput>>;
  /** Puts the operator on the tape; the loss is the sum of all its outputs, each times fixed random weights. */
  readonly build: (tape: Tape, values: Readonly<Record<Name, Value>>) => Value | readonly Value[];
}

/**
 * Values of order 1 and steps of 0.02: with the fourth-order difference quotient the truncated terms and float32's
 * rounding both stay near 1e-5 of the gradient, far below the tolerance, and a factor forgotten anywhere far above it.
 */
const step = 0.02;
const tolerance = 1e-3;
const directions = 3;
const fewElements = 64;

/**
 * Compares the gradient of every watched input with central differences of the forward graph: along random directions,
 * and element by element where there are few. Fails the test, naming the input, where they differ.
 */
export async function checkGradient<Name extends string>({ inputs, build }: GradientCheck<Name>): Promise<void> {
  const names = Object.keys(inputs) as Name[]; // the keys of a record are its names
  const graph = new Graph();
  const tape = new Tape(graph);
  const values = Object.fromEntries(
    names.map((name) => {
      const input = inputs[name];
      const value = graph.input(name, input.values instanceof BigInt64Array ? 'int64' : 'float32', input.declared);
      return [name, input.watched ? tape.watch(value) : value];
    }),
  ) as Record<Name, Value>; // fromEntries forgets that every name is there
  const built = build(tape, values);
  const outputs: readonly Value[] = 'name' in built ? [built] : built;
  outputs.forEach((output, position) => {
    graph.output(`output ${position}`, output);
  });

  const feeds: Record<string, FeedTensor> = Object.fromEntries(
    names.map((name) => [name, tensorOf(name, inputs[name])]),
  );
  const forward = await runOnce(graph, feeds);
  const weights = outputs.map((_, position) => {
    const { shape } = forward[`output ${position}`]!;
    return randomTensor(shape, `weights of output ${position}`);
  });
  const loss = addWeighted(tape, outputs, weights);
  const targets = names.filter((name) => inputs[name].watched);
  const gradients = tape.gradients(
    loss,
    graph.floats([1]),
    targets.map((name) => values[name]),
  );
  targets.forEach((name, position) => {
    const gradient = gradients[position];
    if (!gradient) throw new Error(`the tape has no gradient for ${name}`);
    graph.output(`gradient ${name}`, gradient);
  });

  const compiled = await compileGraph(graph, { threads: 1 });
  const outputNames = outputs.map((_, position) => `output ${position}`);
  const lossOf = async (changed: Name, data: Float32Array): Promise<number> => {
    const found = await compiled.run({ ...feeds, [changed]: { shape: inputs[changed].shape, data } }, outputNames);
    return weights.reduce((sum, weight, position) => sum + dot(weight.data, floatsOf(found[`output ${position}`])), 0);
  };
  try {
    const found = await compiled.run(feeds);
    for (const name of targets) {
      const gradient = found[`gradient ${name}`];
      expect(gradient?.shape, `shape of the gradient of ${name}`).toEqual(inputs[name].shape);
      await compare(name, floatsOf(feeds[name]), floatsOf(gradient), (data) => lossOf(name, data));
    }
  } finally {
    await compiled.release();
  }
}

/** A float32 input whose gradient is compared. */
export function watched(shape: readonly number[], declared: Shape = shape, deviation = 1): CheckedInput {
  return { shape, values: { deviation }, watched: true, declared };
}

/** A float32 input that nobody asks the gradient of. */
export function fixed(shape: readonly number[], declared: Shape = shape, deviation = 1): CheckedInput {
  return { shape, values: { deviation }, watched: false, declared };
}

/** Given float32 values that nobody asks the gradient of. */
export function floats({ shape, data }: FloatTensor, declared: Shape = shape): CheckedInput {
  return { shape, values: data, watched: false, declared };
}

export function integers(
  elements: readonly number[],
  shape: readonly number[] = [elements.length],
  declared: Shape = shape,
): CheckedInput {
  return { shape, values: BigInt64Array.from(elements, BigInt), watched: false, declared };
}

async function compare(
  name: string,
  point: Float32Array,
  gradient: Float32Array,
  lossAt: (data: Float32Array) => Promise<number>,
): Promise<void> {
  const largest = gradient.reduce((most, element) => Math.max(most, Math.abs(element)), 0);
  expect(largest, `gradient of ${name}`).toBeLessThan(Infinity);
  const slopeAlong = async (direction: readonly number[]): Promise<number> => {
    const at = (distance: number): Promise<number> =>
      lossAt(Float32Array.from(point, (element, index) => element + distance * direction[index]!));
    const near = (await at(step)) - (await at(-step));
    const far = (await at(2 * step)) - (await at(-2 * step));
    return (8 * near - far) / (12 * step);
  };
  const checks: { readonly label: string; readonly direction: readonly number[] }[] = [];
  for (let count = 0; count < directions; count += 1) {
    const random = [...randomTensor([point.length], `direction ${count}`).data];
    const length = Math.hypot(...random);
    checks.push({ label: `direction ${count}`, direction: random.map((element) => element / length) });
  }
  if (point.length <= fewElements) {
    point.forEach((_, chosen) => {
      checks.push({
        label: `element ${chosen}`,
        direction: Array.from(point, (_unused, index) => Number(index === chosen)),
      });
    });
  }
  for (const { label, direction } of checks) {
    const expected = await slopeAlong(direction);
    const found = direction.reduce((sum, element, index) => sum + element * gradient[index]!, 0);
    // Where the gradient vanishes, rounding is all that there is.
    const allowed = tolerance * Math.max(largest, 0.05);
    expect(Math.abs(found - expected), `${name}, ${label}: gradient ${found}, difference ${expected}`).toBeLessThan(
      allowed,
    );
  }
}

/** sum of weights_i * outputs_i, as an operator of the test's own. */
function addWeighted(tape: Tape, outputs: readonly Value[], weights: readonly FloatTensor[]): Value {
  const { graph } = tape;
  // With the outputs' symbolic shapes, as gradients have them in the engine's own graphs.
  const factors = weights.map(({ data, shape }, position) => ({
    ...graph.floats([...data], shape),
    shape: outputs[position]!.shape,
  }));
  const loss = outputs
    .map((output, position) => sumAll(graph, multiply(graph, output, factors[position]!)))
    .reduce((sum, part) => add(graph, sum, part));
  tape.record(outputs, [loss], ([gradient = null]) =>
    factors.map((factor) => (gradient === null ? null : multiply(graph, factor, gradient))),
  );
  return loss;
}

async function runOnce(graph: Graph, feeds: Readonly<Record<string, FeedTensor>>): Promise<Record<string, FeedTensor>> {
  const compiled = await compileGraph(graph, { threads: 1 });
  const outputs = await compiled.run(feeds);
  await compiled.release();
  return outputs;
}

function tensorOf(name: string, { shape, values }: CheckedInput): FeedTensor {
  return 'deviation' in values ? randomTensor(shape, name, values.deviation) : { shape, data: values };
}

function randomTensor(shape: readonly number[], name: string, deviation = 1): FloatTensor {
  const stream = createRandomStream(0, 'check-gradient', name);
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length: count }, () => deviation * stream.normal()) };
}

function dot(left: Float32Array, right: Float32Array): number {
  return left.reduce((sum, element, index) => sum + element * right[index]!, 0);
}

function floatsOf(tensor: FeedTensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new Error('expected a float32 tensor');
}
