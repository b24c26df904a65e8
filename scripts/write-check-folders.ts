/**
 * Writes models and adapters in every way the engine can, from the golden checkpoints, for check-transformers-reads.py:
 * `tsx scripts/write-check-folders.ts GOLDENS OUT`.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { mergeAdapter } from '../src/engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../src/engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../src/engine/checkpoint/read-checkpoint.js';
import { writeAdapter } from '../src/engine/checkpoint/write-adapter.js';
import { writeCheckpoint } from '../src/engine/checkpoint/write-checkpoint.js';

const [goldens, out] = process.argv.slice(2);
if (goldens === undefined || out === undefined) throw new Error('usage: write-check-folders.ts GOLDENS OUT');

for (const entry of await readdir(goldens, { withFileTypes: true })) {
  if (!entry.isDirectory()) continue;
  const source = join(goldens, entry.name);
  const target = join(out, entry.name);
  const checkpoint = await readCheckpoint(source);
  const { config, weights } = checkpoint;
  await writeCheckpoint(join(target, 'kept'), { ...checkpoint, copyTokenizerFrom: source });
  await writeCheckpoint(join(target, 'fresh'), { config, weights });
  await writeCheckpoint(join(target, 'bfloat16'), { ...checkpoint, dtype: 'bfloat16' });
  await writeCheckpoint(join(target, 'float16'), { ...checkpoint, dtype: 'float16' });

  const adapter = await readAdapter(join(source, 'adapter_final'), config);
  await writeAdapter(join(target, 'adapter'), adapter, { baseModel: null, baseLayers: config.layers });
  await writeCheckpoint(join(target, 'merged'), { ...checkpoint, weights: mergeAdapter(weights, adapter) });
  const layers = adapter.settings.layers.filter((layer) => layer !== 1);
  const targets = ['q_proj', 'down_proj'] as const;
  await writeAdapter(
    join(target, 'part-of-adapter'),
    {
      settings: { ...adapter.settings, rslora: false, targets, layers },
      pairs: adapter.pairs.filter(
        (pair) => layers.includes(pair.layer) && targets.some((projection) => projection === pair.projection),
      ),
    },
    { baseModel: null, baseLayers: config.layers },
  );
}
