import type { Adapter, LoraPair } from '../../../src/engine/checkpoint/adapter.js';
import { createRandomStream, type RandomStream } from '../../../src/foundation/random-stream.js';

const tensor = (shape: readonly [number, number], stream: RandomStream) => ({
  shape,
  data: Float32Array.from({ length: shape[0] * shape[1] }, () => stream.normal()),
});

/** An adapter of matrices [4, 5] in two blocks, its elements drawn by the seed. */
export function makeSmallAdapter(seed: number, rank: number, projections: readonly LoraPair['projection'][]): Adapter {
  const stream = createRandomStream(seed, 'adapter');
  return {
    settings: { rank, alpha: 16, rslora: true, targets: projections, layers: [0, 1] },
    pairs: [0, 1].flatMap((layer) =>
      projections.map((projection) => ({
        layer,
        projection,
        a: tensor([rank, 5], stream),
        b: tensor([4, rank], stream),
      })),
    ),
  };
}
