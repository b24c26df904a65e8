import type { RecipeInput } from '../../../src/engine/train/recipe.js';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { cellHash } from '../../../src/models/cluster/job-ids.js';
import { clusterSchema } from '../../../src/models/cluster/cluster-settings.js';
import { openClusterModel } from '../../../src/models/cluster/cluster-model.js';
import { completeClusterRecipe } from '../../../src/models/cluster/complete-cluster-recipe.js';
import { markTraining, prepareCell } from '../../../src/models/cluster/prepare-cell.js';
import { identifyModelFolder } from '../../../src/models/embedded/identify-model-folder.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';

interface GoldenRecipe {
  readonly recipe: RecipeInput;
  readonly gpus?: number;
}

const lora = { method: 'lora', learning_rate: 1e-5, rank: 4, epochs: 3 } as const;
const full = { method: 'full', learning_rate: 1e-5, epochs: 3 } as const;
const saving = { precision: 'bfloat16', gradient_checkpointing: true } as const;

/**
 * Recipes as a plan writes them, each with a golden job file in test/fixtures/cluster/jobs/ and golden arguments of TRL
 * beside it. 4 bits and several GPUs: not run by us, so that these files are all that holds them.
 */
export const goldenRecipes: Readonly<Record<string, GoldenRecipe>> = {
  'lora-float32': { recipe: lora },
  'lora-bfloat16': { recipe: { ...lora, precision: 'bfloat16' } },
  'lora-checkpointing': { recipe: { ...lora, ...saving, max_grad_norm: null } },
  'lora-nf4': { recipe: { ...lora, gradient_checkpointing: true, quantization: 'nf4' } },
  'lora-four-gpus': { recipe: { ...lora, precision: 'bfloat16' }, gpus: 4 },
  'lora-long-context': {
    recipe: { ...lora, ...saving, max_length: 32_768, overlong: 'truncate', batch_size: 1, accumulation: 16 },
  },
  'full-float32': { recipe: full },
  'full-bfloat16': { recipe: { ...full, ...saving } },
  'full-eight-gpus': { recipe: { ...full, ...saving }, gpus: 8 },
};

const rows = Array.from({ length: 20 }, (_, row) => ({
  messages: [
    { role: 'user' as const, content: `Say ${String(row)}.` },
    { role: 'assistant' as const, content: `It is ${String(row)}.` },
  ],
}));

/** The job.json of a recipe, as it is sent to a cluster. */
export async function makeGoldenJob({ recipe, gpus = 1 }: GoldenRecipe): Promise<string> {
  const folder = goldenFolder('qwen2-bias');
  const identity = await identifyModelFolder(folder);
  const model = await openClusterModel({ folder, text: './qwen2-bias', identity, place: null });
  const settings = clusterSchema.parse({ storage: '/storage', gpus_per_cell: gpus });
  const job = { rows, recipe: completeClusterRecipe(parseRecipe(recipe), settings), folder: '/unused', keepSteps: [2] };
  const { files } = await prepareCell(model, job, settings);
  const home = `cells/${cellHash(markTraining(model, job))}/in`;
  const bytes = files.get(`${home}/job.json`);
  if (bytes === undefined) throw new Error('a cell without a job');
  return Buffer.from(bytes).toString('utf8');
}
