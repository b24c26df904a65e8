import { describe, expect, it } from 'vitest';

import { addVector, removeDirection } from '../../../src/engine/autodiff/operators/edit-residual.js';
import { Tape } from '../../../src/engine/autodiff/tape.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { checkGradient, fixed, floats, watched } from './check-gradient.js';

const direction = { shape: [4], data: Float32Array.of(0.5, -0.5, 0.1, 0.7) };

describe('addVector', () => {
  it('passes the gradient on', async () => {
    await checkGradient({
      inputs: { rows: watched([3, 4], ['tokens', 4]), vector: fixed([4]) },
      build: (tape, { rows, vector }) => addVector(tape, rows, vector),
    });
  });
});

describe('removeDirection', () => {
  it('projects the gradient', async () => {
    await checkGradient({
      inputs: { rows: watched([3, 4], ['tokens', 4]), vector: floats(direction) },
      build: (tape, { rows, vector }) => removeDirection(tape, rows, vector),
    });
  });

  it('leaves nothing along the direction', async () => {
    const graph = new Graph();
    const rows = graph.input('rows', 'float32', ['tokens', 4]);
    graph.output('removed', removeDirection(new Tape(graph), rows, graph.floats([...direction.data])));
    const compiled = await compileGraph(graph, { threads: 1 });
    const { removed } = await compiled.run({
      rows: { shape: [2, 4], data: Float32Array.of(1, 2, 3, 4, -4, 3, -2, 1) },
    });
    await compiled.release();
    // The direction has length 1, as 0.25 + 0.25 + 0.01 + 0.49 = 1; the products are 2.6 and -3.
    const expected = [1 - 1.3, 2 + 1.3, 3 - 0.26, 4 - 1.82, -4 + 1.5, 3 - 1.5, -2 + 0.3, 1 + 2.1];
    expected.forEach((element, index) => {
      expect(Number(removed?.data[index])).toBeCloseTo(element, 5);
    });
  });
});
