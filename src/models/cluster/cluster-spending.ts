import type { Recipe } from '../../engine/train/recipe.js';
import type { GpuMeter, GpuLedger } from '../gpu-meter.js';
import type { ClusterSettings } from './cluster-settings.js';
import {
  cellStartSeconds,
  estimateRanges,
  estimateStepSeconds,
  laneStartSeconds,
  type ClusterTrainingWork,
} from './estimate-cluster.js';
import { keyOfRecipe, type MeasuredCell } from './measured-cell.js';

/** What the GPUs of a cluster cost a run: what is under way counts as it goes on, and by the cluster's own count in the end. */
export interface ClusterSpending {
  /** Of fine-tunes of a base, or of its vLLM; null where nobody counts. */
  readonly meter: (purpose: 'answers' | 'fine-tuning', model: string) => GpuMeter | null;
  /** The most GPU-seconds that a fine-tune may take: as measured of one like it, else as estimated; 0 where nobody knows. */
  readonly boundCell: (base: string, work: ClusterTrainingWork, steps: number) => number;
  /** The same of a vLLM, until it answers. */
  readonly boundStart: () => number;
  /** What a finished fine-tune measured bounds those like it. */
  readonly learn: (base: string, recipe: Recipe, measured: MeasuredCell) => void;
}

interface ClusterSpendingSettings {
  readonly settings: ClusterSettings;
  readonly ledger: () => GpuLedger | null;
}

/** GPU-seconds that must fit within a limit for a vLLM to go on until it is looked at again. */
export const secondsBetweenLooks = 60;
/** How much longer than one that was measured a fine-tune may take. */
const leeway = 1.3;

export function createClusterSpending({ settings, ledger }: ClusterSpendingSettings): ClusterSpending {
  const { gpu, price, gpus_per_cell: ofCell, gpus_per_sampler: ofSampler } = settings;
  const rate = price === undefined ? null : { gpu_hour: price, source: 'the plan' };
  const measured = new Map<string, number>();
  const slowest = estimateRanges.time[1];
  const keyOf = (base: string, recipe: Recipe): string => `${base} ${keyOfRecipe(recipe)}`;
  return {
    meter: (purpose, model) => ledger()?.meterGpus({ model, purpose, rate }) ?? null,
    boundCell: (base, work, steps) => {
      const known = measured.get(keyOf(base, work.recipe));
      const estimate = estimateStepSeconds(work, gpu);
      const step = known !== undefined ? leeway * known : estimate === null ? 0 : slowest * estimate;
      return step === 0 ? 0 : ofCell * (steps * step + slowest * cellStartSeconds);
    },
    boundStart: () => ofSampler * (slowest * laneStartSeconds + secondsBetweenLooks),
    learn: (base, recipe, { seconds_per_step: seconds }) => {
      if (seconds !== null) measured.set(keyOf(base, recipe), seconds);
    },
  };
}
