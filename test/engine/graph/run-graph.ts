import { Graph, type Value } from '../../../src/engine/graph/graph.js';
import { compileGraph, type FeedTensor } from '../../../src/engine/runtime/compiled-graph.js';

/** Builds a graph, lets ONNX Runtime run it once, and gives what came out: element by element, after its shape. */
export async function runGraph(
  build: (graph: Graph) => Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, FeedTensor>> = {},
): Promise<Record<string, { readonly shape: readonly number[]; readonly elements: readonly number[] }>> {
  const graph = new Graph();
  for (const [name, value] of Object.entries(build(graph))) graph.output(name, value);
  const compiled = await compileGraph(graph, { threads: 1 });
  try {
    const outputs = await compiled.run(feeds);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { shape, data }]) => [
        name,
        { shape: [...shape], elements: Array.from(data, Number) },
      ]),
    );
  } finally {
    await compiled.release();
  }
}

export function floats(elements: readonly number[], shape: readonly number[] = [elements.length]): FeedTensor {
  return { shape, data: Float32Array.from(elements) };
}

export function integers(elements: readonly number[], shape: readonly number[] = [elements.length]): FeedTensor {
  return { shape, data: BigInt64Array.from(elements, BigInt) };
}
