import { describe, expect, it } from 'vitest';

import { normRows } from '../../../src/engine/autodiff/operators/norm-rows.js';
import { Tape } from '../../../src/engine/autodiff/tape.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { checkGradient, fixed, watched } from './check-gradient.js';

const epsilon = 1e-5;

describe('normRows', () => {
  it('computes x / sqrt(mean(x^2) + epsilon) * weight', async () => {
    const graph = new Graph();
    const value = graph.input('value', 'float32', ['tokens', 2]);
    graph.output('normed', normRows(new Tape(graph), value, graph.floats([1, 10]), 0.5));
    const compiled = await compileGraph(graph, { threads: 1 });
    const { normed } = await compiled.run({ value: { shape: [2, 2], data: Float32Array.of(1, -2, 0, 0) } });
    await compiled.release();
    const inverse = 1 / Math.sqrt(2.5 + 0.5);
    [inverse, -20 * inverse, 0, 0].forEach((expected, index) => {
      expect(Number(normed?.data[index])).toBeCloseTo(expected, 5);
    });
  });

  it('of rows and weight, on the token axis', async () => {
    await checkGradient({
      inputs: { value: watched([5, 6], ['tokens', 6]), weight: watched([6]) },
      build: (tape, { value, weight }) => normRows(tape, value, weight, epsilon),
    });
  });

  // Queries and keys are normed a head: also where the head's width is the number of heads, or of rows.
  it.each([
    [2, 3, 2, 4],
    [2, 3, 4, 4],
    [4, 4, 4, 4],
  ])('of heads [%i, %i, %i, %i]', async (batch, length, heads, width) => {
    await checkGradient({
      inputs: {
        value: watched([batch, length, heads, width], ['batch', 'length', heads, width]),
        weight: watched([width]),
      },
      build: (tape, { value, weight }) => normRows(tape, value, weight, epsilon),
    });
  });

  it('where the epsilon weighs as much as the values', async () => {
    await checkGradient({
      inputs: { value: watched([5, 6], ['tokens', 6]), weight: watched([6]) },
      build: (tape, { value, weight }) => normRows(tape, value, weight, 1.5),
    });
  });

  it('where only the rows, or only the weight, are watched', async () => {
    await checkGradient({
      inputs: { value: watched([5, 6]), weight: fixed([6]) },
      build: (tape, { value, weight }) => normRows(tape, value, weight, epsilon),
    });
    await checkGradient({
      inputs: { value: fixed([2, 2, 3, 4]), weight: watched([4]) },
      build: (tape, { value, weight }) => normRows(tape, value, weight, epsilon),
    });
  });
});
