import type { Recipe } from '../../engine/train/recipe.js';
import { applyRecipeRules, recipeRefused } from '../recipe-rules.js';
import type { ClusterSettings } from './cluster-settings.js';

/** How a step's rows lie on the GPUs of a fine-tune. */
export interface DividedStep {
  readonly gpus: number;
  readonly per_device_rows: number;
  readonly accumulation: number;
}

/** A recipe as TRL executes it on a cluster, found out before anything is sent there. */
export function completeClusterRecipe(recipe: Recipe, settings: Pick<ClusterSettings, 'gpus_per_cell'>): Recipe {
  const known = applyRecipeRules(recipe, {
    trainer: 'TRL on a cluster',
    can: ['method: full', 'precision: bfloat16', 'gradient_checkpointing: true', 'quantization: nf4'],
    instead: 'Leave optimizer out: TRL trains with AdamW. The engine has Muon, by fineTune of driftline/engine.',
  });
  divideStep(known, settings);
  if (known.method !== 'lora' || known.quantization === undefined) return known;
  if (settings.gpus_per_cell === 0)
    throw recipeRefused(
      'quantization: nf4 needs a GPU, and gpus_per_cell is 0',
      'Set gpus_per_cell: 1, or leave quantization out.',
    );
  if (recipe.precision === 'float32')
    throw recipeRefused(
      'quantization: nf4 is computed in bfloat16, and precision is float32',
      'Leave precision out, or quantization.',
    );
  return { ...known, precision: 'bfloat16' };
}

/** A step's rows over GPUs: fewer batches each, or else smaller ones. Steps that do not divide are an error. */
export function divideStep(
  { batch_size: batch, accumulation }: Pick<Recipe, 'batch_size' | 'accumulation'>,
  { gpus_per_cell: given }: Pick<ClusterSettings, 'gpus_per_cell'>,
): DividedStep {
  const gpus = Math.max(1, given);
  if (accumulation % gpus === 0) return { gpus, per_device_rows: batch, accumulation: accumulation / gpus };
  if (batch % gpus === 0) return { gpus, per_device_rows: batch / gpus, accumulation };
  throw recipeRefused(
    `${String(gpus)} GPUs cannot share a step of ${String(batch)} rows, ${String(accumulation)} times: neither number divides by ${String(gpus)}`,
    'Set batch_size or accumulation to a multiple of gpus_per_cell.',
  );
}
