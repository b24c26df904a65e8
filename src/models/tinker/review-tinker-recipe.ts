import { projections, type Projection } from '../../engine/checkpoint/projection.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ReviewedTraining } from '../hosted/jobs/fine-tuning-service.js';

/** A model as the service is asked for it. */
export interface TinkerLora {
  readonly rank: number;
  readonly seed: number;
  readonly train_attn: boolean;
  readonly train_mlp: boolean;
  /** Of the head, which no recipe of driftline trains; the SDK would. */
  readonly train_unembed: false;
}

/** What the service's adapters are scaled by, over their rank: fixed there, and checked against each adapter that is fetched. */
export const tinkerAlpha = 32;

const attention: readonly Projection[] = ['q_proj', 'k_proj', 'v_proj', 'o_proj'];
const feedForward: readonly Projection[] = ['gate_proj', 'up_proj', 'down_proj'];

/**
 * A recipe as Tinker takes it. What it cannot do is an error that lists all of it: a scale of its own, the blocks that are adapted, single
 * projections, and numbers of another kind are not to be chosen there.
 */
export function mapTinkerRecipe(recipe: Recipe): TinkerLora {
  const problems = findProblems(recipe);
  if (problems.length > 0 || recipe.method !== 'lora') throw cannotTrain(recipe, problems);
  const chosen = new Set(recipe.targets);
  return {
    rank: recipe.rank,
    seed: recipe.seed,
    train_attn: attention.some((target) => chosen.has(target)),
    train_mlp: feedForward.some((target) => chosen.has(target)),
    train_unembed: false,
  };
}

function findProblems(recipe: Recipe): string[] {
  const problems: string[] = [];
  const unless = (isFine: boolean, problem: string): void => {
    if (!isFine) problems.push(problem);
  };
  unless(recipe.precision === undefined, 'precision: it decides on its numbers by itself');
  unless(recipe.gradient_checkpointing === undefined, 'gradient_checkpointing: it decides on that by itself');
  unless(recipe.seed >= 0 && recipe.seed < 2 ** 31, 'seeds: it takes whole numbers from 0 to 2147483647');
  if (recipe.method !== 'lora') return [...problems, `method: it trains adapters, and not whole models`];
  const { alpha, rslora, layers, targets, quantization } = recipe;
  unless(alpha === tinkerAlpha && !rslora, describeScale(recipe));
  unless(layers === 'all', 'layers: it adapts all blocks');
  unless(quantization === undefined, 'quantization: it decides on its numbers by itself');
  const chosen = projections.filter((target) => targets.includes(target));
  const isWhole = [[...attention, ...feedForward], attention, feedForward].some(
    (group) => group.length === chosen.length && group.every((target) => chosen.includes(target)),
  );
  unless(
    isWhole,
    `targets: it adapts the attention (${attention.join(', ')}), the feed-forward layers (${feedForward.join(', ')}) or both, and not ${chosen.join(', ')}`,
  );
  return problems;
}

type LoraRecipe = Extract<Recipe, { readonly method: 'lora' }>;

function describeScale(recipe: LoraRecipe): string {
  const { rank, alpha, rslora, learning_rate: rate } = recipe;
  const [wanted, fixed] = [alpha / (rslora ? Math.sqrt(rank) : rank), tinkerAlpha / rank];
  const ratio = wanted / fixed;
  return `alpha and rslora: it scales the update by ${String(tinkerAlpha)}/rank, which is ${format(fixed)}, and the recipe by ${format(wanted)} (alpha: ${String(tinkerAlpha)} and rslora: false say the same as it does; steps of about the same size then take a learning_rate ${format(ratio)} times as large, ${format(rate * ratio)})`;
}

function format(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** What the service does otherwise than the recipe says, or is not known to do alike; what it cannot do is an error. */
export function reviewTinkerRecipe({ recipe, learningRateMultiplier }: ReviewedTraining): readonly string[] {
  const { rank, seed } = mapTinkerRecipe(recipe);
  if (learningRateMultiplier !== null)
    throw cannotTrain(recipe, ["learning_rate_multiplier: it takes the recipe's own learning_rate"]);
  return [
    `Tinker draws the initial adapter by itself (the seed ${String(seed)} goes along, and means another draw than here), scales the update by ${String(tinkerAlpha)}/${String(rank)} = ${format(tinkerAlpha / rank)}, and decides on its numbers; order of rows, losses, learning rates and Adam's settings are the recipe's`,
  ];
}

function cannotTrain({ method }: Pick<Recipe, 'method'>, problems: readonly string[]): DriftlineError {
  return new DriftlineError({
    code: 'recipe-invalid',
    message: `Tinker cannot fine-tune as the recipe says: ${problems.join('; ')}`,
    hint: `Change these settings, or fine-tune hf:owner/name or ./folder here${method === 'full' ? '' : ' or on a cluster'}: what differs is in docs/tinker.md.`,
    details: { problems },
  });
}
