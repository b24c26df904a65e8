import { z } from 'zod';

import { DriftlineError } from '../../foundation/driftline-error.js';
import type { JsonObject } from './read-json-object.js';

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** A plain name in the same folder: no separators, no drive, not hidden, so that an index can name nothing elsewhere. */
const plainShardName = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$/;

/** Reads model.safetensors.index.json: which shard holds which tensor. */
export function parseShardIndex(indexJson: JsonObject, path: string): ReadonlyMap<string, string> {
  const parsed = indexSchema.safeParse(indexJson);
  if (!parsed.success || Object.keys(parsed.data.weight_map).length === 0) {
    throw invalid(path, 'it has no weight_map from tensor names to file names');
  }
  const shards = new Map(Object.entries(parsed.data.weight_map));
  for (const [tensor, shard] of shards) {
    if (!plainShardName.test(shard)) {
      throw invalid(path, `tensor ${tensor} is said to lie in ${JSON.stringify(shard)}, which is no plain file name`);
    }
  }
  return shards;
}

function invalid(path: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'checkpoint-invalid',
    message: `${path} is damaged: ${problem}`,
    hint: 'Download the index again from the source of the model.',
    details: { file: path },
  });
}
