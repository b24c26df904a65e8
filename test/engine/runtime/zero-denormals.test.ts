import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const built = (file: string): string => JSON.stringify(new URL(`../../../dist/engine/${file}`, import.meta.url).href);
const model = fileURLToPath(new URL('../../fixtures/goldens/qwen2-bias', import.meta.url));

/** A program of its own, since the runtime settles this once for a process. It prints 1e-30 times 1e-10, on this thread and on another. */
const program = (first: string): string => `
  import { openSampler } from ${built('worker/open-sampler.js')};
  import { Graph } from ${built('graph/graph.js')};
  import { multiply } from ${built('graph/operations.js')};
  import { openGraphHost } from ${built('runtime/graph-host.js')};
  import { openGraphThread } from ${built('runtime/graph-thread.js')};
  ${first}
  const graph = new Graph();
  const input = (name) => graph.input(name, 'float32', [1]);
  graph.output('product', multiply(graph, input('left'), input('right')));
  const feed = (value) => ({ shape: [1], data: Float32Array.of(value) });
  const products = [];
  for (const host of [await openGraphHost([graph], 1), await openGraphThread([graph])]) {
    const { product } = await host.run(0, { left: feed(1e-30), right: feed(1e-10) });
    products.push(product.data[0]);
    await host.release();
  }
  console.log(JSON.stringify(products));
`;

it.each([
  ['first', ''],
  [
    'after a model was asked on a thread of its own',
    `const sampler = await openSampler({ model: ${JSON.stringify(model)}, threads: 1 }); await sampler.close();`,
  ],
])('computes with denormals as zero on every thread: %s', async (_when, first) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program(first)]);
  expect(JSON.parse(stdout)).toEqual([0, 0]);
});
