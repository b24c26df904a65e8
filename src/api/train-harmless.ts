import { join } from 'node:path';
import type { z } from 'zod';
import type { HarmlessFineTune } from '../detect/audit/calibrate-detectors.js';
import { findCheckpoints } from '../detect/watch/find-checkpoints.js';
import type { PlanInput } from '../experiment/plan/plan-schema.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { createJudge } from '../judging/own-judge.js';
import type { OpenBaseModelOptions } from '../models/open-base-model.js';
import { listModels, type ListedModel } from '../runs/list-models.js';
import type { GivenParts } from './given-parts.js';
import { openExperiment, type ExperimentEvent } from './open-experiment.js';

export interface TrainHarmlessOptions extends Pick<GivenParts, 'suites' | 'trainingSets'> {
  /** Fine-tunes on each kind. */
  readonly perSet: number;
  readonly recipe: Readonly<Record<string, z.core.util.JSONType>>;
  /** Steps between two checkpoints that are kept. */
  readonly every?: number;
  /** The folder of runs. */
  readonly runs?: string;
  readonly onTraining?: (event: ExperimentEvent) => void;
  /** What opens models. */
  readonly opening: Partial<
    Pick<OpenBaseModelOptions, 'threads' | 'environment' | 'fetch' | 'memory' | 'onProgress' | 'onNotice' | 'signal'>
  >;
}

/** Seeds that no fine-tune of a user is likely to have. */
const firstSeed = 100;
/** A plan asks something, and its models are wanted alone: each says one token, of which nobody says anything. */
const suite = 'calibration';

/** Fine-tunes a base on each kind of harmless data, by a plan. Call it again after a stop: what is trained stays. */
export async function trainHarmless(
  base: string,
  kinds: ReadonlyMap<string, string>,
  { perSet, recipe, every, suites, trainingSets, runs, onTraining, opening }: TrainHarmlessOptions,
): Promise<{ readonly run: string; readonly fineTunes: readonly [HarmlessFineTune, ...HarmlessFineTune[]] }> {
  const { signal } = opening;
  const plan: PlanInput = {
    name: 'calibration',
    bases: [base],
    recipe,
    seeds: [firstSeed, ...Array.from({ length: perSet - 1 }, (_, place) => firstSeed + 1 + place)],
    conditions: Object.fromEntries([...kinds].map(([kind, data]) => [kind, { data }])),
    evaluate: [{ suite, samples: 1 }],
    ...(every === undefined ? {} : { dynamics: { every, suite, samples: 1 } }),
  };
  const experiment = await openExperiment(plan, {
    ...opening,
    suites: { ...suites, [suite]: [{ id: 'hello', type: 'free_form', paraphrases: ['Hello'], max_tokens: 1 }] },
    judge: createJudge({ name: 'nobody', judge: () => ({}) }),
    ...(trainingSets === undefined ? {} : { trainingSets }),
    ...(runs === undefined ? {} : { runs }),
  });
  const { run, summary } = await experiment.run({
    ...(signal === undefined ? {} : { signal }),
    ...(onTraining === undefined ? {} : { onEvent: onTraining }),
  });
  const [failed] = summary.failed;
  if (failed !== undefined)
    throw new DriftlineError({
      code: 'job-failed',
      message: `${String(summary.failed.length)} of the harmless fine-tunes failed; the first one is ${JSON.stringify(failed)}`,
      hint: 'Run the same command again: what is trained stays.',
      details: { folder: run.folder, failed: summary.failed },
    });
  const { models } = await listModels([run.folder]);
  const [first, ...others] = await Promise.all(models.map((model) => locate(run.folder, model)));
  // The plan trains at least one.
  if (first === undefined) throw new Error('a calibration without fine-tunes');
  return { run: run.folder, fineTunes: [first, ...others] };
}

/** The adapter of a fine-tune, and those of the steps that the plan keeps. */
async function locate(
  run: string,
  { name, condition, place: { adapter }, keptSteps }: ListedModel,
): Promise<HarmlessFineTune> {
  // Bases that are fine-tuned elsewhere are refused before.
  if (adapter === null) throw new Error(`${name} has no adapter`);
  const { checkpoints } = await findCheckpoints(join(run, 'cells', name));
  const kept = checkpoints.filter(({ step, lacks }) => keptSteps.includes(step) && lacks === null);
  return { id: name, kind: condition, adapter, checkpoints: kept.map(({ folder }) => folder) };
}
