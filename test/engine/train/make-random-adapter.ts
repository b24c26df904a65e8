import type { Adapter } from '../../../src/engine/checkpoint/adapter.js';
import type { Checkpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { initialiseAdapter } from '../../../src/engine/train/start-training.js';
import { adapterFromParameters } from '../../../src/engine/train/trained-parameters.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';

/** An adapter as if trained: neither A nor B is zero. */
export function makeRandomAdapter(base: Checkpoint, seed = 0): Adapter {
  const trained = {
    method: 'lora',
    rank: 2,
    alpha: 4,
    rslora: false,
    targets: ['q_proj', 'v_proj', 'down_proj'],
    layers: [0, 1],
  } as const;
  const stream = createRandomStream(seed, 'random-adapter');
  const parameters = new Map(
    [...initialiseAdapter(base.config, trained, seed)].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((element) => element + 0.2 * stream.normal()) },
    ]),
  );
  return adapterFromParameters(trained, parameters);
}
