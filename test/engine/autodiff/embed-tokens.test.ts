import { describe, expect, it } from 'vitest';

import { embedTokens } from '../../../src/engine/autodiff/operators/embed-tokens.js';
import { Tape } from '../../../src/engine/autodiff/tape.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { checkGradient, integers, watched } from './check-gradient.js';

describe('embedTokens', () => {
  it('adds up the rows of ids that occur more than once', async () => {
    await checkGradient({
      inputs: { table: watched([5, 3]), ids: integers([1, 4, 1, 0, 1, 4], [2, 3], ['batch', 'length']) },
      build: (tape, { table, ids }) => embedTokens(tape, table, ids),
    });
  });

  it('gives ids that do not occur no gradient', async () => {
    const graph = new Graph();
    const tape = new Tape(graph);
    const table = tape.watch(graph.input('table', 'float32', [4, 2]));
    const output = embedTokens(tape, table, graph.integerList([2, 0, 2]));
    const [gradient] = tape.gradients(output, graph.floats([1, 2, 10, 20, 100, 200], [3, 2]), [table]);
    graph.output('gradient', gradient!);
    const compiled = await compileGraph(graph, { threads: 1 });
    const found = await compiled.run({ table: { shape: [4, 2], data: new Float32Array(8) } });
    await compiled.release();
    expect(found['gradient']?.data).toEqual(Float32Array.of(10, 20, 0, 0, 101, 202, 0, 0));
  });
});
