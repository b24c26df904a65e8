import type { TrainingSet } from '../../data/training-set.js';
import { countSteps } from '../../engine/train/plan-training.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError, namePlace } from '../../foundation/driftline-error.js';
import type { BaseModel } from '../../models/base-model.js';
import type { RowFit } from '../../models/trainer.js';
import { dependsOnSeed, listTransforms, loadConditionSet, type TrainingSetSources } from './load-training-set.js';
import { resolveRecipe } from './named-recipes.js';
import { isTrained, type Plan, type TrainedCondition } from './plan-schema.js';
import type { PlannedCell, PlannedTraining } from './resolved-plan.js';

interface TunedCondition {
  /** The base's name in this plan. */
  readonly name: string;
  readonly base: BaseModel;
  readonly condition: string;
}

/** The cells of a condition, one per seed. */
export async function resolveCells(
  plan: Plan,
  source: string,
  { name, base, condition }: TunedCondition,
  sources: TrainingSetSources,
): Promise<PlannedCell[]> {
  const place = `${source}: condition ${condition}`;
  const written = plan.conditions[condition];
  if (written === undefined || !isTrained(written)) return [];
  const { seeds = plan.seeds, inherit = {}, data, settings = {} } = written;
  const transforms = listTransforms(written);
  let shared: FittedSet | null = null;
  const cells: PlannedCell[] = [];
  for (const seed of seeds) {
    const recipe = completeRecipe(base, resolveRecipe(plan.recipe, inherit, seed, place), place);
    const fitted: FittedSet =
      shared ??
      (await loadFittedSet(written, seed, sources, base, recipe).catch((cause: unknown) => {
        throw namePlace(place, cause);
      }));
    // A set that does not depend on the seed is read once: the recipes of the seeds differ in nothing else.
    if (!dependsOnSeed(written)) shared = fitted;
    const { set, fit } = fitted;
    const steps = countSteps(recipe, fit.rows - fit.dropped);
    const { dynamics } = plan;
    const isCurve = dynamics !== undefined && (dynamics.conditions?.includes(condition) ?? true);
    const keepSteps = isCurve ? listCheckpoints(dynamics.every, steps) : [];
    const watched = listWatchedSteps(plan, condition, base, steps);
    // Only hosted models have a multiplier.
    const multiplier = base.reviewTraining === null ? null : (plan.learning_rate_multiplier ?? null);
    const remarks =
      (await base
        .reviewTraining?.({ rows: set.rows.length, recipe, keepSteps, learningRateMultiplier: multiplier })
        .catch((cause: unknown) => {
          throw namePlace(place, cause);
        })) ?? [];
    cells.push({
      name: `${name}.${condition}.${String(seed)}`,
      base: name,
      condition,
      model: name,
      existing: null,
      training: {
        seed,
        set,
        fit,
        source: { data, settings, transforms },
        recipe,
        learningRateMultiplier: multiplier,
        remarks,
        keepSteps,
        ...(watched === null ? {} : { watchedSteps: watched }),
        steps,
      },
      identity: hashJson({
        base: base.identity,
        rows: set.hash,
        recipe,
        ...(multiplier === null ? {} : { learning_rate_multiplier: multiplier }),
      }),
    });
  }
  return cells;
}

/** As the base's trainer executes it; what that cannot do shows here, before anything runs. */
function completeRecipe({ reference, completeRecipe: complete }: BaseModel, recipe: Recipe, place: string): Recipe {
  // resolvePlan refuses such a plan.
  if (complete === null) throw new Error(`a condition of ${reference.text}, which cannot be trained`);
  try {
    return complete(recipe);
  } catch (cause) {
    throw namePlace(place, cause);
  }
}

interface FittedSet {
  readonly set: TrainingSet;
  readonly fit: RowFit;
}

async function loadFittedSet(
  condition: TrainedCondition,
  seed: number,
  sources: TrainingSetSources,
  { fitRows }: BaseModel,
  recipe: Recipe,
): Promise<FittedSet> {
  // resolvePlan refuses such a plan.
  if (fitRows === null) throw new Error('a condition of a base that cannot be trained');
  const set = await loadConditionSet(condition, seed, sources);
  const fit = await fitRows(set.rows, recipe);
  if (fit.dropped === fit.rows) throw nothingLeft(set, recipe);
  return { set, fit };
}

/** Null where nobody watches: what is trained elsewhere is there when it is over. */
function listWatchedSteps(
  { monitor, dynamics }: Plan,
  condition: string,
  base: BaseModel,
  steps: number,
): number[] | null {
  if (monitor === undefined || !canBeWatched(base) || monitor.conditions?.includes(condition) === false) return null;
  // The schema wants one of both.
  return listCheckpoints(monitor.every ?? dynamics?.every ?? steps, steps);
}

/** Whether its checkpoints can be scored while it is trained: it runs here, and lets itself be looked into. */
export function canBeWatched({ engine, openInside, openTrainer }: BaseModel): boolean {
  return engine !== null && openInside !== null && openTrainer !== null;
}

/** The last step is not a checkpoint: its model is the cell's own. */
function listCheckpoints(interval: number, steps: number): number[] {
  return Array.from({ length: Math.ceil(steps / interval) - 1 }, (_, index) => (index + 1) * interval);
}

function nothingLeft({ name, rows }: TrainingSet, { max_length: maximum }: Recipe): DriftlineError {
  return new DriftlineError({
    code: 'rows-invalid',
    message: `none of the ${String(rows.length)} rows of ${name} can be trained on: all are too long`,
    hint: `Raise max_length, which is ${String(maximum)}, as far as the model's context goes, or set overlong to truncate.`,
    details: { set: name, maximum },
  });
}

/** Remarks on rows that training cuts off or leaves out, once for all seeds of a condition that agree. */
export function remarkOnRows(cells: readonly PlannedCell[]): string[] {
  const trainings = new Map<string, PlannedTraining[]>();
  for (const { base, condition, training } of cells) {
    if (training === null) continue;
    const key = `${base}, condition ${condition}`;
    trainings.set(key, [...(trainings.get(key) ?? []), training]);
  }
  return [...trainings].flatMap(([place, ofCondition]) => {
    const texts = new Set(ofCondition.map(describeLoss));
    // Each seed may draw its own rows.
    return [...texts].flatMap((text) => {
      if (text === null) return [];
      const seeds = ofCondition.filter((one) => describeLoss(one) === text).map(({ seed }) => String(seed));
      const which = seeds.length === ofCondition.length ? '' : `, seed ${seeds.join(', ')}`;
      return [`${place}${which}: ${text}`];
    });
  });
}

function describeLoss({ fit, recipe }: PlannedTraining): string | null {
  const { rows, truncated, dropped, droppedUnsupervised, tokensLost } = fit;
  if (truncated === 0 && dropped === 0) return null;
  const what = [
    ...(truncated > 0 ? [`${String(truncated)} cut off`] : []),
    ...(dropped > 0
      ? [
          `${String(dropped)} left out${droppedUnsupervised > 0 ? ' (cut off, they would have no answer to learn from)' : ''}`,
        ]
      : []),
  ].join(' and ');
  return `${what} of ${String(rows)} rows, as too long for max_length ${String(recipe.max_length)} or the model: ${String(tokensLost)} tokens are not trained on`;
}
