import type { Recipe } from '../../engine/train/recipe.js';
import { estimateClusterTraining, type ClusterTrainingWork } from './estimate-cluster.js';

/** A change of a recipe or of the plan that takes less of a GPU. */
interface SmallerTraining {
  /** As the plan says it. */
  readonly says: string;
  readonly work: ClusterTrainingWork;
}

const shortest = 256;

/**
 * What would make a fine-tune fit into so many bytes, as settings of the plan: one change if one is enough, else
 * several. Those that change no result come first: gradient checkpointing, fewer rows at once, more GPUs. Null where
 * nothing helps.
 */
export function findSmallerTraining(work: ClusterTrainingWork, memory: number): readonly string[] | null {
  const fits = (one: ClusterTrainingWork): boolean => estimateClusterTraining(one).bytes <= memory;
  for (const change of changes) {
    const found = listChanges(change, work).find((one) => fits(one.work));
    if (found !== undefined) return [found.says];
  }
  const says: string[] = [];
  let changed = work;
  for (const change of changes) {
    const found = listChanges(change, changed);
    const smaller = found.find((one) => fits(one.work)) ?? found.at(-1);
    if (smaller === undefined) continue;
    says.push(smaller.says);
    changed = smaller.work;
    if (fits(changed)) return says;
  }
  return null;
}

type Change = (work: ClusterTrainingWork) => readonly (SmallerTraining | null)[];

function listChanges(change: Change, work: ClusterTrainingWork): SmallerTraining[] {
  return change(work).flatMap((one) => one ?? []);
}

const changes: readonly Change[] = [
  (work) => [
    work.recipe.gradient_checkpointing === true
      ? null
      : { says: 'gradient_checkpointing: true', work: withRecipe(work, { gradient_checkpointing: true }) },
  ],
  (work) => {
    const { batch_size: batch, accumulation } = work.recipe;
    if (batch === 1) return [null];
    const whole = { batch_size: 1, accumulation: batch * accumulation };
    return [
      {
        says: `batch_size: 1 with accumulation: ${String(whole.accumulation)}`,
        work: withRecipe(work, whole),
      },
    ];
  },
  (work) =>
    work.recipe.method === 'full'
      ? [2, 4, 8]
          .filter((gpus) => gpus > work.gpus && canShare(work.recipe, gpus))
          .map((gpus) => ({ says: `gpus_per_cell: ${String(gpus)} under cluster`, work: { ...work, gpus } }))
      : [null],
  (work) => [
    work.recipe.precision === 'bfloat16'
      ? null
      : { says: 'precision: bfloat16', work: withRecipe(work, { precision: 'bfloat16' }) },
  ],
  ({ recipe, ...work }) => [
    recipe.method !== 'lora' || recipe.quantization !== undefined || recipe.precision !== 'bfloat16'
      ? null
      : { says: 'quantization: nf4', work: { ...work, recipe: { ...recipe, quantization: 'nf4' } } },
  ],
  (work) => {
    const longest = work.rows[0]?.tokens ?? 0;
    return [4096, 2048, 1024, 512, shortest]
      .filter((length) => length < longest)
      .map((length) => ({
        says: `max_length: ${String(length)}`,
        work: {
          ...withRecipe(work, { max_length: length }),
          rows: work.rows.map(({ tokens, trained }) => ({
            tokens: Math.min(tokens, length),
            trained: Math.min(trained, length),
          })),
        },
      }));
  },
];

function withRecipe(
  work: ClusterTrainingWork,
  changed: Partial<Pick<Recipe, 'batch_size' | 'accumulation' | 'gradient_checkpointing' | 'precision' | 'max_length'>>,
): ClusterTrainingWork {
  return { ...work, recipe: { ...work.recipe, ...changed } };
}

function canShare({ batch_size: batch, accumulation }: Recipe, gpus: number): boolean {
  return accumulation % gpus === 0 || batch % gpus === 0;
}
