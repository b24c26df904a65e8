import { Graph } from '../graph/graph.js';
import { add } from '../graph/operations.js';
import { compileGraph } from './compiled-graph.js';

let done: Promise<void> | null = null;

/**
 * Has numbers too small for float32's usual form count as zero on this thread and those that it starts from then on. ONNX Runtime does what its sessions ask for
 * once for a process, on the thread that makes the first of them. Where that was the thread of a sampler, models that were trained afterwards, on other threads, came
 * to other bits than in a process that only trains. So whoever starts a thread that computes waits for this first.
 */
export function zeroDenormals(): Promise<void> {
  done ??= makeFirstSession().catch((cause: unknown) => {
    done = null;
    throw cause;
  });
  return done;
}

async function makeFirstSession(): Promise<void> {
  const graph = new Graph();
  const value = graph.input('value', 'float32', [1]);
  graph.output('sum', add(graph, value, value));
  const compiled = await compileGraph(graph, { threads: 1 });
  await compiled.release();
}
