import { describe, expect, it } from 'vitest';

import { Graph } from '../../../src/engine/graph/graph.js';
import { add, scale } from '../../../src/engine/graph/operations.js';
import { openGraphHost, type GraphHost } from '../../../src/engine/runtime/graph-host.js';
import { openGraphThread } from '../../../src/engine/runtime/graph-thread.js';
import { errorOf } from '../checkpoint/error-of.js';
import { floats } from '../graph/run-graph.js';

function buildSum(): Graph {
  const graph = new Graph();
  graph.output('sum', add(graph, graph.input('left', 'float32', ['n']), graph.input('right', 'float32', ['n'])));
  return graph;
}

function buildDouble(): Graph {
  const graph = new Graph();
  graph.output('double', scale(graph, graph.input('left', 'float32', ['n']), 2));
  return graph;
}

describe.each<[string, () => Promise<GraphHost>]>([
  ['openGraphHost', () => openGraphHost([buildSum(), buildDouble()], 1)],
  ['openGraphThread', () => openGraphThread([buildSum(), buildDouble()])],
])('%s', (_name, open) => {
  it('feeds every run what it keeps and what the run brings, to each graph what it has inputs for', async () => {
    const host = await open();
    host.keep({ left: floats([1, 2]), right: floats([10, 20]), other: floats([0]) });
    expect((await host.run(0, {}))['sum']).toEqual(floats([11, 22]));
    expect((await host.run(0, { right: floats([5, 5]) }))['sum']).toEqual(floats([6, 7]));
    host.keep({ left: floats([3, 4]) });
    expect((await host.run(0, {}))['sum']).toEqual(floats([13, 24]));
    expect((await host.run(1, {}))['double']).toEqual(floats([6, 8]));
    await host.release();
  });

  it('tells what a run failed of, and goes on with the next', async () => {
    const host = await open();
    const error = await errorOf(() => host.run(0, { left: floats([1, 2, 3]), right: floats([1, 2]) }));
    expect(error.code).toBe('engine-failed');
    expect(error.message).toContain('Add');
    expect((await host.run(1, { left: floats([1]) }))['double']).toEqual(floats([2]));
    await host.release();
  });
});
