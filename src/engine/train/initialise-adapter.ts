import { createRandomStream } from '../../foundation/random-stream.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { trainedParameterShapes, type TrainedPart } from './gradient-graph.js';

/**
 * A fresh adapter that changes nothing yet, as PEFT makes it: A uniform in +-1 / sqrt(in) (Kaiming uniform with
 * a = sqrt(5)), B zero. Every matrix draws from a stream of its own, so that a subset of targets starts with the same numbers.
 */
export function initialiseAdapter(
  config: DecoderConfig,
  trained: Extract<TrainedPart, { method: 'lora' }>,
  seed: number,
): Map<string, FloatTensor> {
  return new Map(
    [...trainedParameterShapes(config, trained)].map(([name, shape]) => {
      const [rows = 0, columns = 0] = shape;
      const data = new Float32Array(rows * columns);
      if (name.endsWith('.lora_A.weight')) {
        const stream = createRandomStream(seed, 'adapter', name);
        const bound = 1 / Math.sqrt(columns);
        for (let i = 0; i < data.length; i += 1) data[i] = (2 * stream.uniform() - 1) * bound;
      }
      return [name, { shape, data }];
    }),
  );
}
