import { access } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { chooseGated } from '../analysis/choose-gated.js';
import { countThemes } from '../analysis/estimate.js';
import { choosePopulation, meanTrials } from '../analysis/gate-bounds.js';
import { remarkOnGate, requireCounted, requirePassable, type AskedPlace } from '../analysis/require-passable.js';
import { openingSchema } from '../models/open-model-sampler.js';
import { readPlan, resolvePlan, type ReadPlanOptions } from '../experiment/plan/resolve-plan.js';
import { parsePlan, type PlanInput } from '../experiment/plan/plan-schema.js';
import { findModel, type ResolvedPlan } from '../experiment/plan/resolved-plan.js';
import { openAnsweredCells } from '../experiment/run/answered-cells.js';
import { chooseCellsAtOnce, type ChosenCellsAtOnce } from '../experiment/run/choose-cells-at-once.js';
import { followForecast } from '../experiment/run/follow-cluster.js';
import { forecastCluster, type ClusterForecast } from '../experiment/run/forecast-cluster.js';
import { forecastMemory, requireMemory, type MemoryForecast } from '../experiment/run/forecast-memory.js';
import { forecastRun, type RunForecast } from '../experiment/run/forecast-run.js';
import type { BatchedParts } from '../experiment/run/hosted-use.js';
import { findEntryRate, findPlanRate, requirePlanRates } from '../experiment/run/plan-rates.js';
import { probePlan, requireBatchedModels } from '../experiment/run/probe-plan.js';
import { requireOwnEdition } from '../experiment/run/require-own-edition.js';
import { requireClusterMemory } from '../experiment/run/require-cluster-memory.js';
import { openCellWatcher, type CellWatcher } from '../detect/watch/watch-cells.js';
import { runPlan, type RunSummary } from '../experiment/run/run-plan.js';
import type { RunEvent } from '../experiment/run/run-progress.js';
import { functionSchema, objectSchema, signalSchema } from '../foundation/caller-schemas.js';
import { systemClock } from '../foundation/clock.js';
import { createDirectFetch } from '../foundation/direct-fetch.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { readMachineMemory } from '../foundation/machine-memory.js';
import { readPackageVersion } from '../foundation/package-version.js';
import { findRule } from '../judging/rules.js';
import type { Range } from '../judging/language-judge.js';
import { checkJudgements } from '../judging/own-judge.js';
import type { BatchSettings } from '../models/hosted/batches/batch-settings.js';
import { clusterSchema, type ClusterSettings } from '../models/cluster/cluster-settings.js';
import { openClusterRun, type ClusterRun } from '../models/cluster/cluster-run.js';
import { stopRun } from '../models/cluster/stop-run.js';
import type { ClusterSight } from '../models/cluster/watch-cluster.js';
import { createSpendingLedger, type SpendingLedger } from '../models/hosted/spending/spending-ledger.js';
import type { SpendingSummary } from '../models/hosted/spending/summarise-spending.js';
import { writtenModelSchema, type WrittenModel } from '../models/model-reference.js';
import { openBaseModel, type OpenBaseModelOptions } from '../models/open-base-model.js';
import type { GateOptions } from '../runs/gate-options.js';
import { readRun, type Run } from '../runs/read-run.js';
import { writeWatchReport } from '../report/detect/write-detect-report.js';
import { nameRun, openRunFolder, type RunFolder } from '../runs/run-folder.js';
import { locateManifest } from '../runs/run-manifest.js';
import type { StoredRecords } from '../runs/run-records.js';
import { gateShape, mergeGates, remarkOnChange } from './gate.js';
import { givenPartsShape, type GivenParts } from './given-parts.js';

/** What an experiment may be opened with; nothing of it is needed. */
export interface ExperimentOptions
  extends GivenParts, Partial<Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'onProgress' | 'onNotice'>> {
  /** Folder of run folders. Default `runs`. */
  readonly runs?: string;
  /** The folder that paths of a plan from code are relative to. Default the working directory. */
  readonly folder?: string;
  /** Models to start from in place of the plan's. */
  readonly bases?: readonly WrittenModel[];
  /** Seeds in place of the plan's. */
  readonly seeds?: readonly number[];
  /** Of models that run here. Default all cores. */
  readonly threads?: number;
  /** Cells that are trained and asked at the same time. Default what the plan says, or what is measured to be faster. */
  readonly cellsAtOnce?: number;
  /** Bytes that there are. Default the machine's. */
  readonly memory?: number;
  /** Runs even if a memory estimate exceeds that, or a GPU's. */
  readonly ignoreMemory?: boolean;
  /** Asks hosted models in batches. */
  readonly batchAnswers?: boolean;
  /** Asks a hosted judge in batches. */
  readonly batchJudgements?: boolean;
  /** Uses a Ray that is reached over a network without a token, although whoever reaches it runs code there. */
  readonly allowOpenRay?: boolean;
  /** Models of steps that stay in the storage of the plan's cluster, in place of what the plan says. */
  readonly keep?: ClusterSettings['keep'];
  /** US dollars that hosted models and GPUs may cost the run, earlier use included. Default any number. */
  readonly maxCost?: number;
  /** Drift that is tolerated, in place of what the plan's gate says of it; null for no gate. */
  readonly gate?: Partial<GateOptions> | null;
  /** Whether stopping cancels fine-tuning jobs of services, and what a cluster does for the run. */
  readonly cancelJobs?: boolean;
  /** Milliseconds. Default the process's clock. */
  readonly clock?: () => number;
  /** Milliseconds since 1970, to tell of models that end soon. Default the machine's. */
  readonly date?: () => number;
  /** Stops what opening downloads. */
  readonly signal?: AbortSignal;
}

const optionsSchema = openingSchema.extend({
  ...givenPartsShape,
  runs: z.string().min(1).optional(),
  folder: z.string().min(1).optional(),
  bases: z.array(writtenModelSchema).nonempty().optional(),
  seeds: z.array(z.int().nonnegative()).nonempty().optional(),
  cellsAtOnce: z.int().positive().optional(),
  ignoreMemory: z.boolean().optional(),
  batchAnswers: z.boolean().optional(),
  batchJudgements: z.boolean().optional(),
  allowOpenRay: z.boolean().optional(),
  keep: clusterSchema.shape.keep.unwrap().optional(),
  maxCost: z.number().nonnegative().optional(),
  gate: z.strictObject(gateShape).partial().nullable().optional(),
  cancelJobs: z.boolean().optional(),
  clock: functionSchema.optional(),
  date: functionSchema.optional(),
});

/** What an experiment says of itself while it runs. */
export type ExperimentEvent =
  | RunEvent
  | RunStarted
  | ClusterSeen
  | ({ readonly kind: 'batches-progress' } & Parameters<NonNullable<BatchSettings['onProgress']>>[0]);

/** What a plan's cluster does, now and then. */
export interface ClusterSeen extends ClusterSight {
  readonly kind: 'cluster-seen';
  /** Until all is trained and answered with its GPUs, from the least to the most; null where nobody knows. */
  readonly secondsLeft: Range | null;
}

/** The first event: what is left to do. */
export interface RunStarted {
  readonly kind: 'run-started';
  readonly forecast: RunForecast;
  readonly cellsAtOnce: ChosenCellsAtOnce;
}

export interface ExperimentRunOptions {
  /** Stops the run with all that it has stored; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ExperimentEvent) => void;
}

// Of what `forecast` returns, what tells it from anything else.
const forecastSchema = z.looseObject({
  folder: z.string(),
  cells: z.array(objectSchema),
  hosted: z.array(objectSchema),
});
const memoryForecastSchema = forecastSchema.extend({ memory: z.array(objectSchema) });

const runOptionsSchema = z.strictObject({ signal: signalSchema.optional(), onEvent: functionSchema.optional() });

export interface ExperimentForecast extends RunForecast {
  /** Of models that run here. */
  readonly memory: readonly MemoryForecast[];
  /** Of what is left for the plan's cluster, with remarks on what may not fit; null where nothing is. */
  readonly cluster: (ClusterForecast & { readonly remarks: readonly string[] }) | null;
}

export interface ExperimentResult {
  /** Everything that is stored now. */
  readonly run: Run;
  /** What this call did. */
  readonly summary: RunSummary;
  /** What hosted models cost, earlier calls included. */
  readonly spending: SpendingSummary;
}

/** A plan that is read and checked, ready to run. */
export interface Experiment {
  readonly plan: ResolvedPlan;
  /** Of the run, there or not. */
  readonly folder: string;
  /** What `gate` will ask of the run; null for nothing. One that cannot be passed is refused before anything is asked. */
  readonly gate: GateOptions | null;
  /** What is left to do, and what it takes. Trains and asks nothing, and writes nothing. */
  readonly forecast: () => Promise<ExperimentForecast>;
  /** Asks hosted models of a forecast for one token each, to see that they can do what the plan asks. */
  readonly probe: (forecast: RunForecast) => Promise<readonly string[]>;
  /** How many GPUs the plan's cluster has, and how many of them are busy: it is asked. Null without a cluster. */
  readonly countGpus: () => Promise<{ readonly used: number; readonly total: number } | null>;
  /** How many cells would run at once; measured where the plan and the options leave it open. */
  readonly chooseCellsAtOnce: (forecast: ExperimentForecast) => Promise<ChosenCellsAtOnce>;
  /** Trains, asks and judges what is not there yet. Call it again after a stop or a crash: nothing is done twice. */
  readonly run: (options?: ExperimentRunOptions) => Promise<ExperimentResult>;
  /** What hosted models cost the run, by its folder. */
  readonly paid: () => Promise<SpendingSummary>;
  /** The same while `run` is under way. */
  readonly paidSoFar: () => SpendingSummary;
}

/**
 * Opens an experiment: a plan's file, or a plan as an object, with everything that it names read and checked. A caller's own judge, models,
 * training sets and suites stand in `options`, by the names that the plan uses.
 */
export async function openExperiment(plan: string | PlanInput, options: ExperimentOptions = {}): Promise<Experiment> {
  const { trainingSets, suites } = parseSettings(optionsSchema, options, 'openExperiment');
  const {
    runs = 'runs',
    folder = '.',
    bases,
    seeds,
    threads = availableParallelism(),
    cellsAtOnce,
    memory = readMachineMemory(),
    ignoreMemory = false,
    allowOpenRay: allowsOpen = false,
    batchAnswers = false,
    batchJudgements = false,
    keep,
    maxCost,
    cancelJobs = false,
    gate: changedGate = {},
    clock = systemClock.now,
    date = systemClock.date,
    environment = process.env,
    fetch = createDirectFetch(globalThis.fetch),
    onProgress,
    onNotice = () => undefined,
    signal: opening,
    judge: ownJudge,
    models,
  } = options;
  const signalled = opening === undefined ? {} : { signal: opening };
  /** All bases of a plan share one. */
  let cluster: Promise<ClusterRun> | null = null;
  /** What the cluster is told of the run once that is known. */
  const shared: {
    name: string;
    folder: string | null;
    spending: SpendingLedger | null;
    onSight: (sight: ClusterSight) => void;
  } = {
    ...{ name: 'plan', folder: null, spending: null, onSight: () => undefined },
  };
  const openCluster = (settings: ClusterSettings): Promise<ClusterRun> =>
    (cluster ??= openClusterRun({
      ...{ settings, environment, allowsOpen, cancelsJobs: cancelJobs, onNotice },
      ...{ run: () => shared.name, folder: () => shared.folder, spending: () => shared.spending },
      onSight: (sight) => {
        shared.onSight(sight);
      },
    }));
  const resolving: ReadPlanOptions = {
    environment,
    date,
    version: readPackageVersion(),
    ...(ownJudge === undefined ? {} : { judge: checkJudgements(ownJudge) }),
    ...(trainingSets === undefined ? {} : { trainingSets }),
    ...(suites === undefined ? {} : { suites }),
    ...(models === undefined ? {} : { models }),
    openBase: (reference, settings, tinker) =>
      openBaseModel(reference, {
        ...(tinker === undefined ? {} : { tinker }),
        ...(settings === undefined ? {} : { cluster: () => openCluster(settings) }),
        ...{ environment, fetch, threads, clock, cancelsJobs: cancelJobs, onNotice },
        ...signalled,
        ...(onProgress === undefined ? {} : { onProgress }),
      }),
  };
  // The schema took them: neither is empty.
  const changes = {
    ...(bases === undefined ? {} : { bases: bases as [WrittenModel, ...WrittenModel[]] }),
    ...(seeds === undefined ? {} : { seeds: seeds as [number, ...number[]] }),
  };
  const keeping = keep === undefined ? {} : { keep };
  const read =
    typeof plan === 'string'
      ? await readPlan(plan, { ...resolving, changes, ...keeping })
      : await resolvePlan(
          { ...parsePlan(plan, { hasJudge: ownJudge !== undefined }), ...changes },
          join(folder, 'plan (from code)'),
          { ...resolving, ...keeping },
        );
  const gate = changedGate === null ? null : mergeGates(read.gate, changedGate);
  const gated = gate === null ? [] : listAskedPlaces(read, gate);
  const ofGate = gate === null ? [] : [...remarkOnChange(read.gate, gate), ...remarkOnGate(gated, gate)];
  const resolved: ResolvedPlan = { ...read, remarks: [...read.remarks, ...ofGate] };
  const place = join(runs, nameRun(resolved));
  shared.name = nameRun(resolved);
  shared.folder = place;
  const batched: BatchedParts = { answers: batchAnswers, judgements: batchJudgements };
  const connection = { environment, fetch, ...signalled };
  const spending = openSpending(resolved, place, maxCost, clock);
  shared.spending = spending;

  /** What can be known before anything is asked or paid. */
  async function check(folder: RunFolder | null = null): Promise<ExperimentForecast> {
    await requireOwnEdition(runs, resolved);
    if (gate !== null) {
      requireCounted(gated, findRule(resolved.rule), gate);
      requirePassable(
        gated.map((place) => ({ ...place, uncounted: 0 })),
        gate,
      );
    }
    if (maxCost !== undefined) requirePlanRates(resolved);
    await requireBatchedModels(resolved, batched, connection);
    await checkMonitor();
    const there = folder === null ? {} : { records: recordsOf(folder), answered: openAnsweredCells(folder, resolved) };
    const forecast = await forecastRun(runs, resolved, { batched, ...there });
    const needs = await forecastMemory(resolved, forecast, threads);
    if (!ignoreMemory) requireMemory(needs, { memory, threads });
    const onCluster = await forecastCluster(resolved, forecast);
    const remarks =
      onCluster &&
      requireClusterMemory(onCluster, {
        ignoresMemory: ignoreMemory,
        isGpuRemembered: resolved.isGpuRemembered,
      });
    return { ...forecast, memory: needs, cluster: onCluster && { ...onCluster, remarks: remarks ?? [] } };
  }

  function openWatcher(): CellWatcher | null {
    const { monitor } = resolved;
    if (monitor === null) return null;
    return openCellWatcher({
      ...{ monitor, folder: place, ...(suites === undefined ? {} : { suites }) },
      onState: async (to, watch) => {
        await writeWatchReport(to, watch);
      },
    });
  }

  /** A calibration of something else shows before anything is trained. */
  async function checkMonitor(): Promise<void> {
    const watcher = openWatcher();
    if (watcher === null) return;
    const watched = resolved.cells.filter(({ training }) => training?.watchedSteps !== undefined);
    for (const base of new Set(watched.map((cell) => findModel(resolved, cell)))) await watcher.check(base);
    await watcher.close();
  }

  const choose = (forecast: ExperimentForecast, signal?: AbortSignal): Promise<ChosenCellsAtOnce> =>
    chooseCellsAtOnce(resolved, {
      ...{ asked: cellsAtOnce, forecast, needs: forecast.memory, memory, ignoresMemory: ignoreMemory, threads, clock },
      ...(signal === undefined ? {} : { signal }),
    });

  async function run({ signal, onEvent = () => undefined }: ExperimentRunOptions): Promise<ExperimentResult> {
    const stopping = signal === undefined ? {} : { signal };
    const open = (): Promise<RunFolder> => openRunFolder(runs, resolved, { onNotice });
    // What is there is read once, under the lock; a run that is refused leaves no folder.
    let opened = (await isThere(locateManifest(place))) ? await open() : null;
    try {
      const forecast = await check(opened);
      const chosen = await choose(forecast, signal);
      const batches: BatchSettings = {
        folder: join(place, 'batches'),
        clock: systemClock,
        onNotice,
        onProgress: (progress) => {
          onEvent({ kind: 'batches-progress', ...progress });
        },
      };
      const judge = await resolved.judge.open({
        ...{ environment, fetch, spending },
        ...stopping,
        ...(batched.judgements ? { batches } : {}),
      });
      const calibration = await resolved.judge.readCalibration();
      opened ??= await open();
      const folder = opened;
      onEvent({ kind: 'run-started', forecast, cellsAtOnce: chosen });
      const left = forecast.cluster && followForecast(forecast.cluster, forecast);
      shared.onSight = (sight) => {
        onEvent({ kind: 'cluster-seen', ...sight, secondsLeft: left?.left(sight.gpus.total) ?? null });
      };
      const onRunEvent = (event: RunEvent): void => {
        left?.note(event);
        onEvent(event);
      };
      const watcher = openWatcher();
      // It closes the folder.
      opened = null;
      const summary = await runPlan({
        ...{ plan: resolved, runs, folder, judge, calibration, spending, cellsAtOnce: chosen, onNotice },
        onEvent: onRunEvent,
        ...(batched.answers ? { batches } : {}),
        ...(watcher === null ? {} : { watcher }),
        ...stopping,
      })
        .finally(() => watcher?.close())
        .catch(async (cause: unknown) => {
          // Whoever may pay no more has no vLLM go on alone.
          if (DriftlineError.isInstance(cause) && cause.code === 'cost-limit-reached')
            await (await cluster)?.stopLanes().catch(() => undefined);
          throw cause;
        });
      return {
        run: await readRun(folder.folder, { records: recordsOf(folder) }),
        summary,
        spending: spending.summary(),
      };
    } finally {
      // What nobody waits for any more; that it cannot be stopped must not hide why the run ended.
      if (cancelJobs && signal?.aborted === true && cluster !== null)
        await cluster.then(cancelClusterJobs).catch((cause: unknown) => {
          onNotice(`jobs of the cluster may go on: ${cause instanceof Error ? cause.message : String(cause)}`);
        });
      await opened?.close();
    }
  }

  return {
    plan: resolved,
    folder: place,
    gate,
    forecast: () => check(),
    probe: async (forecast) => {
      parseSettings(forecastSchema, forecast, 'probe');
      return probePlan(resolved, forecast, connection);
    },
    countGpus: async () => (resolved.cluster === null ? null : (await openCluster(resolved.cluster)).ray.gpus(opening)),
    chooseCellsAtOnce: async (forecast) => {
      parseSettings(memoryForecastSchema, forecast, 'chooseCellsAtOnce');
      return choose(forecast, opening);
    },
    run: async (running = {}) => {
      parseSettings(runOptionsSchema, running, 'run');
      return run(running);
    },
    paid: async () => {
      const stored = openSpending(resolved, place, undefined, clock);
      await stored.load();
      return stored.summary();
    },
    paidSoFar: () => spending.summary(),
  };
}

async function cancelClusterJobs(cluster: ClusterRun): Promise<void> {
  const { stopped } = await stopRun(cluster, { ids: cluster.asked });
  if (stopped.length > 0) cluster.onNotice(`stopped at ${cluster.ray.address}: ${stopped.join(', ')}`);
}

function recordsOf({ answers, judgements }: RunFolder): StoredRecords {
  return { answers: answers.records, judgements: judgements.records };
}

/** What a gate is about, with how much the plan asks of it, and how much of that can count. */
function listAskedPlaces({ cells, evaluations, rule }: ResolvedPlan, gate: GateOptions): AskedPlace[] {
  const { leastKept } = findRule(rule);
  return chooseGated({ cells, evaluations }, gate).flatMap(({ base, condition, evaluation }) => {
    const asked = evaluations.find(({ name }) => name === evaluation);
    if (asked === undefined) return [];
    const models = cells.filter((cell) => cell.base === base && cell.condition === condition).length;
    const samples = new Map<string, number>();
    for (const one of asked.questions) samples.set(one.question, (samples.get(one.question) ?? 0) + one.samples);
    const counting = [...samples].filter(([, answers]) => answers >= leastKept);
    const themeOf = new Map(asked.questions.map(({ question, theme }) => [question, theme]));
    const clusters = counting.map(([name, trials]) => ({ name, successes: 0, trials, theme: themeOf.get(name) }));
    const questions = counting.length;
    return [
      {
        ...{ condition, evaluation, questions },
        population: choosePopulation(asked, gate.population),
        themes: countThemes(clusters),
        uncounted: samples.size - questions,
        answersEach: models * meanTrials(clusters),
      },
    ];
  });
}

/** Counts what a run of a plan pays, in its folder. */
function openSpending(
  plan: ResolvedPlan,
  folder: string,
  limit: number | undefined,
  clock: () => number,
): SpendingLedger {
  return createSpendingLedger({
    folder,
    account: 'run',
    findRate: (use) => findPlanRate(plan, use),
    findRateOf: (entry) => (entry.account === 'run' ? findEntryRate(plan, entry) : null),
    limit: limit ?? null,
    clock,
  });
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
