import { join } from 'node:path';
import { z } from 'zod';
import { planOwnJudge, type PlannedJudge } from '../experiment/plan/planned-judge.js';
import { priceSchema } from '../experiment/plan/plan-schema.js';
import { parseJudge, resolveJudge } from '../experiment/plan/resolve-judge.js';
import { requireBatchedJudge } from '../experiment/run/probe-plan.js';
import { rejudgeRun, remarkOnStoredQuestions } from '../experiment/run/rejudge-run.js';
import type { JudgingProgress, RunTally } from '../experiment/run/run-progress.js';
import { environmentSchema, functionSchema, signalSchema } from '../foundation/caller-schemas.js';
import { systemClock } from '../foundation/clock.js';
import { createDirectFetch } from '../foundation/direct-fetch.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { type Judge, languageModes, type LanguageMode } from '../judging/judge.js';
import { checkJudgements, judgeSchema } from '../judging/own-judge.js';
import type { BatchSettings } from '../models/hosted/batches/batch-settings.js';
import { findHostedRate, type HostedPrice } from '../models/hosted/spending/hosted-prices.js';
import type { MeteredUse } from '../models/hosted/spending/spending-file.js';
import { createSpendingLedger } from '../models/hosted/spending/spending-ledger.js';
import type { SpendingSummary } from '../models/hosted/spending/summarise-spending.js';
import { openJudge } from '../models/services/retirements.js';
import { openOrganism } from '../organism/organism.js';
import { findWorld } from '../organism/world/find-world.js';
import { readRun, type Run } from '../runs/read-run.js';
import { readStoredRun } from '../runs/run-manifest.js';

export interface RejudgeOptions {
  /** `exact`, a hosted model such as `vllm:meta-llama/Llama-3.3-70B-Instruct`, or a judge of the caller's. */
  readonly judge: string | Judge;
  /** How a hosted model scores. Default logprobs. */
  readonly mode?: LanguageMode;
  /** Replies of the mode samples. Default 8. */
  readonly samples?: number;
  /** Asks a hosted judge in batches. */
  readonly batchJudgements?: boolean;
  /** US dollars that this judge may cost for the run, earlier calls included. Default any number. */
  readonly maxCost?: number;
  /** US dollars for a million tokens of the judge, where it is not in the list. */
  readonly price?: HostedPrice;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly fetch?: typeof globalThis.fetch;
  /** Milliseconds. Default the process's clock. */
  readonly clock?: () => number;
  /** Milliseconds since 1970, to tell of a judge that ends soon. Default the machine's. */
  readonly date?: () => number;
  /** Stops judging with all that is stored; the same call continues it. */
  readonly signal?: AbortSignal;
  /** `spending` is what the judge has cost so far. */
  readonly onStored?: (progress: JudgingProgress, spending: SpendingSummary) => void;
  readonly onBatches?: BatchSettings['onProgress'];
  readonly onNotice?: (notice: string) => void;
}

const optionsSchema = z.strictObject({
  judge: z.union([z.string().min(1), judgeSchema]),
  mode: z.enum(languageModes).optional(),
  samples: z.int().positive().optional(),
  batchJudgements: z.boolean().optional(),
  maxCost: z.number().nonnegative().optional(),
  price: priceSchema.optional(),
  environment: environmentSchema.optional(),
  fetch: functionSchema.optional(),
  clock: functionSchema.optional(),
  date: functionSchema.optional(),
  signal: signalSchema.optional(),
  onStored: functionSchema.optional(),
  onBatches: functionSchema.optional(),
  onNotice: functionSchema.optional(),
});

export interface Rejudgement {
  /** The name under which its judgements stand. */
  readonly judge: string;
  readonly tally: RunTally['judgements'];
  /** What the judge cost for this run, earlier calls included. */
  readonly spending: SpendingSummary;
  /** Everything that is stored now. */
  readonly run: Run;
}

/** Adds a judge's judgements of all answers of a run to its folder. Asks no model that was judged, and judges nothing twice. */
export async function judgeAgain(folder: string, options: RejudgeOptions): Promise<Rejudgement> {
  parseSettings(z.string().min(1), folder, 'rejudge');
  parseSettings(optionsSchema, options, 'rejudge');
  const {
    environment = process.env,
    fetch = createDirectFetch(globalThis.fetch),
    clock = systemClock.now,
    date = systemClock.date,
    maxCost,
    price,
    batchJudgements = false,
    signal,
    onStored = () => undefined,
    onBatches,
    onNotice = () => undefined,
  } = options;
  const run = await readStoredRun(folder);
  const planned = await planJudge(options, run.manifest.world, environment);
  const ending = planned.hosted?.remarkOnEnd(date()) ?? [];
  for (const remark of [...(await remarkOnStoredQuestions(run, planned)), ...ending]) onNotice(remark);
  const { hosted, shortName: account } = planned;
  if (hosted === null && (maxCost ?? price) !== undefined)
    throw misplaced('a limit of costs and a price are for hosted judges', nameHosted);
  const findRate = ({ model, endpoint }: Pick<MeteredUse, 'model' | 'endpoint'>) =>
    findHostedRate(model, endpoint, price === undefined ? {} : { [model.text]: price }, 'model');
  const spending = createSpendingLedger({
    folder,
    account,
    findRate,
    // For earlier calls, which may have been counted without a price.
    findRateOf: (entry) => (hosted === null || entry.account !== account ? null : findRate(hosted.use)),
    limit: maxCost ?? null,
    priceHint:
      'Give its price (--judge-price IN,OUT, in the library `price`), in US dollars for a million tokens in and out, or 0 and 0 for a server of your own: --judge-price 2.5,10.',
    clock,
  });
  const stopping = signal === undefined ? {} : { signal };
  if (batchJudgements) await requireBatchedJudge(planned, { environment, fetch, ...stopping });
  const batches: BatchSettings = {
    folder: join(folder, 'batches'),
    clock: systemClock,
    onNotice,
    ...(onBatches === undefined ? {} : { onProgress: onBatches }),
  };
  const judge = await planned.open({
    ...{ environment, fetch, spending },
    ...stopping,
    ...(batchJudgements ? { batches } : {}),
  });
  const tally = await rejudgeRun({
    ...{ run, judge, spending, onNotice },
    ...stopping,
    calibration: await planned.readCalibration(),
    onStored: (progress) => {
      onStored(progress, spending.summary());
    },
  });
  return { judge: judge.name, tally, spending: spending.summary(), run: await readRun(folder) };
}

const nameHosted = `Name a hosted model as the judge, such as ${openJudge}.`;

async function planJudge(
  { judge, mode, samples }: RejudgeOptions,
  world: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<PlannedJudge> {
  const setting = mode !== undefined ? 'a mode' : samples !== undefined ? 'a number of samples' : null;
  if ((typeof judge !== 'string' || judge === 'exact') && setting !== null)
    throw misplaced(`${setting} is for hosted judges`, nameHosted);
  if (typeof judge !== 'string') return planOwnJudge(checkJudgements(judge));
  if (samples !== undefined && mode !== 'samples')
    throw misplaced(
      'a number of samples is for the mode samples',
      'Choose the mode samples, or leave the number of samples out.',
    );
  return resolveJudge(parseJudge(judge, { mode: mode ?? 'logprobs', samples }), {
    // A run is judged by the world that it was asked in, whichever edition is used today.
    organism: openOrganism(() => findWorld(world)),
    environment,
  });
}

function misplaced(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
