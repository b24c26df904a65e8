import { describe, expect, it } from 'vitest';

import { addResidual } from '../../../src/engine/autodiff/operators/add-residual.js';
import { gateFeedForward } from '../../../src/engine/autodiff/operators/gate-feed-forward.js';
import { projectGroup } from '../../../src/engine/autodiff/operators/project-group.js';
import { Tape } from '../../../src/engine/autodiff/tape.js';
import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { checkGradient, fixed, watched } from './check-gradient.js';

function makeTape(): { tape: Tape; input: (name: string) => Value } {
  const graph = new Graph();
  return { tape: new Tape(graph), input: (name) => graph.input(name, 'float32', [2]) };
}

describe('Tape', () => {
  it('gives null for an input that the output does not depend on', () => {
    const { tape, input } = makeTape();
    const used = tape.watch(input('used'));
    const elsewhere = tape.watch(input('elsewhere'));
    const untouched = tape.watch(input('untouched'));
    const output = addResidual(tape, used, input('constant'));
    addResidual(tape, elsewhere, used);
    const gradients = tape.gradients(output, tape.graph.floats([1, 1]), [untouched, used, elsewhere]);
    expect(gradients[0]).toBeNull();
    expect(gradients[1]).not.toBeNull();
    expect(gradients[2]).toBeNull();
  });

  it('gives null for a value that nobody watches, and adds no node for it', () => {
    const { tape, input } = makeTape();
    const ignored = input('ignored');
    const output = gateFeedForward(tape, ignored, input('also ignored'));
    const nodes = tape.graph.nodes.length;
    expect(tape.isWatched(output)).toBe(false);
    expect(tape.gradients(output, tape.graph.floats([1, 1]), [ignored])).toEqual([null]);
    expect(tape.graph.nodes).toHaveLength(nodes);
  });

  it('watches what depends on a watched value', () => {
    const { tape, input } = makeTape();
    const first = addResidual(tape, tape.watch(input('watched')), input('constant'));
    expect(tape.isWatched(addResidual(tape, input('other'), first))).toBe(true);
  });

  it('sums the gradients of a value that is used twice, by one step or by several', async () => {
    await checkGradient({
      inputs: { value: watched([2, 3]), other: watched([2, 3]) },
      build: (tape, { value, other }) => {
        const doubled = addResidual(tape, value, value);
        const gated = gateFeedForward(tape, doubled, value);
        return [addResidual(tape, gated, other), addResidual(tape, doubled, gateFeedForward(tape, other, gated))];
      },
    });
  });

  it('differentiates with respect to values in the middle and to the output itself', async () => {
    const { tape, input } = makeTape();
    const { graph } = tape;
    const start = tape.watch(input('start'));
    const middle = addResidual(tape, start, start);
    const output = addResidual(tape, middle, start);
    const names = ['output', 'middle', 'start'];
    tape.gradients(output, graph.floats([1, -10]), [output, middle, start]).forEach((gradient, position) => {
      if (gradient) graph.output(names[position]!, gradient);
    });
    const compiled = await compileGraph(graph, { threads: 1 });
    const found = await compiled.run({ start: { shape: [2], data: Float32Array.of(5, 6) } });
    await compiled.release();
    expect(found['output']?.data).toEqual(Float32Array.of(1, -10));
    expect(found['middle']?.data).toEqual(Float32Array.of(1, -10));
    expect(found['start']?.data).toEqual(Float32Array.of(3, -30));
  });

  it('handles outputs of one step of which only some are used', async () => {
    await checkGradient({
      inputs: { input: watched([3, 4]), first: watched([2, 4]), second: fixed([5, 4]) },
      build: (tape, { input, first, second }) =>
        projectGroup(tape, input, [
          { weight: first, bias: null, update: null },
          { weight: second, bias: null, update: null },
        ]).slice(0, 1),
    });
  });
});
