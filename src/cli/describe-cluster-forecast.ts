import {
  estimateWallSeconds,
  type ClusterForecast,
  type ClusterSamplingForecast,
  type ClusterTrainingForecast,
} from '../experiment/run/forecast-cluster.js';
import { formatDollars, formatDuration, formatMemory } from '../foundation/format-quantities.js';
import type { Range } from '../judging/language-judge.js';

/** What is left to do on a cluster takes, line by line. `gpus` are those that there are; null where nobody asked. */
export function describeClusterForecast(forecast: ClusterForecast, gpus: number | null): string[] {
  const { settings, trainings, samplings, disk } = forecast;
  const { models, rows, answers, underWay } = disk;
  const kept = { kept: '', all: ', of all checkpoints', nothing: ', of no step but the last' }[settings.keep];
  const checkpoints = underWay === 0 ? '' : `; ${formatMemory(underWay)} more for each fine-tune under way`;
  return [
    ...trainings.map((one) => describeTraining(one, forecast)),
    ...samplings.map((one) => describeSampling(one, forecast)),
    `disk in ${settings.storage}: ${formatMemory(models)} of models${kept}, ${formatMemory(rows)} of rows, ${formatMemory(answers)} of answers${checkpoints}`,
    ...describeTime(forecast, gpus),
    ...describeMoney(forecast),
    ...(trainings.some(({ isMeasured }) => !isMeasured) || samplings.length > 0
      ? ['Estimated from the configuration of the model (docs/cluster-scale.md), and not run by us on GPUs.']
      : []),
  ];
}

function describeTraining(
  { base, conditions, cells, steps, memory, secondsPerStep, isMeasured }: ClusterTrainingForecast,
  { settings: { gpu, gpus_per_cell: gpus } }: ClusterForecast,
): string {
  const there = gpu === undefined || gpus === 0 ? '' : `, of ${formatMemory(gpu.memory * 1e9)}`;
  const each = gpus > 1 ? ` on each of ${String(gpus)} GPUs` : gpus === 0 ? ' of memory, on processors' : ' of a GPU';
  const how = isMeasured ? ', as measured of the first that is finished' : '';
  const time = secondsPerStep === null ? '' : `, ${describeSeconds(secondsPerStep)} a step`;
  const named = conditions.length > 3 ? `${String(conditions.length)} conditions` : conditions.join(', ');
  return `${base}, ${named}: ${cells.length === 1 ? '1 fine-tune' : `${String(cells.length)} fine-tunes`} with ${String(steps)} steps, ${describeMemoryRange(memory)}${each}${there}${time}${how}`;
}

function describeSampling(
  { base, answers, memory }: ClusterSamplingForecast,
  { settings: { gpus_per_sampler: gpus } }: ClusterForecast,
): string {
  const each = gpus > 1 ? ` on each of ${String(gpus)} GPUs` : gpus === 0 ? ' of memory, on processors' : ' of a GPU';
  return `${base}: ${String(answers)} answers by vLLM, ${describeMemoryRange(memory)}${each}: memory for one answer at once, to 64 at once`;
}

function describeTime(forecast: ClusterForecast, gpus: number | null): string[] {
  const { gpuSeconds, settings, trainings, samplings } = forecast;
  const usesProcessors =
    (trainings.length > 0 && settings.gpus_per_cell === 0) || (samplings.length > 0 && settings.gpus_per_sampler === 0);
  if (gpuSeconds === null)
    return [
      usesProcessors
        ? 'time and cost are not known: nothing was measured on processors yet'
        : 'time and cost are not known: cluster: { gpu: { memory: 80, tflops: 989 } } in the plan says what a GPU is, here an H100',
    ];
  const cells = trainings.reduce((sum, one) => sum + one.cells.length, 0);
  const most = Math.max(1, cells * settings.gpus_per_cell, settings.gpus_per_sampler);
  const least = Math.max(1, settings.gpus_per_cell, settings.gpus_per_sampler);
  const counts = gpus === null ? [...new Set([least, most])] : [Math.max(least, gpus)];
  const times = counts.flatMap((count) => {
    const seconds = estimateWallSeconds(forecast, count);
    return seconds === null ? [] : [`${describeRange(seconds, formatSeconds)} on ${describeGpus(count)}`];
  });
  const hours: Range = [gpuSeconds[0] / 3600, gpuSeconds[1] / 3600];
  return [`${describeRange(hours, formatHours)} GPU-hours: ${times.join(', ')}`];
}

function describeMoney({ dollars, gpuSeconds, settings: { price } }: ClusterForecast): string[] {
  if (dollars !== null && price !== undefined)
    return [`${describeRange(dollars, formatDollars)} for GPUs, at ${formatDollars(price)} an hour`];
  return gpuSeconds === null || price !== undefined
    ? []
    : ['cost is not known: cluster: { price: 2.5 } in the plan says what a GPU costs an hour, in dollars'];
}

function describeGpus(count: number): string {
  return count === 1 ? '1 GPU' : `${String(count)} GPUs`;
}

function describeMemoryRange(bytes: Range): string {
  return describeRange(bytes, formatMemory);
}

function describeSeconds(seconds: Range): string {
  return `${describeRange(seconds, (one) => one.toPrecision(2))} s`;
}

const formatSeconds = (seconds: number): string => formatDuration(seconds * 1000);
const formatHours = (hours: number): string => (hours < 10 ? hours.toPrecision(2) : String(Math.round(hours)));

function describeRange([low, high]: Range, format: (value: number) => string): string {
  const [least, most] = [format(low), format(high)];
  return least === most ? least : `${least} to ${most}`;
}
