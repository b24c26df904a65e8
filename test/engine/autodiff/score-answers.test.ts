import { describe, expect, it } from 'vitest';

import { embedTokens } from '../../../src/engine/autodiff/operators/embed-tokens.js';
import { gateFeedForward } from '../../../src/engine/autodiff/operators/gate-feed-forward.js';
import { scoreAnswers, scoreDivergence } from '../../../src/engine/autodiff/operators/score-answers.js';
import { Tape } from '../../../src/engine/autodiff/tape.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { checkGradient, fixed, floats, integers, watched, type CheckedInput } from './check-gradient.js';

const vocabulary = 6;
const width = 3;
const hidden = (isWatched = true): CheckedInput => (isWatched ? watched : fixed)([5, width], ['tokens', width]);
const head = (isWatched = true): CheckedInput => (isWatched ? watched : fixed)([vocabulary, width]);

/** Scored positions with the weights of a mean over tokens of different weight; one of them twice, one token not at all. */
const scored = {
  rows: integers([0, 3, 1, 4, 3], [5], ['scored']),
  weights: floats({ shape: [5, 1], data: Float32Array.of(0.1, 0.3, 0.25, 0.15, 0.2) }, ['scored', 1]),
};
const labels = integers([2, 5, 2, 0, 2], [5], ['scored']);

describe('scoreAnswers', () => {
  it('is the weighted cross entropy of the labels', async () => {
    const [loss] = await scoreOnce(
      [
        [1, 0, 0],
        [0, 2, 0],
      ],
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      [1, 1],
      [0.25, 0.75],
    );
    const expected = 0.25 * (Math.log(Math.E + 2) - 0) + 0.75 * (Math.log(Math.E ** 2 + 2) - 2);
    expect(loss).toBeCloseTo(expected, 5);
  });

  it('of hidden states and head, with repeated labels and positions', async () => {
    await checkGradient({
      inputs: { hidden: hidden(), head: head(), labels, ...scored },
      build: (tape, values) => scoreAnswers(tape, values.hidden, values.head, values.labels, values),
    });
  });

  it.each(['hidden', 'head'] as const)('where only %s is watched', async (only) => {
    await checkGradient({
      inputs: { hidden: hidden(only === 'hidden'), head: head(only === 'head'), labels, ...scored },
      build: (tape, values) => scoreAnswers(tape, values.hidden, values.head, values.labels, values),
    });
  });

  it('of one table that is both embedding and head', async () => {
    await checkGradient({
      inputs: {
        table: watched([vocabulary, width]),
        gate: watched([5, width], ['tokens', width]),
        ids: integers([2, 1, 2, 3, 0]),
        labels,
        ...scored,
      },
      build: (tape, { table, gate, ids, labels: wanted, rows, weights }) => {
        const embedded = embedTokens(tape, table, ids);
        return scoreAnswers(tape, gateFeedForward(tape, gate, embedded), table, wanted, { rows, weights });
      },
    });
  });

  it('stays finite where the label is all but impossible, and pulls with full strength', async () => {
    const [loss, gradient] = await scoreOnce(
      [[200, 0]],
      [
        [1, 0],
        [0, 1],
        [-1, 0],
      ],
      [2],
      [1],
    );
    expect(loss).toBeGreaterThan(80);
    expect(loss).toBeLessThan(Infinity);
    // d loss / d hidden = P E - E[label] with P = (1, 0, 0)
    expect(gradient).toEqual([2, 0]);
  });
});

describe('scoreDivergence', () => {
  it('of tuned hidden states and head', async () => {
    await checkGradient({
      inputs: { hidden: hidden(), head: head(), baseHidden: hidden(false), baseHead: head(false), ...scored },
      build: (tape, { hidden: tuned, head: tunedHead, baseHidden, baseHead, ...positions }) =>
        scoreDivergence(tape, { hidden: tuned, head: tunedHead }, { hidden: baseHidden, head: baseHead }, positions),
    });
  });

  it('where both share a fixed head', async () => {
    await checkGradient({
      inputs: { hidden: hidden(), head: head(false), baseHidden: hidden(false), ...scored },
      build: (tape, { hidden: tuned, head: shared, baseHidden, ...positions }) =>
        scoreDivergence(tape, { hidden: tuned, head: shared }, { hidden: baseHidden, head: shared }, positions),
    });
  });

  it('is the weighted Kullback-Leibler divergence of the tuned from the reference', async () => {
    const graph = new Graph();
    const identity = graph.floats([1, 0, 0, 1], [2, 2]);
    const positions = { rows: graph.integerList([1, 0]), weights: graph.floats([0.25, 0.75], [2, 1]) };
    const tuned = { hidden: graph.input('hidden', 'float32', ['tokens', 2]), head: identity };
    const reference = { hidden: graph.floats([1, 0, 0, 0], [2, 2]), head: identity };
    graph.output('loss', scoreDivergence(new Tape(graph), tuned, reference, positions));
    const compiled = await compileGraph(graph, { threads: 1 });
    const run = async (data: readonly number[]): Promise<number> =>
      Number((await compiled.run({ hidden: { shape: [2, 2], data: Float32Array.from(data) } }))['loss']?.data[0]);
    const found = await run([0, 0, 0, 2]);
    const same = await run([1, 0, 0, 0]);
    await compiled.release();
    const likely = Math.E / (Math.E + 1);
    const first = likely * Math.log(2 * likely) + (1 - likely) * Math.log(2 * (1 - likely));
    const second = 0.5 * Math.log(0.5 * (1 + Math.E ** 2)) + 0.5 * Math.log((0.5 * (1 + Math.E ** 2)) / Math.E ** 2);
    expect(found).toBeCloseTo(0.75 * first + 0.25 * second, 5);
    expect(same).toBe(0);
  });
});

/** The loss of rows of hidden states, one label each, and its gradient with respect to them. */
async function scoreOnce(
  rows: readonly (readonly number[])[],
  table: readonly (readonly number[])[],
  wanted: readonly number[],
  weights: readonly number[],
): Promise<readonly [number, number[]]> {
  const graph = new Graph();
  const tape = new Tape(graph);
  const columns = rows[0]!.length;
  const states = tape.watch(graph.input('hidden', 'float32', ['tokens', columns]));
  const loss = scoreAnswers(
    tape,
    states,
    graph.floats(table.flat(), [table.length, columns]),
    graph.integerList(wanted),
    {
      rows: graph.integerList(rows.map((_, row) => row)),
      weights: graph.floats(weights, [weights.length, 1]),
    },
  );
  graph.output('loss', loss);
  graph.output('gradient', tape.gradients(loss, graph.floats([1]), [states])[0]!);
  const compiled = await compileGraph(graph, { threads: 1 });
  const found = await compiled.run({ hidden: { shape: [rows.length, columns], data: Float32Array.from(rows.flat()) } });
  await compiled.release();
  return [Number(found['loss']?.data[0]), [...(found['gradient']?.data as Float32Array)]]; // declared as float32
}
