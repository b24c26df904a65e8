import { countWeights } from '../../engine/checkpoint/decoder-tensors.js';
import { floatBytes, estimateSamplingMemory, estimateTrainingMemory } from '../../engine/memory/estimate-memory.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatMemory } from '../../foundation/format-quantities.js';
import type { SizedTraining, SizedWork } from '../../models/embedded/size-embedded-work.js';
import { listEvaluatedModels } from '../../runs/run-outline.js';
import type { PlannedCell, PlannedTraining, ResolvedPlan } from '../plan/resolved-plan.js';
import type { RunForecast } from './forecast-run.js';

/** Most bytes of memory that the remaining work with a model takes, for models that run here. */
export interface MemoryForecast {
  /** Name of the model in the plan's models. */
  readonly base: string;
  /** Null if nothing is left to train. */
  readonly training: number | null;
  /** Null if nothing is left to ask. */
  readonly sampling: number | null;
  /** The larger of the two, which never run at the same time. */
  readonly bytes: number;
  readonly work: SizedWork;
}

/** Estimates the memory of a plan's remaining work, for each of its models that run here. Reads no weights. */
export async function forecastMemory(
  plan: ResolvedPlan,
  { cells }: Pick<RunForecast, 'cells'>,
  threads: number,
): Promise<readonly MemoryForecast[]> {
  const forecasts: MemoryForecast[] = [];
  for (const [base, { sizeWork, isOnCluster }] of plan.models) {
    if (sizeWork === null || isOnCluster) continue;
    const left = cells.filter(({ model }) => model === base);
    const find = (part: 'stepsToDo' | 'answersToAsk'): readonly PlannedCell[] => {
      const names = new Set(left.filter((cell) => cell[part] > 0).map(({ cell }) => cell));
      return plan.cells.filter(({ name }) => names.has(name));
    };
    const trainings = distinctTrainings(find('stepsToDo'));
    const asked = find('answersToAsk');
    const evaluations = new Set(
      asked.flatMap((cell) => listEvaluatedModels(plan, cell).flatMap((model) => model.evaluations)),
    );
    if (trainings.length === 0 && evaluations.size === 0) continue;
    const work = await sizeWork({
      trainings: trainings.map(({ set: { rows }, recipe }) => ({ rows, recipe })),
      questions: [...evaluations].flatMap(({ questions }) => questions),
      adapted: asked.some(({ training, existing }) => training !== null || (existing?.tuned ?? null) !== null),
      adapterBytes: Math.max(0, ...asked.map(({ existing }) => existing?.bytes ?? 0)),
    });
    const [training, sampling] = [estimateTrainings(work, threads), estimateAnswers(work)];
    forecasts.push({ base, training, sampling, bytes: Math.max(training ?? 0, sampling ?? 0), work });
  }
  return forecasts;
}

/**
 * Trainings that differ in more than their seed: the seed changes neither the recipe nor the rows, except in sets that each seed draws
 * anew.
 */
export function distinctTrainings(cells: readonly PlannedCell[]): readonly PlannedTraining[] {
  const found = new Map<string, PlannedTraining>();
  for (const { training } of cells)
    if (training !== null) found.set(JSON.stringify([training.set.hash, { ...training.recipe, seed: 0 }]), training);
  return [...found.values()];
}

function estimateTrainings({ config, trainings }: SizedWork, threads: number): number | null {
  if (trainings.length === 0) return null;
  return Math.max(...trainings.map((training) => estimateTrainingMemory({ ...training, config, threads })));
}

function estimateAnswers({ config, sampling, trainings }: SizedWork): number | null {
  if (sampling === null) return null;
  // The trainer keeps the weights for the next cell.
  const kept = trainings.length === 0 ? 0 : countWeights(config) * floatBytes;
  return estimateSamplingMemory({ ...sampling, config }) + kept;
}

/** Refuses a plan that takes more memory than is available, and says what would take less. */
export function requireMemory(
  forecasts: readonly MemoryForecast[],
  { memory, threads }: { readonly memory: number; readonly threads: number },
): void {
  for (const forecast of forecasts) {
    const { base, training, sampling, bytes } = forecast;
    if (bytes <= memory) continue;
    const parts = [
      ...(training !== null && training > memory ? [`training takes about ${formatMemory(training)}`] : []),
      ...(sampling !== null && sampling > memory ? [`asking takes about ${formatMemory(sampling)}`] : []),
    ];
    throw new DriftlineError({
      code: 'memory-exceeded',
      message: `${base} does not fit into memory: ${parts.join(', ')}, and ${formatMemory(memory)} is available`,
      hint: advise(forecast, memory, threads),
      details: { base, training, sampling, memory },
    });
  }
}

/** Settings that would fit, if there are any, and what else would help. */
function advise({ training, sampling, work }: MemoryForecast, memory: number, threads: number): string {
  const smaller: (string | null)[] = [];
  if (training !== null && training > memory) smaller.push(findSmallerTraining(work, memory, threads));
  if (sampling !== null && sampling > memory) smaller.push(findShorterAnswers(work, memory));
  const found = smaller.flatMap((one) => one ?? []);
  const settings = found.length === smaller.length ? `Set ${found.join(' and ')}. Or take` : 'Take';
  return `${settings} a smaller model or a machine with more memory, or have the model served elsewhere (docs/services.md). This is an estimate: --ignore-memory runs the plan anyway.`;
}

/** The least change that makes all trainings fit, or null. */
function findSmallerTraining({ config, trainings }: SizedWork, memory: number, threads: number): string | null {
  const fits = (change: (training: SizedTraining) => SizedTraining): boolean =>
    trainings.every((one) => estimateTrainingMemory({ ...change(one), config, threads }) <= memory);
  const withRecipe = (one: SizedTraining, changes: Pick<Recipe, 'batch_size' | 'accumulation'>): SizedTraining => ({
    ...one,
    recipe: { ...one.recipe, ...changes },
  });
  for (const rows of [8, 4, 2, 1]) {
    const changes = { batch_size: rows, accumulation: 1 };
    const isLess = trainings.every(({ recipe }) => recipe.batch_size * recipe.accumulation > rows);
    if (isLess && fits((one) => withRecipe(one, changes)))
      return `batch_size: ${String(rows)} with accumulation: 1 in the recipe, for a training of about ${formatMemory(
        estimateTrainings(
          { config, trainings: trainings.map((one) => withRecipe(one, changes)), sampling: null },
          threads,
        ) ?? 0,
      )}`;
  }
  const longest = Math.max(...trainings.flatMap(({ rows }) => rows.map(({ tokens }) => tokens)));
  for (let length = 1024; length >= 64; length /= 2) {
    const change = (one: SizedTraining): SizedTraining => ({
      ...withRecipe(one, { batch_size: 1, accumulation: 1 }),
      rows: one.rows.map(({ tokens, trained }) => ({
        tokens: Math.min(tokens, length),
        trained: Math.min(trained, length),
      })),
    });
    if (length < longest && fits(change))
      return `max_length: ${String(length)} with overlong: truncate, batch_size: 1 and accumulation: 1 in the recipe`;
  }
  return null;
}

function findShorterAnswers({ config, sampling, trainings }: SizedWork, memory: number): string | null {
  if (sampling === null) return null;
  for (let longestAnswer = 512; longestAnswer >= 16; longestAnswer /= 2) {
    const bytes = estimateAnswers({ config, trainings, sampling: { ...sampling, longestAnswer } });
    if (longestAnswer < sampling.longestAnswer && bytes !== null && bytes <= memory)
      return `max_tokens: ${String(longestAnswer)} where questions are asked`;
  }
  return null;
}
