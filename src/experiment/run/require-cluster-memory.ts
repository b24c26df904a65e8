import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatMemory } from '../../foundation/format-quantities.js';
import type { Range } from '../../judging/language-judge.js';
import { vllmShare } from '../../models/cluster/estimate-cluster.js';
import { findSmallerTraining } from '../../models/cluster/find-smaller-training.js';
import type { ClusterForecast, ClusterTrainingForecast } from './forecast-cluster.js';

/**
 * Refuses what cannot fit a GPU of the plan, before anything is submitted, and says what would take less. Returns
 * remarks on what may not fit; says nothing where the plan does not say how much memory a GPU has.
 */
export function requireClusterMemory(
  { settings, trainings, samplings }: ClusterForecast,
  { ignoresMemory, isGpuRemembered = false }: { readonly ignoresMemory: boolean; readonly isGpuRemembered?: boolean },
): readonly string[] {
  if (settings.gpu === undefined) return [];
  // Another cluster may have been behind the same address then.
  const isRefused = !ignoresMemory && !isGpuRemembered;
  const memory = settings.gpu.memory * 1e9;
  const remarks: string[] = [];
  for (const training of trainings) {
    if (settings.gpus_per_cell === 0) continue;
    const verdict = compare(training.memory, memory);
    if (verdict === 'fits') continue;
    if (verdict === 'does not fit' && isRefused) throw doesNotFit(training, memory);
    remarks.push(
      `${nameTraining(training)} may not fit: ${describe(training.memory)} of a GPU of ${formatMemory(memory)}. ${advise(training, memory)}`,
    );
  }
  for (const sampling of samplings) {
    if (settings.gpus_per_sampler === 0 || sampling.memory[0] <= vllmShare * memory) continue;
    const more = `gpus_per_sampler: ${String(2 * settings.gpus_per_sampler)} under cluster divides it`;
    const problem = `vLLM for ${sampling.base} takes at least ${formatMemory(sampling.memory[0])}, and has ${formatMemory(vllmShare * memory)} of a GPU of ${formatMemory(memory)}`;
    if (isRefused) throw exceeded(problem, `Set ${more}. ${anyway}`, { base: sampling.base, memory });
    remarks.push(`${problem}: ${more}`);
  }
  if (remarks.length > 0 && isGpuRemembered)
    remarks.push(
      'the GPU is the one that driftline cluster check found last at this address: gpu under cluster says what it is',
    );
  return remarks;
}

const anyway = 'This is an estimate: --ignore-memory runs the plan anyway.';

function compare([least, most]: Range, memory: number): 'fits' | 'may not fit' | 'does not fit' {
  return most <= memory ? 'fits' : least <= memory ? 'may not fit' : 'does not fit';
}

function doesNotFit(training: ClusterTrainingForecast, memory: number): DriftlineError {
  const [least, most] = training.memory;
  return exceeded(
    `${nameTraining(training)} does not fit: about ${describe(training.memory)}, and a GPU has ${formatMemory(memory)}`,
    `${advise(training, memory)} ${anyway}`,
    { base: training.base, least, most, memory },
  );
}

function exceeded(message: string, hint: string, details: Readonly<Record<string, unknown>>): DriftlineError {
  return new DriftlineError({ code: 'memory-exceeded', message, hint, details });
}

function nameTraining({ base, conditions }: ClusterTrainingForecast): string {
  const [first = '', ...more] = conditions;
  return `fine-tuning ${base} for ${first}${more.length === 0 ? '' : ` and ${String(more.length)} more`}`;
}

function describe([least, most]: Range): string {
  return `${formatMemory(least)} to ${formatMemory(most)}`;
}

function advise({ work }: ClusterTrainingForecast, memory: number): string {
  const smaller = findSmallerTraining(work, memory);
  return smaller === null
    ? 'Take a smaller model or a GPU with more memory.'
    : `Set ${smaller.join(', ')}: by the estimate it then fits.`;
}
