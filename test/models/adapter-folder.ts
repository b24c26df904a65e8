import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { readCheckpoint } from '../../src/engine/checkpoint/read-checkpoint.js';
import { writeAdapter } from '../../src/engine/checkpoint/write-adapter.js';
import { prepareTraining } from '../../src/engine/train/prepare-training.js';
import { parseRecipe } from '../../src/engine/train/recipe.js';
import { createRandomStream } from '../../src/foundation/random-stream.js';

/** A folder with an adapter for a model that changes what it says, for all tests of a file. */
export async function createAdapterFolder(model: string): Promise<string> {
  const { config } = await readCheckpoint(model);
  const recipe = parseRecipe({ method: 'lora', rank: 2, alpha: 4, learning_rate: 1 });
  const { adapter } = prepareTraining(config, recipe, [{ ids: [1, 2], weights: [0, 1] }]);
  if (adapter === null) throw new Error('a recipe for adapters');
  const stream = createRandomStream(0, 'adapter');
  // One that was begun changes nothing: its second factors are zero.
  for (const { b } of adapter.pairs) for (const at of b.data.keys()) b.data[at] = 0.2 * stream.normal();
  const folder = await mkdtemp(join(tmpdir(), 'driftline-adapter-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  await writeAdapter(folder, adapter, { baseModel: 'tiny', baseLayers: config.layers });
  return folder;
}
