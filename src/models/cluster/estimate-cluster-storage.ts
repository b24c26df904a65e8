import type { DecoderConfig } from '../../engine/checkpoint/decoder-config.js';
import { countWeights } from '../../engine/checkpoint/decoder-tensors.js';
import type { Recipe } from '../../engine/train/recipe.js';
import type { ClusterSettings } from './cluster-settings.js';
import { countTrained } from './estimate-cluster.js';

/** One fine-tune, as far as its files go. */
export interface StoredCell {
  readonly config: DecoderConfig;
  readonly recipe: Recipe;
  readonly steps: number;
  /** Of a row, on average. */
  readonly tokens: number;
  /** Steps whose models the plan asks. */
  readonly keptSteps: readonly number[];
}

/** Bytes in the storage of a cluster. */
export interface ClusterStorage {
  /** Models and adapters that stay. */
  readonly models: number;
  /** Rows as tokens. */
  readonly rows: number;
  /** Checkpoints, beside that, while the fine-tune is under way. */
  readonly underWay: number;
}

/** Of an id with its weight, as gzip leaves it of what looks random. */
const bytesOfToken = 3;
/** Of an answer with its check: about 100 words. */
export const bytesOfAnswer = 500;
/** Archives of results hold no more; further models lie beside them only. */
const largestArchive = 2 ** 30;
/** Two that are whole, and the one that is being written. */
const checkpointsAtOnce = 3;

/**
 * What a fine-tune leaves in the storage, with t numbers trained of P weights. LoRA: the initial adapter, the trained
 * one, that of each kept step, and the trained and kept ones again in the archive that is fetched, 4 t bytes each. Full
 * tuning: a model for the end and for each kept step, of 2 P bytes in bfloat16 and 4 P in float32. While it is under
 * way three checkpoints, of 12 t bytes each: weights and AdamW's two means.
 */
export function estimateCellStorage(
  { config, recipe, steps, tokens, keptSteps }: StoredCell,
  { keep, save_every: every }: Pick<ClusterSettings, 'keep' | 'save_every'>,
): ClusterStorage {
  const trained = countTrained(config, recipe);
  const kept = countKept(keep, { steps, every, keptSteps });
  const rows = steps * recipe.batch_size * recipe.accumulation * tokens * bytesOfToken;
  const underWay = checkpointsAtOnce * 12 * trained;
  if (recipe.method === 'full') {
    const model = (recipe.precision === 'bfloat16' ? 2 : 4) * countWeights(config);
    return { models: (1 + kept) * model, rows, underWay };
  }
  const adapter = 4 * trained;
  return { models: (2 + kept) * adapter + Math.min((1 + kept) * adapter, largestArchive + adapter), rows, underWay };
}

function countKept(
  keep: ClusterSettings['keep'],
  {
    steps,
    every,
    keptSteps,
  }: { readonly steps: number; readonly every: number; readonly keptSteps: readonly number[] },
): number {
  switch (keep) {
    case 'nothing':
      return 0;
    case 'kept':
      return keptSteps.length;
    case 'all': {
      const saved = Array.from({ length: Math.floor(steps / every) }, (_, index) => (index + 1) * every);
      return new Set([...saved, ...keptSteps, steps]).size;
    }
  }
}
