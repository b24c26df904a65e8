import { describe, expect, it } from 'vitest';

import { projectGroup, type LinearMap } from '../../../src/engine/autodiff/operators/project-group.js';
import { Tape } from '../../../src/engine/autodiff/tape.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { checkGradient, fixed, watched, type CheckedInput } from './check-gradient.js';

const tokens = 5;
const inWidth = 4;
const rows = (isWatched: boolean): CheckedInput =>
  (isWatched ? watched : fixed)([tokens, inWidth], ['tokens', inWidth]);
const plain = (weight: Value): LinearMap => ({ weight, bias: null, update: null });

describe('projectGroup', () => {
  it('computes x (W + scale b a)^T + bias', async () => {
    const graph = new Graph();
    const input = graph.input('input', 'float32', ['tokens', 2]);
    const [output] = projectGroup(new Tape(graph), input, [
      {
        weight: graph.floats([1, 2, 3, 4, 5, 6], [3, 2]),
        bias: graph.floats([0.5, 0, -0.5]),
        update: { a: graph.floats([1, -1], [1, 2]), b: graph.floats([1, 0, 2], [3, 1]), scale: 10 },
      },
    ]);
    graph.output('output', output!);
    const compiled = await compileGraph(graph, { threads: 1 });
    const { output: found } = await compiled.run({ input: { shape: [1, 2], data: Float32Array.of(1, 2) } });
    await compiled.release();
    // W + 10 b a = [[11, -8], [3, 4], [25, -14]]
    expect(found).toEqual({ shape: [1, 3], data: Float32Array.of(-4.5, 11, -3.5) });
  });

  it('of one map without a bias', async () => {
    await checkGradient({
      inputs: { input: rows(true), weight: watched([3, inWidth]) },
      build: (tape, { input, weight }) => projectGroup(tape, input, [plain(weight)]),
    });
  });

  it('of one map with a bias', async () => {
    await checkGradient({
      inputs: { input: rows(true), weight: watched([3, inWidth]), bias: watched([3]) },
      build: (tape, { input, weight, bias }) => projectGroup(tape, input, [{ weight, bias, update: null }]),
    });
  });

  it.each([1, 2])('of a low-rank update of rank %i beside a weight in training', async (rank) => {
    await checkGradient({
      inputs: {
        input: rows(true),
        weight: watched([3, inWidth]),
        bias: watched([3]),
        a: watched([rank, inWidth]),
        b: watched([3, rank]),
      },
      build: (tape, { input, weight, bias, a, b }) =>
        projectGroup(tape, input, [{ weight, bias, update: { a, b, scale: 1.5 } }]),
    });
  });

  it('of several maps, some with a bias, an update of their own rank, or neither', async () => {
    await checkGradient({
      inputs: {
        input: rows(true),
        first: watched([3, inWidth]),
        second: watched([2, inWidth]),
        third: watched([6, inWidth]),
        firstBias: watched([3]),
        thirdBias: watched([6]),
        firstA: watched([1, inWidth]),
        firstB: watched([3, 1]),
        thirdA: watched([2, inWidth]),
        thirdB: watched([6, 2]),
      },
      build: (tape, { input, first, second, third, firstBias, thirdBias, firstA, firstB, thirdA, thirdB }) =>
        projectGroup(tape, input, [
          { weight: first, bias: firstBias, update: { a: firstA, b: firstB, scale: 2 } },
          plain(second),
          { weight: third, bias: thirdBias, update: { a: thirdA, b: thirdB, scale: 0.5 } },
        ]),
    });
  });

  it('of adapters on fixed weights, of the same rank and of different ones', async () => {
    for (const rank of [2, 3]) {
      await checkGradient({
        inputs: {
          input: rows(true),
          first: fixed([3, inWidth]),
          second: fixed([2, inWidth]),
          bias: fixed([2]),
          firstA: watched([2, inWidth]),
          firstB: watched([3, 2]),
          secondA: watched([rank, inWidth]),
          secondB: watched([2, rank]),
        },
        build: (tape, { input, first, second, bias, firstA, firstB, secondA, secondB }) =>
          projectGroup(tape, input, [
            { weight: first, bias: null, update: { a: firstA, b: firstB, scale: 2 } },
            { weight: second, bias, update: { a: secondA, b: secondB, scale: 2 } },
          ]),
      });
    }
  });

  // What is watched decides which gradient nodes are built at all.
  const parts = { input: [tokens, inWidth], weight: [3, inWidth], bias: [3], a: [2, inWidth], b: [3, 2] } as const;
  it.each(Object.keys(parts) as (keyof typeof parts)[])('where only %s is watched', async (only) => {
    const part = (name: keyof typeof parts): CheckedInput => (name === only ? watched : fixed)(parts[name]);
    await checkGradient({
      inputs: { input: part('input'), weight: part('weight'), bias: part('bias'), a: part('a'), b: part('b') },
      build: (tape, { input, weight, bias, a, b }) =>
        projectGroup(tape, input, [{ weight, bias, update: { a, b, scale: 0.7 } }]),
    });
  });

  it('where the input is not watched but an adapter is, as in the first block', async () => {
    await checkGradient({
      inputs: { input: rows(false), weight: fixed([3, inWidth]), a: watched([1, inWidth]), b: watched([3, 1]) },
      build: (tape, { input, weight, a, b }) =>
        projectGroup(tape, input, [{ weight, bias: null, update: { a, b, scale: 4 } }]),
    });
  });

  it('where the gradient reaches only some of the maps', async () => {
    await checkGradient({
      inputs: {
        input: rows(true),
        first: watched([3, inWidth]),
        second: fixed([2, inWidth]),
        secondA: fixed([2, inWidth]),
        secondB: fixed([2, 2]),
        thirdA: watched([2, inWidth]),
        thirdB: watched([3, 2]),
      },
      build: (tape, { input, first, second, secondA, secondB, thirdA, thirdB }) => {
        tape.watch(secondA);
        const [one, , three] = projectGroup(tape, input, [
          plain(first),
          { weight: second, bias: null, update: { a: secondA, b: secondB, scale: 1 } },
          { weight: first, bias: null, update: { a: thirdA, b: thirdB, scale: 1 } },
        ]);
        return [one!, three!];
      },
    });
  });
});
