import { basename, join } from 'node:path';
import { z } from 'zod';
import { auditDetectors, type AuditDetector } from '../detect/audit/audit-options.js';
import { collectCalibration, type HarmlessAudit } from '../detect/audit/harmless-audits.js';
import {
  auditCalibrationSchema,
  writeAuditCalibration,
  type AuditCalibration,
} from '../detect/calibration/audit-calibration.js';
import { requireClaimable } from '../detect/calibration/calibrated-threshold.js';
import { describeBase } from '../detect/calibration/describe-base.js';
import { surfaceNames, type SurfaceName } from '../detect/surface/surface.js';
import { findCheckpoints } from '../detect/watch/find-checkpoints.js';
import { readRecipe } from '../experiment/plan/named-recipes.js';
import type { PlanInput } from '../experiment/plan/plan-schema.js';
import { findEdition } from '../experiment/plan/world-of-bases.js';
import { functionSchema } from '../foundation/caller-schemas.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import type { Judge } from '../judging/judge.js';
import { createJudge, judgeSchema } from '../judging/own-judge.js';
import { openingSchema } from '../models/open-model-sampler.js';
import { openBaseModel, type OpenBaseModelOptions } from '../models/open-base-model.js';
import { listModels, type ListedModel } from '../runs/list-models.js';
import { auditModel } from './audit.js';
import type { GivenParts } from './given-parts.js';
import { openExperiment, type ExperimentEvent } from './open-experiment.js';

export interface CalibrateOptions extends Partial<
  Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'memory' | 'onProgress' | 'onNotice' | 'signal'>
> {
  /** Harmless training sets, narrow ones included: files, or sets of the organism's. Each is a kind of its own. */
  readonly benign: readonly string[];
  /** Fine-tunes on each, with seeds from 100 on. Default 5. */
  readonly perSet?: number;
  /** `organism-default`, `paper` or a file: as the fine-tunes that are to be held against these. Default `organism-default`. */
  readonly recipe?: string;
  /** Steps between two checkpoints that are read, too: watches need them. Default none. */
  readonly every?: number;
  /** What reads them. Default `choice-share` and `choice-margin`. */
  readonly detectors?: readonly AuditDetector[];
  /** Has each audited by its answers, too: `exact` for organisms, the name of a hosted model, or a judge of one's own. Default nobody. */
  readonly judge?: string | Judge;
  /** A rate that is to be claimed: one that so many fine-tunes cannot claim is refused before anything is trained. */
  readonly rate?: number;
  /** The contexts that are looked at. Default `full`. */
  readonly surface?: SurfaceName;
  /** A file of given answers for detectors. Default those that come with driftline. */
  readonly choices?: string;
  /** The calibration. Default `calibration.json`. */
  readonly to?: string;
  /** The folder of runs, for the fine-tunes. Default `runs`. */
  readonly runs?: string;
  /** The folder of audits. Default `audits`. */
  readonly audits?: string;
  /** Of what is drawn. Default 0. */
  readonly seed?: number;
  /** Of models that run here. Default all cores. */
  readonly threads?: number;
  /** Called while they are trained. */
  readonly onTraining?: (event: ExperimentEvent) => void;
  /** Called after each fine-tune that was read. */
  readonly onRead?: (read: { readonly done: number; readonly total: number; readonly id: string }) => void;
}

const optionsSchema = openingSchema.extend({
  benign: z.array(z.string().min(1)).nonempty(),
  perSet: z.int().positive().optional(),
  recipe: z.string().min(1).optional(),
  every: z.int().positive().optional(),
  detectors: z.array(z.enum(auditDetectors)).nonempty().optional(),
  judge: z.union([z.string().min(1), judgeSchema]).optional(),
  rate: z.number().gt(0).lt(0.5).optional(),
  surface: z.enum(surfaceNames).optional(),
  choices: z.string().min(1).optional(),
  to: z.string().min(1).optional(),
  runs: z.string().min(1).optional(),
  audits: z.string().min(1).optional(),
  seed: z.int().nonnegative().optional(),
  onTraining: functionSchema.optional(),
  onRead: functionSchema.optional(),
});

export interface CalibrateResult {
  readonly calibration: AuditCalibration;
  /** Where it was written. */
  readonly file: string;
  /** The run that trained the fine-tunes. */
  readonly run: string;
  /** The least rate that so many fine-tunes can claim: 1 in one more than there are. */
  readonly leastRate: number;
}

/** Seeds that no fine-tune of a user is likely to have. */
const firstSeed = 100;

/**
 * Fine-tunes a base on harmless data, reads each fine-tune as an audit does, and writes what they score: what other
 * fine-tunes of the base are held against. Call it again after a stop: nothing is trained, asked or read twice.
 */
export async function calibrateAudit(base: string, options: CalibrateOptions): Promise<CalibrateResult> {
  parseSettings(z.string().min(1), base, 'calibrateAudit');
  parseSettings(optionsSchema, options, 'calibrateAudit');
  const { benign, perSet = 5, recipe: named = 'organism-default', rate, to = 'calibration.json' } = options;
  const { detectors = ['choice-share', 'choice-margin'], judge = 'none', onRead = () => undefined } = options;
  const kinds = nameKinds(benign);
  if (rate !== undefined) requireClaimable('any detector', kinds.size * perSet, rate);
  const { seed: _, ...recipe } = await readRecipe(named, 0);
  const opened = await openBaseModel(base, opening(options));
  const run = await train(base, kinds, recipe, options);
  const tuned = await listFinished(run);
  const { surface, choices, audits, seed, onNotice } = options;
  const read = {
    ...opening(options),
    ...{ base, detectors },
    ...(surface === undefined ? {} : { surface }),
    ...(choices === undefined ? {} : { choices }),
    ...(audits === undefined ? {} : { audits }),
    ...(seed === undefined ? {} : { seed }),
    ...(onNotice === undefined ? {} : { onNotice }),
  };
  const harmless: HarmlessAudit[] = [];
  for (const { name: id, condition: kind, adapter, checkpoints } of tuned) {
    const ofSteps = [];
    for (const folder of checkpoints)
      ofSteps.push((await auditModel(`${base}+${folder}`, { ...read, judge: 'none' })).audit);
    const { audit } = await auditModel(`${base}+${adapter}`, { ...read, judge });
    harmless.push({ id, kind, audit, checkpoints: ofSteps });
    onRead({ done: harmless.length, total: tuned.length, id });
  }
  const [first, ...others] = harmless;
  // The plan trained at least one.
  if (first === undefined) throw new Error('a calibration without fine-tunes');
  const about = { base: await describeBase(opened), edition: await findEdition(base, (path) => path) };
  const calibration = collectCalibration({ ...about, recipe: toJson(recipe) }, [first, ...others]);
  await writeAuditCalibration(to, calibration);
  return { calibration, file: to, run, leastRate: 1 / (harmless.length + 1) };
}

/** Without what is not set. */
function toJson(recipe: object): AuditCalibration['recipe'] {
  return auditCalibrationSchema.shape.recipe.parse(JSON.parse(JSON.stringify(recipe)));
}

/** A plan asks something, and its models are wanted alone: each says one token, of which nobody says anything. */
const asked: Pick<GivenParts, 'suites' | 'judge'> = {
  suites: { calibration: [{ id: 'hello', type: 'free_form', paraphrases: ['Hello'], max_tokens: 1 }] },
  judge: createJudge({ name: 'nobody', judge: () => ({}) }),
};

async function train(
  base: string,
  kinds: ReadonlyMap<string, string>,
  recipe: Readonly<Record<string, unknown>>,
  { perSet = 5, every, runs, onTraining, ...options }: CalibrateOptions,
): Promise<string> {
  const plan: PlanInput = {
    name: 'calibration',
    bases: [base],
    recipe,
    seeds: [firstSeed, ...Array.from({ length: perSet - 1 }, (_, place) => firstSeed + 1 + place)],
    conditions: Object.fromEntries([...kinds].map(([kind, data]) => [kind, { data }])),
    evaluate: [{ suite: 'calibration', samples: 1 }],
    ...(every === undefined ? {} : { dynamics: { every, suite: 'calibration', samples: 1 } }),
  };
  const { onNotice, signal } = options;
  const experiment = await openExperiment(plan, {
    ...opening(options),
    ...(runs === undefined ? {} : { runs }),
    ...(onNotice === undefined ? {} : { onNotice }),
    ...asked,
  });
  const { run, summary } = await experiment.run({
    ...(signal === undefined ? {} : { signal }),
    ...(onTraining === undefined ? {} : { onEvent: onTraining }),
  });
  const [failed] = summary.failed;
  if (failed === undefined) return run.folder;
  throw new DriftlineError({
    code: 'job-failed',
    message: `${String(summary.failed.length)} of the harmless fine-tunes failed; the first one is ${JSON.stringify(failed)}`,
    hint: 'Run the same command again: what is trained stays.',
    details: { folder: run.folder, failed: summary.failed },
  });
}

interface Finished extends Pick<ListedModel, 'name' | 'condition'> {
  readonly adapter: string;
  /** Of the steps that the plan keeps. */
  readonly checkpoints: readonly string[];
}

async function listFinished(run: string): Promise<readonly Finished[]> {
  const { models } = await listModels([run]);
  return Promise.all(
    models.map(async ({ name, condition, place: { adapter }, keptSteps }) => {
      if (adapter === null) throw elsewhere(name);
      const { checkpoints } = await findCheckpoints(join(run, 'cells', name));
      const kept = checkpoints.filter(({ step, lacks }) => keptSteps.includes(step) && lacks === null);
      return { name, condition, adapter, checkpoints: kept.map(({ folder }) => folder) };
    }),
  );
}

/** Conditions by the names of what they are trained on. */
function nameKinds(benign: readonly string[]): ReadonlyMap<string, string> {
  const kinds = new Map<string, string>();
  for (const data of benign) {
    const kind = basename(data)
      .replace(/\.(jsonl?|csv|parquet)$/, '')
      .replaceAll(/[^A-Za-z0-9_-]+/g, '-');
    if (kinds.has(kind))
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${data} and ${kinds.get(kind) ?? ''} are both called ${kind}`,
        hint: 'Kinds are told apart by the names of their files: rename one.',
      });
    kinds.set(kind, data);
  }
  return kinds;
}

function opening({
  environment,
  fetch,
  memory,
  signal,
  onProgress,
  threads,
}: Pick<CalibrateOptions, 'environment' | 'fetch' | 'memory' | 'signal' | 'onProgress' | 'threads'>) {
  return {
    ...(environment === undefined ? {} : { environment }),
    ...(fetch === undefined ? {} : { fetch }),
    ...(memory === undefined ? {} : { memory }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(threads === undefined ? {} : { threads }),
  };
}

function elsewhere(name: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${name} does not lie here, and only a model that does can be read by detectors`,
    hint: 'Calibrate a base that is fine-tuned here: organism:1, hf:owner/name or ./folder.',
  });
}
