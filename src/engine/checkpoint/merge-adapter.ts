import { DriftlineError } from '../../foundation/driftline-error.js';
import { loraScale, requireAdapter, type Adapter, type LoraPair } from './adapter.js';
import { projectionModule } from './decoder-tensors.js';
import { requireWeights, type FloatTensor } from './float-tensor.js';

/** The weights of the adapted model: W + scale * B A for every adapted matrix; the others are shared with the input. */
export function mergeAdapter(weights: ReadonlyMap<string, FloatTensor>, adapter: Adapter): Map<string, FloatTensor> {
  requireWeights(weights, 'weights');
  requireAdapter(adapter, 'adapter');
  const merged = new Map(weights);
  const scale = loraScale(adapter.settings);
  for (const pair of adapter.pairs) {
    const name = `${projectionModule(pair.layer, pair.projection)}.weight`;
    const weight = weights.get(name);
    if (!weight || weight.shape[0] !== pair.b.shape[0] || weight.shape[1] !== pair.a.shape[1]) {
      throw new DriftlineError({
        code: 'adapter-mismatch',
        message: `the adapter changes ${name} [${pair.b.shape[0]}, ${pair.a.shape[1]}]; the base has [${weight?.shape.join(', ') ?? 'none'}]`,
        hint: 'Merge the adapter with the model that it was trained on.',
        details: { tensor: name },
      });
    }
    merged.set(name, mergePair(weight, pair, scale));
  }
  return merged;
}

/** One row at a time: the row of B A is summed in double precision while all of A streams through the cache. */
function mergePair(weight: FloatTensor, { a, b }: LoraPair, scale: number): FloatTensor {
  const rank = a.shape[0] ?? 0;
  const inWidth = a.shape[1] ?? 0;
  const outWidth = b.shape[0] ?? 0;
  const data = new Float32Array(weight.data);
  const change = new Float64Array(inWidth);
  for (let row = 0; row < outWidth; row++) {
    change.fill(0);
    for (let component = 0; component < rank; component++) {
      const factor = scale * b.data[row * rank + component]!;
      const start = component * inWidth;
      for (let column = 0; column < inWidth; column++) {
        change[column] = change[column]! + factor * a.data[start + column]!;
      }
    }
    const start = row * inWidth;
    for (let column = 0; column < inWidth; column++) {
      data[start + column] = data[start + column]! + change[column]!;
    }
  }
  return { shape: weight.shape, data };
}
