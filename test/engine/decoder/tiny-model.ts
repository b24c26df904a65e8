import { join } from 'node:path';

import { createConfigJson } from '../../../src/engine/checkpoint/create-config-json.js';
import type { DecoderConfig } from '../../../src/engine/checkpoint/decoder-config.js';
import { decoderTensorShapes } from '../../../src/engine/checkpoint/decoder-tensors.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { readCheckpoint, type Checkpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { writeCheckpoint } from '../../../src/engine/checkpoint/write-checkpoint.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';

/** Two blocks of width 16: every part of a decoder, and a step of training in milliseconds. */
export const tinyConfig: DecoderConfig = {
  family: 'llama',
  layers: 2,
  width: 16,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 4,
  feedForwardWidth: 24,
  vocabulary: 40,
  normEpsilon: 1e-5,
  rope: { theta: 10000, llama3: null },
  context: 48,
  tiedHead: true,
  queryKeyValueBias: false,
  outputBias: false,
  feedForwardBias: false,
  queryKeyNorm: false,
  endTokenIds: [2],
  beginTokenId: null,
  padTokenId: 0,
};

/** Random weights, large enough that every part of the network matters; a later name does not depend on an earlier one. */
export function makeTinyWeights(config: DecoderConfig, seed = 0): Map<string, FloatTensor> {
  return new Map(
    [...decoderTensorShapes(config)].map(([name, shape]) => {
      const stream = createRandomStream(seed, 'tiny', name);
      const count = shape.reduce((product, size) => product * size, 1);
      const isNorm = name.includes('norm');
      const deviation = isNorm ? 0.1 : name.includes('embed') ? 0.5 : 1 / Math.sqrt(shape.at(-1)!);
      return [
        name,
        { shape, data: Float32Array.from({ length: count }, () => Number(isNorm) + deviation * stream.normal()) },
      ];
    }),
  );
}

/** A model in memory only. */
export function makeTinyModel(changes: Partial<DecoderConfig> = {}, seed = 0): Checkpoint {
  const config = { ...tinyConfig, ...changes };
  return { folder: 'tiny', config, configJson: createConfigJson(config), weights: makeTinyWeights(config, seed) };
}

/** The same model as a folder, as training that writes whole models needs it. */
export async function writeTinyModel(parent: string, changes: Partial<DecoderConfig> = {}): Promise<Checkpoint> {
  const folder = join(parent, 'tiny-model');
  const { config, configJson, weights } = makeTinyModel(changes);
  await writeCheckpoint(folder, { config, configJson, weights });
  return readCheckpoint(folder);
}
