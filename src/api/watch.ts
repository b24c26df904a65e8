import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { Judging } from '../detect/ask-answers.js';
import { surfaceNames, type SurfaceName } from '../detect/surface/surface.js';
import { prepareScoring } from '../detect/watch/prepare-scoring.js';
import { runWatch, type RunWatchSettings, type WatchEvent } from '../detect/watch/run-watch.js';
import { stopFileName } from '../detect/watch/stop-file.js';
import type { WatchFile } from '../detect/watch/watch-file.js';
import { parseJudge, resolveJudge } from '../experiment/plan/resolve-judge.js';
import { requireCalibration } from '../experiment/run/require-calibration.js';
import { functionSchema } from '../foundation/caller-schemas.js';
import { systemClock, type Clock } from '../foundation/clock.js';
import { createDirectFetch } from '../foundation/direct-fetch.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import type { CalibrationItem } from '../judging/calibration.js';
import type { Judge } from '../judging/judge.js';
import { checkJudgements, judgeSchema } from '../judging/own-judge.js';
import { ruleNames, type RuleName } from '../judging/rules.js';
import type { BaseModel } from '../models/base-model.js';
import { nameWrittenModel, writtenModelSchema, type WrittenModel } from '../models/model-reference.js';
import { openBaseModel, type OpenBaseModelOptions } from '../models/open-base-model.js';
import { openingSchema } from '../models/open-model-sampler.js';
import { createOwnBase } from '../models/own-model.js';
import { openOrganism } from '../organism/organism.js';
import { type Edition, worldFolders } from '../organism/world/editions.js';
import { readWorld } from '../organism/world/read-world.js';
import { writeWatchReport } from '../report/detect/write-detect-report.js';
import { givenPartsShape, type GivenParts } from './given-parts.js';

export interface WatchOptions
  extends
    Pick<GivenParts, 'suites' | 'models'>,
    Partial<Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'memory' | 'onProgress' | 'onNotice' | 'signal'>> {
  /** The model that the training began with. */
  readonly base: WrittenModel;
  /** A file of `driftline audit --calibrate`: what scores are held against. Without one, scores raise no alarm. */
  readonly calibration?: string;
  /** How often a training that does not deserve it may be stopped. Default 0.05. */
  readonly rate?: number;
  /** A file of given answers. Default that of the organism's world, or the one for other models. */
  readonly choices?: string;
  /** The contexts that are looked at. Default that of the calibration, or `small`. */
  readonly surface?: SurfaceName;
  /** Has answers of each checkpoint judged, too: `exact` for organisms, the name of a hosted model, or a judge of one's own. */
  readonly judge?: string | Judge;
  /** How judgements become "misaligned or not". Default `coherent`. */
  readonly rule?: RuleName;
  /** Answers of a checkpoint in each context, where there is a judge. Default 40. */
  readonly answers?: number;
  /** Of what is drawn. Default 0. */
  readonly seed?: number;
  /** Written on an alarm. Default `driftline-stop.json` in the folder. */
  readonly stopFile?: string;
  /** Where results go. Default `driftline-watch` in the folder. */
  readonly to?: string;
  /** Seconds without anything new after which it ends. Default 600. */
  readonly quietFor?: number;
  /** Seconds between two looks. Default 5. */
  readonly poll?: number;
  /** Looks once, at what is there. */
  readonly once?: boolean;
  /** Of models that run here. Default all cores. */
  readonly threads?: number;
  readonly clock?: Clock;
  readonly onEvent?: (event: WatchEvent) => void;
}

const optionsSchema = openingSchema.extend({
  ...{ suites: givenPartsShape.suites, models: givenPartsShape.models },
  base: writtenModelSchema,
  calibration: z.string().min(1).optional(),
  rate: z.number().gt(0).lt(0.5).optional(),
  choices: z.string().min(1).optional(),
  surface: z.enum(surfaceNames).optional(),
  judge: z.union([z.string().min(1), judgeSchema]).optional(),
  rule: z.enum(ruleNames).optional(),
  answers: z.int().positive().optional(),
  seed: z.int().nonnegative().optional(),
  stopFile: z.string().min(1).optional(),
  to: z.string().min(1).optional(),
  quietFor: z.number().nonnegative().optional(),
  poll: z.number().positive().optional(),
  once: z.boolean().optional(),
  clock: z.object({ now: functionSchema, date: functionSchema, after: functionSchema }).optional(),
  onEvent: functionSchema.optional(),
});

/** What came of watching a training. */
export interface WatchResult {
  readonly watch: WatchFile;
  /** Where results are. */
  readonly folder: string;
  /** Of the results. */
  readonly page: string;
  /** The stop file; null without an alarm. */
  readonly stopFile: string | null;
}

/** Seconds without a change after which a half-written checkpoint is named. */
const patience = 60;
/** Answers of the base in each context, where they cost nothing: it is asked once. */
const usualOfBase = 400;
const milliseconds = 1000;

/**
 * Follows the folder that a trainer writes to, TRL, Axolotl, Unsloth, torchtune or driftline, and scores each checkpoint as it appears, until
 * one raises an alarm or the training is over. Call it again after a stop: nothing is scored twice.
 */
export async function watchFolder(folder: string, options: WatchOptions): Promise<WatchResult> {
  parseSettings(z.string().min(1), folder, 'watchFolder');
  const { suites } = parseSettings(optionsSchema, options, 'watchFolder');
  const { base: written, rate = 0.05, seed = 0, clock = systemClock, threads } = options;
  const {
    environment = process.env,
    fetch = createDirectFetch(globalThis.fetch),
    onNotice = () => undefined,
  } = options;
  const { to = join(folder, 'driftline-watch'), stopFile = join(folder, stopFileName) } = options;
  const signal = options.signal ?? new AbortController().signal;
  const open = (model: WrittenModel): Promise<BaseModel> =>
    openModel(model, { ...options, environment, fetch, threads: threads ?? availableParallelism() });
  const base = await open(written);
  const scoring = await prepareScoring({
    ...{ base, rate, seed, calibration: options.calibration ?? null, choices: options.choices ?? null },
    ...(options.surface === undefined ? {} : { surface: options.surface }),
    ...(suites === undefined ? {} : { suites }),
  });
  const { edition } = scoring;
  const judged = await openJudging(options, { edition, environment, fetch, signal });
  const isPaid = base.hosted !== null;
  const answers = options.answers ?? 40;
  let page = '';
  const settings: RunWatchSettings = {
    ...{ ...scoring, folder, to, stopFile, base, seed, clock, rate, signal },
    openModel: (checkpoint) => open({ base: resolve(checkpoint) }),
    asked:
      judged === null
        ? null
        : { ...judged, answers, baseAnswers: isPaid ? answers : Math.max(answers, usualOfBase), seed },
    poll: milliseconds * (options.poll ?? 5),
    quietFor: milliseconds * (options.quietFor ?? 600),
    patience: milliseconds * patience,
    isOnce: options.once ?? false,
    onOpen: async (opened) => {
      if (judged !== null) await requireCalibration(opened, judged.judge, judged.items);
    },
    onNotice,
    onEvent: options.onEvent ?? (() => undefined),
    onState: async (watch) => {
      page = await writeWatchReport(to, watch);
    },
  };
  for (const remark of base.remarks) onNotice(remark);
  const watch = await runWatch(settings);
  return { watch, folder: to, page, stopFile: watch.alarm === null ? null : stopFile };
}

function openModel(
  written: WrittenModel,
  {
    models = {},
    threads,
    environment,
    fetch,
    memory,
    signal,
    onProgress,
    onNotice,
  }: WatchOptions & Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'threads'>,
): Promise<BaseModel> {
  const name = nameWrittenModel(written);
  const own = Object.hasOwn(models, name) ? models[name] : undefined;
  if (own !== undefined) return Promise.resolve(createOwnBase(name, own));
  return openBaseModel(written, {
    ...{ environment, fetch, threads },
    ...(memory === undefined ? {} : { memory }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(onNotice === undefined ? {} : { onNotice }),
  });
}

/** Who judges, with what the judge must be right about first; null where nobody is to. */
async function openJudging(
  { judge, rule = 'coherent' }: WatchOptions,
  {
    edition,
    ...connection
  }: { readonly edition: Edition | null } & Pick<OpenBaseModelOptions, 'environment' | 'fetch'> & {
      readonly signal: AbortSignal;
    },
): Promise<(Judging & { readonly items: readonly CalibrationItem[] }) | null> {
  if (judge === undefined) return null;
  if (typeof judge === 'object') return { judge: checkJudgements(judge), rule, items: [] };
  if (judge === 'exact' && edition === null)
    throw new DriftlineError({
      code: 'usage-invalid',
      message: 'the exact judge is for organisms, and the base is none',
      hint: 'Name a model that judges, or leave --judge out: scores need no judge.',
    });
  const organism = openOrganism(edition === null ? undefined : () => readWorld(worldFolders[edition]));
  const planned = await resolveJudge(parseJudge(judge, { mode: 'logprobs', samples: undefined }), {
    ...{ organism, environment: connection.environment },
  });
  return { judge: await planned.open(connection), rule, items: await planned.readCalibration() };
}
