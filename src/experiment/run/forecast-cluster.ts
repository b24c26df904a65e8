import { join } from 'node:path';
import type { RowSize } from '../../engine/memory/estimate-memory.js';
import type { Range } from '../../judging/language-judge.js';
import type { BaseModel } from '../../models/base-model.js';
import type { ClusterSettings } from '../../models/cluster/cluster-settings.js';
import {
  cellStartSeconds,
  estimateAnswerSeconds,
  estimateClusterSampling,
  estimateClusterTraining,
  estimateRanges,
  estimateStepSeconds,
  laneStartSeconds,
  meanTokens,
  usualAnswer,
  type ClusterTrainingWork,
} from '../../models/cluster/estimate-cluster.js';
import {
  bytesOfAnswer,
  estimateCellStorage,
  type ClusterStorage,
} from '../../models/cluster/estimate-cluster-storage.js';
import {
  correctByMeasured,
  keyOfRecipe,
  readMeasuredCell,
  scaleRange,
  type MeasuredCell,
} from '../../models/cluster/measured-cell.js';
import type { SizedWork } from '../../models/embedded/size-embedded-work.js';
import { listEvaluatedModels } from '../../runs/run-outline.js';
import type { PlannedCell, PlannedTraining, ResolvedPlan } from '../plan/resolved-plan.js';
import { distinctTrainings } from './forecast-memory.js';
import type { CellForecast, RunForecast } from './forecast-run.js';

/** Fine-tunes of one base by one recipe: they take the same of a GPU, and one that is measured tells of the others. */
export interface ClusterTrainingForecast {
  /** Name of the base in the plan's models. */
  readonly base: string;
  readonly conditions: readonly string[];
  /** Left to do. */
  readonly cells: readonly string[];
  readonly steps: number;
  /** Bytes of one GPU. */
  readonly memory: Range;
  /** Of a step; null where the speed of the GPU is not known, and nothing was measured. */
  readonly secondsPerStep: Range | null;
  /** Whether memory and time are those of a finished fine-tune. */
  readonly isMeasured: boolean;
  readonly storage: ClusterStorage;
  readonly work: ClusterTrainingWork;
}

/** What is left to ask of a base and all that is made of it. */
export interface ClusterSamplingForecast {
  readonly base: string;
  readonly answers: number;
  /** Bytes of one GPU, from one answer at a time to 64. */
  readonly memory: Range;
  /** GPU-seconds of an answer; null where the speed of the GPU is not known. */
  readonly secondsPerAnswer: Range | null;
}

/** What is left to do on a cluster takes. Ranges as long as nothing is measured. */
export interface ClusterForecast {
  readonly settings: Pick<
    ClusterSettings,
    'gpu' | 'price' | 'storage' | 'keep' | 'linger' | 'gpus_per_cell' | 'gpus_per_sampler' | 'samplers'
  >;
  readonly trainings: readonly ClusterTrainingForecast[];
  readonly samplings: readonly ClusterSamplingForecast[];
  /** Null where the speed of the GPU is not known. */
  readonly gpuSeconds: Range | null;
  /** Null without a price, too. */
  readonly dollars: Range | null;
  /** Bytes in the storage; `underWay` is that of the largest fine-tune, once for each that is under way. */
  readonly disk: ClusterStorage & { readonly answers: number };
}

/** Forecasts the part of a plan that is left to do on its cluster; null where nothing is. Asks nothing of the cluster. */
export async function forecastCluster(
  plan: ResolvedPlan,
  { folder, cells }: Pick<RunForecast, 'folder' | 'cells'>,
): Promise<ClusterForecast | null> {
  const { cluster: settings } = plan;
  if (settings === null) return null;
  const trainings: ClusterTrainingForecast[] = [];
  const samplings: ClusterSamplingForecast[] = [];
  for (const [base, model] of plan.models) {
    if (!model.isOnCluster) continue;
    const left = cells.filter((cell) => cell.model === base);
    // What is fine-tuned at a service takes nothing of the cluster before it answers.
    for (const group of model.trainedAt === undefined ? groupByRecipe(plan, base) : []) {
      const found = await forecastTrainings({ plan, settings, folder, model, base, group }, left);
      if (found !== null) trainings.push(found);
    }
    const sampling = await forecastSampling(plan, settings, model, base, left);
    if (sampling !== null) samplings.push(sampling);
  }
  if (trainings.length === 0 && samplings.length === 0) return null;
  const { gpu, price, storage, keep, linger, gpus_per_cell, gpus_per_sampler, samplers } = settings;
  const told = {
    ...{ storage, keep, linger, gpus_per_cell, gpus_per_sampler },
    ...(gpu === undefined ? {} : { gpu }),
    ...(price === undefined ? {} : { price }),
    ...(samplers === undefined ? {} : { samplers }),
  };
  const gpuSeconds = addSeconds(settings, trainings, samplings);
  const sum = (part: 'models' | 'rows'): number => trainings.reduce((total, one) => total + one.storage[part], 0);
  return {
    settings: told,
    trainings,
    samplings,
    gpuSeconds,
    dollars: gpuSeconds === null || price === undefined ? null : scaleRange(price / 3600, gpuSeconds),
    disk: {
      models: sum('models'),
      rows: sum('rows'),
      underWay: Math.max(0, ...trainings.map((one) => one.storage.underWay)),
      answers: bytesOfAnswer * samplings.reduce((total, { answers }) => total + answers, 0),
    },
  };
}

/** The cells of a base that are trained by the same recipe, seeds aside. */
function groupByRecipe({ cells }: ResolvedPlan, base: string): readonly (readonly PlannedCell[])[] {
  const groups = new Map<string, PlannedCell[]>();
  for (const cell of cells) {
    if (cell.model !== base || cell.training === null) continue;
    const key = keyOfRecipe(cell.training.recipe);
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return [...groups.values()];
}

interface TrainingGroup {
  readonly plan: ResolvedPlan;
  readonly settings: ClusterSettings;
  readonly folder: string;
  readonly model: BaseModel;
  readonly base: string;
  /** Cells of one recipe. */
  readonly group: readonly PlannedCell[];
}

async function forecastTrainings(
  { settings, folder, model, base, group }: TrainingGroup,
  left: readonly CellForecast[],
): Promise<ClusterTrainingForecast | null> {
  const toDo = new Map(left.filter(({ stepsToDo }) => stepsToDo > 0).map(({ cell, stepsToDo }) => [cell, stepsToDo]));
  const cells = group.filter(({ name }) => toDo.has(name));
  const trainings = cells.flatMap(({ training }) => training ?? []);
  const [first] = trainings;
  if (first === undefined) return null;
  const { recipe } = first;
  const { config, trainings: sized } = await sizeOf(model, cells);
  const rows = joinRows(sized.map((one) => one.rows));
  const work = { config, recipe, rows, gpus: settings.gpus_per_cell };
  const estimate = estimateStepSeconds(work, settings.gpu);
  const corrected = correctByMeasured(
    {
      memory: scaleRange(estimateClusterTraining(work).bytes, estimateRanges.memory),
      seconds: estimate === null ? null : scaleRange(estimate, estimateRanges.time),
    },
    await findMeasured(folder, group, toDo),
  );
  const storages = trainings.map(({ steps, keepSteps: keptSteps }: PlannedTraining) =>
    estimateCellStorage({ config, recipe, steps, tokens: meanTokens(rows), keptSteps }, settings),
  );
  const sum = (part: 'models' | 'rows'): number => storages.reduce((total, one) => total + one[part], 0);
  return {
    base,
    conditions: [...new Set(cells.map(({ condition }) => condition))],
    cells: cells.map(({ name }) => name),
    steps: cells.reduce((total, { name }) => total + (toDo.get(name) ?? 0), 0),
    memory: corrected.memory,
    secondsPerStep: corrected.seconds,
    isMeasured: corrected.isMeasured,
    storage: { models: sum('models'), rows: sum('rows'), underWay: Math.max(...storages.map((one) => one.underWay)) },
    work,
  };
}

/** What the first finished cell of the group measured, in the order of the plan. */
async function findMeasured(
  folder: string,
  group: readonly PlannedCell[],
  toDo: ReadonlyMap<string, number>,
): Promise<MeasuredCell | null> {
  for (const { name } of group) {
    if (toDo.has(name)) continue;
    const measured = await readMeasuredCell(join(folder, 'cells', name));
    if (measured !== null) return measured;
  }
  return null;
}

function sizeOf({ sizeWork }: BaseModel, cells: readonly PlannedCell[]): Promise<SizedWork> {
  if (sizeWork === null) throw new Error('a base on a cluster that cannot be sized');
  const distinct = new Set(distinctTrainings(cells));
  /** Seeds that draw rows of their own draw them alike: the rows of a condition are looked through as one set. */
  const pooled = new Map<string, PlannedTraining[]>();
  for (const { condition, training } of cells)
    if (training !== null && distinct.has(training))
      pooled.set(condition, [...(pooled.get(condition) ?? []), training]);
  const trainings = [...pooled.values()].flatMap((alike) =>
    alike.slice(0, 1).map(({ recipe }) => ({ rows: alike.flatMap(({ set }) => set.rows), recipe })),
  );
  return sizeWork({ trainings, questions: [], adapted: false });
}

/** The longest row of several sets, then the samples of all. */
function joinRows(sets: readonly (readonly RowSize[])[]): readonly RowSize[] {
  const [longest] = sets.flatMap(([first]) => first ?? []).sort((left, right) => right.tokens - left.tokens);
  return longest === undefined ? [] : [longest, ...sets.flatMap((rows) => rows.slice(1))];
}

async function forecastSampling(
  plan: ResolvedPlan,
  settings: ClusterSettings,
  model: BaseModel,
  base: string,
  left: readonly CellForecast[],
): Promise<ClusterSamplingForecast | null> {
  const toAsk = new Map(
    left.filter(({ answersToAsk }) => answersToAsk > 0).map(({ cell, answersToAsk }) => [cell, answersToAsk]),
  );
  const cells = plan.cells.filter(({ name }) => toAsk.has(name));
  if (cells.length === 0 || model.sizeWork === null) return null;
  const asked = cells.flatMap((cell) => listEvaluatedModels(plan, cell).flatMap(({ evaluations }) => evaluations));
  const questions = [...new Set(asked)].flatMap((evaluation) => evaluation.questions);
  const adapted = cells.some(({ training, existing }) => training !== null || (existing?.tuned ?? null) !== null);
  const { config, sampling } = await model.sizeWork({ trainings: [], questions, adapted });
  if (sampling === null) return null;
  const { dtype, gpus_per_sampler: gpus, gpu } = settings;
  const longest = Math.min(config.context, sampling.longestPrompt + sampling.longestAnswer);
  const samples = questions.reduce((sum, one) => sum + one.samples, 0);
  const tokens = questions.reduce((sum, one) => sum + one.samples * Math.min(one.maximumTokens, usualAnswer), 0);
  const seconds = estimateAnswerSeconds({ config, dtype, gpus }, tokens / Math.max(1, samples), gpu);
  return {
    base,
    answers: [...toAsk.values()].reduce((sum, answers) => sum + answers, 0),
    memory: estimateClusterSampling({ config, dtype, gpus, longest, adapted }),
    secondsPerAnswer: seconds === null ? null : scaleRange(seconds, estimateRanges.time),
  };
}

/** GPU-seconds of all that is left, with the starts of fine-tunes and of the vLLMs of each base, and the time that they wait for more. */
function addSeconds(
  { gpus_per_cell, gpus_per_sampler, linger, samplers = 1 }: ClusterSettings,
  trainings: readonly ClusterTrainingForecast[],
  samplings: readonly ClusterSamplingForecast[],
): Range | null {
  const total: [number, number] = [0, 0];
  for (const end of [0, 1] as const) {
    const slowness = estimateRanges.time[end];
    for (const { steps, cells, secondsPerStep } of trainings) {
      if (secondsPerStep === null) return null;
      total[end] += gpus_per_cell * (steps * secondsPerStep[end] + cells.length * slowness * cellStartSeconds);
    }
    for (const { answers, secondsPerAnswer } of samplings) {
      if (secondsPerAnswer === null) return null;
      total[end] +=
        answers * secondsPerAnswer[end] + samplers * gpus_per_sampler * (slowness * laneStartSeconds + linger);
    }
  }
  return total;
}

/**
 * Seconds of all that is left with so many GPUs, if fine-tunes fill them first and the vLLMs of each base share its
 * answers evenly then. No less than the longest single piece.
 */
export function estimateWallSeconds(
  { settings, trainings, samplings }: Omit<ClusterForecast, 'gpuSeconds' | 'dollars' | 'disk'>,
  gpus: number,
): Range | null {
  const at = (end: 0 | 1): number | null => {
    const slowness = estimateRanges.time[end];
    let [training, longest, answering] = [0, 0, 0];
    for (const { steps, cells, secondsPerStep } of trainings) {
      if (secondsPerStep === null) return null;
      const seconds = steps * secondsPerStep[end] + cells.length * slowness * cellStartSeconds;
      training += seconds;
      longest = Math.max(longest, seconds / cells.length);
    }
    const { samplers = 1, gpus_per_sampler: each, linger } = settings;
    const ofSamplers = samplings.flatMap(({ answers, secondsPerAnswer }) =>
      Array.from({ length: samplers }, () =>
        secondsPerAnswer === null
          ? null
          : (answers * secondsPerAnswer[end]) / (samplers * Math.max(1, each)) + slowness * laneStartSeconds + linger,
      ),
    );
    for (const seconds of ofSamplers) {
      if (seconds === null) return null;
      answering += seconds;
    }
    const places = (each: number): number => Math.max(1, Math.floor(gpus / Math.max(1, each)));
    return (
      Math.max(longest, training / places(settings.gpus_per_cell)) +
      Math.max(0, ...ofSamplers.flatMap((one) => one ?? []), answering / places(settings.gpus_per_sampler))
    );
  };
  const [least, most] = [at(0), at(1)];
  return least === null || most === null ? null : [least, most];
}
