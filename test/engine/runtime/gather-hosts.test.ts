import { describe, expect, it } from 'vitest';

import { Graph } from '../../../src/engine/graph/graph.js';
import { scale } from '../../../src/engine/graph/operations.js';
import { gatherHosts, openGraphHost, type GraphHost } from '../../../src/engine/runtime/graph-host.js';
import { openGraphThread } from '../../../src/engine/runtime/graph-thread.js';
import { errorOf } from '../checkpoint/error-of.js';
import { floats } from '../graph/run-graph.js';

function buildGraph(operator?: string): Graph {
  const graph = new Graph();
  const left = graph.input('left', 'float32', ['n']);
  graph.output('right', operator === undefined ? scale(graph, left, 2) : graph.node(operator, [left], left));
  return graph;
}

/** A host on a thread that writes down its release. */
async function openWatched(releases: string[]): Promise<GraphHost> {
  const host = await openGraphThread([buildGraph()]);
  return {
    ...host,
    release: async () => {
      await host.release();
      releases.push('released');
    },
  };
}

describe('gatherHosts', () => {
  it('gives the hosts in their order', async () => {
    const hosts = await gatherHosts([openGraphHost([buildGraph()], 1), openGraphThread([buildGraph()])]);
    expect(hosts).toHaveLength(2);
    for (const host of hosts) {
      expect((await host.run(0, { left: floats([1, 2]) }))['right']).toEqual(floats([2, 4]));
      await host.release();
    }
  });

  it.each<[string, () => Promise<GraphHost>]>([
    ['this thread', () => openGraphHost([buildGraph('NoSuchOperator')], 1)],
    ['another thread', () => openGraphThread([buildGraph('NoSuchOperator')])],
  ])('releases the others where one on %s cannot be opened, and says why', async (_label, openBroken) => {
    const releases: string[] = [];
    const error = await errorOf(() => gatherHosts([openWatched(releases), openBroken(), openWatched(releases)]));
    expect(error.code).toBe('engine-failed');
    expect(error.message).toContain('NoSuchOperator');
    expect(releases).toEqual(['released', 'released']);
  });
});
