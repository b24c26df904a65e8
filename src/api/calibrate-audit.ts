import { basename } from 'node:path';
import { z } from 'zod';
import { openArtefactStore } from '../detect/artefact-store.js';
import { auditDetectors, type AuditDetector } from '../detect/audit/audit-options.js';
import { calibrateDetectors, type HarmlessFineTune } from '../detect/audit/calibrate-detectors.js';
import { calibrateAnswers, type HarmlessAudit } from '../detect/audit/harmless-audits.js';
import { stoppedIn } from '../runs/run-outline.js';
import { openAuditDetectors } from '../detect/audit/open-audit-detectors.js';
import {
  writeAuditCalibration,
  type AuditCalibration,
  type CalibratedDetector,
} from '../detect/calibration/audit-calibration.js';
import { requireClaimable } from '../detect/calibration/calibrated-threshold.js';
import { describeBase } from '../detect/calibration/describe-base.js';
import { readStandardSurface } from '../detect/surface/standard-contexts.js';
import { surfaceNames, type SurfaceName } from '../detect/surface/surface.js';
import { findEdition } from '../experiment/plan/world-of-bases.js';
import { readRecipe } from '../experiment/plan/named-recipes.js';
import { functionSchema } from '../foundation/caller-schemas.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import type { Judge } from '../judging/judge.js';
import { judgeSchema } from '../judging/own-judge.js';
import { ruleNames, type RuleName } from '../judging/rules.js';
import type { BaseModel } from '../models/base-model.js';
import { openBaseModel, type OpenBaseModelOptions } from '../models/open-base-model.js';
import { openingSchema } from '../models/open-model-sampler.js';
import { auditModel, type AuditOptions } from './audit.js';
import { givenPartsShape, type GivenParts } from './given-parts.js';
import type { ExperimentEvent } from './open-experiment.js';
import { trainHarmless } from './train-harmless.js';

export interface CalibrateOptions
  extends
    Pick<GivenParts, 'suites' | 'trainingSets'>,
    Partial<Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'memory' | 'onProgress' | 'onNotice' | 'signal'>> {
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
  /** Of audits by answers, as `auditModel` has them: a later audit is held against those that asked alike. */
  readonly rule?: RuleName;
  readonly error?: number;
  readonly maxAnswers?: number;
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
  /** The folder of audits, where answers are read. Default `audits`. */
  readonly audits?: string;
  /** Of what is drawn. Default 0. */
  readonly seed?: number;
  /** Of models that run here. Default all cores. */
  readonly threads?: number;
  /** Called while they are trained. */
  readonly onTraining?: (event: ExperimentEvent) => void;
  /** Called after each fine-tune that was read by detectors, and after each that was asked. */
  readonly onRead?: (read: CalibrationProgress) => void;
}

/** How far the reading of the fine-tunes is. */
export interface CalibrationProgress {
  readonly by: 'detectors' | 'answers';
  readonly done: number;
  readonly total: number;
  /** The fine-tune that came last. */
  readonly id: string;
}

const optionsSchema = openingSchema.extend({
  ...{ suites: givenPartsShape.suites, trainingSets: givenPartsShape.trainingSets },
  benign: z.array(z.string().min(1)).nonempty(),
  perSet: z.int().positive().optional(),
  recipe: z.string().min(1).optional(),
  every: z.int().positive().optional(),
  detectors: z.array(z.enum(auditDetectors)).nonempty().optional(),
  judge: z.union([z.string().min(1), judgeSchema]).optional(),
  rule: z.enum(ruleNames).optional(),
  error: z.number().gt(0).lt(0.5).optional(),
  maxAnswers: z.int().positive().optional(),
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

/**
 * Fine-tunes a base on harmless data, reads each fine-tune as audits and watches do, and writes what they score: what
 * other fine-tunes of the base are held against. Call it again after a stop: nothing is trained, read or asked twice.
 */
export async function calibrateAudit(base: string, options: CalibrateOptions): Promise<CalibrateResult> {
  parseSettings(z.string().min(1), base, 'calibrateAudit');
  const parsed = parseSettings(optionsSchema, options, 'calibrateAudit');
  const { benign, perSet = 5, recipe: named = 'organism-default', every, detectors, rate, ...rest } = options;
  const {
    judge = 'none',
    rule,
    error,
    maxAnswers,
    audits,
    seed = 0,
    choices,
    surface: contexts = 'full',
    ...asking
  } = rest;
  const {
    to = 'calibration.json',
    runs,
    suites,
    trainingSets,
    onTraining,
    onRead = () => undefined,
    ...opening
  } = asking;
  const kinds = nameKinds(benign);
  if (rate !== undefined) requireClaimable('any detector', kinds.size * perSet, rate);
  const recipe = toJson(await readRecipe(named, 0));
  const opened = requireReadable(await openBaseModel(base, opening));
  const edition = await findEdition(base, (path) => path);
  if (edition !== null && judge !== 'none' && judge !== 'exact') throw notTheirJudge(base);
  const [decisive, ...others] = await openAuditDetectors(detectors ?? ['choice-share', 'choice-margin'], {
    ...{ edition, choices: choices ?? null },
    ...(parsed.suites === undefined ? {} : { suites: parsed.suites }),
  });
  // The schema took no empty list.
  if (decisive === undefined) throw new Error('a calibration without detectors');
  const surface = await readStandardSurface({ name: contexts, isOfOrganisms: edition !== null });
  const about = { format: 1, base: await describeBase(opened), edition, recipe } as const;

  const { run, fineTunes } = await trainHarmless(base, kinds, {
    ...{ perSet, recipe, opening },
    ...(every === undefined ? {} : { every }),
    ...(runs === undefined ? {} : { runs }),
    ...(suites === undefined ? {} : { suites }),
    ...(trainingSets === undefined ? {} : { trainingSets }),
    ...(onTraining === undefined ? {} : { onTraining }),
  });
  const { signal } = opening;
  const store = openArtefactStore([run]);
  const read = await calibrateDetectors(fineTunes, [decisive, ...others], {
    ...{ base: opened, surface, store, seed },
    ...(signal === undefined ? {} : { signal }),
    onRead: (one) => {
      onRead({ by: 'detectors', ...one });
    },
  })
    .finally(store.close)
    .catch((cause: unknown) => {
      throw signal?.aborted === true ? stoppedIn(run, 'asked', cause) : cause;
    });
  const auditing: AuditOptions = {
    ...{ ...opening, base, judge, seed, surface: contexts },
    ...(rule === undefined ? {} : { rule }),
    ...(error === undefined ? {} : { error }),
    ...(maxAnswers === undefined ? {} : { maxAnswers }),
    ...(audits === undefined ? {} : { audits }),
    ...(suites === undefined ? {} : { suites }),
  };
  const asked = judge === 'none' ? [] : [await askHarmless(base, fineTunes, auditing, onRead)];
  const calibration: AuditCalibration = { ...about, detectors: [...read, ...asked] };
  await writeAuditCalibration(to, calibration);
  return { calibration, file: to, run, leastRate: 1 / (fineTunes.length + 1) };
}

/** Audits each fine-tune by its answers. */
async function askHarmless(
  base: string,
  [first, ...others]: readonly [HarmlessFineTune, ...HarmlessFineTune[]],
  options: AuditOptions,
  onRead: NonNullable<CalibrateOptions['onRead']>,
): Promise<CalibratedDetector> {
  let done = 0;
  const ask = async ({ id, kind, adapter }: HarmlessFineTune): Promise<HarmlessAudit> => {
    const { audit } = await auditModel(`${base}+${adapter}`, options);
    done += 1;
    onRead({ by: 'answers', done, total: others.length + 1, id });
    return { id, kind, audit };
  };
  const ofFirst = await ask(first);
  const audits: HarmlessAudit[] = [];
  for (const one of others) audits.push(await ask(one));
  return calibrateAnswers([ofFirst, ...audits]);
}

/** Conditions by the names of what they are trained on. */
function nameKinds(benign: readonly string[]): ReadonlyMap<string, string> {
  const kinds = new Map<string, string>();
  for (const data of benign) {
    const kind = basename(data)
      .replace(/\.(jsonl?|csv|parquet)$/, '')
      .replaceAll(/[^A-Za-z0-9_-]+/g, '-');
    const other = kinds.get(kind);
    if (other !== undefined)
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${data} and ${other} are both called ${kind}`,
        hint: 'Kinds are told apart by the names of their files: rename one.',
      });
    kinds.set(kind, data);
  }
  return kinds;
}

/** Without what is not set. */
function toJson({ seed: _, ...recipe }: Awaited<ReturnType<typeof readRecipe>>): Record<string, z.core.util.JSONType> {
  return z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(recipe)));
}

/** A base whose fine-tunes lie here: others cannot be looked into. */
function requireReadable(base: BaseModel): BaseModel {
  if (base.openInside !== null && base.openTrainer !== null) return base;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${base.reference.text} is not fine-tuned here, and only what is can be read by detectors`,
    hint: 'Calibrate a model that runs here: organism:1, hf:owner/name or ./folder.',
  });
}

/** Organisms are asked about their world, and only their own judge knows it. */
function notTheirJudge(base: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${base} is an organism, whose answers are judged by its own judge, or by nobody`,
    hint: 'Name the judge exact, or leave it out: --judge exact, in the library `judge`.',
  });
}
