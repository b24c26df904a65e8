import { openExperiment, type Experiment } from '../api/open-experiment.js';
import { createEngineProgress } from '../engine/engine-progress.js';
import type { GateOptions } from '../runs/gate-options.js';
import type { CommandContext } from './command-context.js';
import { explainMissingPlan } from './ready-plans.js';

/** What was typed of the options that all commands about plans have. */
export interface TypedPlanOptions {
  readonly runs: string;
  readonly bases: readonly string[] | undefined;
  readonly seeds: number | undefined;
  readonly threads: number | undefined;
  readonly 'cells-at-once': number | undefined;
  readonly 'ignore-memory': boolean;
  readonly 'batch-answers': boolean;
  readonly 'batch-judgements': boolean;
  readonly 'insecure-ray': boolean;
  readonly keep: 'kept' | 'all' | 'nothing' | undefined;
  readonly 'max-cost': number | undefined;
}

/** Opens the experiment of a plan for a command; models of the hub are downloaded, with progress. */
export async function openPlan(
  context: CommandContext,
  file: string,
  { runs, bases, seeds, threads, ...options }: TypedPlanOptions,
  { cancelJobs = false, gate = {} }: { readonly cancelJobs?: boolean; readonly gate?: Partial<GateOptions> } = {},
): Promise<Experiment> {
  const { environment, fetch, signal, memory, now: clock, date, notify: onNotice } = context;
  const progress = createEngineProgress({ ...context, stream: context.progress });
  const { 'cells-at-once': cellsAtOnce, 'max-cost': maxCost, keep } = options;
  return openExperiment(file, {
    ...{
      runs,
      environment,
      fetch,
      signal,
      memory,
      clock,
      date,
      onNotice,
      onProgress: progress.onDownload,
      cancelJobs,
      gate,
    },
    ignoreMemory: options['ignore-memory'],
    batchAnswers: options['batch-answers'],
    batchJudgements: options['batch-judgements'],
    allowOpenRay: options['insecure-ray'],
    ...(bases === undefined ? {} : { bases }),
    ...(seeds === undefined ? {} : { seeds: Array.from({ length: seeds }, (_, index) => index) }),
    ...(threads === undefined ? {} : { threads }),
    ...(cellsAtOnce === undefined ? {} : { cellsAtOnce }),
    ...(keep === undefined ? {} : { keep }),
    ...(maxCost === undefined ? {} : { maxCost }),
  })
    .catch(async (failure: unknown) => {
      throw await explainMissingPlan(file, failure);
    })
    .finally(progress.finish);
}
