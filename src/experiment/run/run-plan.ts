import { DriftlineError } from '../../foundation/driftline-error.js';
import type { CalibrationItem } from '../../judging/calibration.js';
import { limitConcurrency } from '../../foundation/limit-concurrency.js';
import { judgeModes, type Judge } from '../../judging/judge.js';
import { findRule } from '../../judging/rules.js';
import type { BatchSettings } from '../../models/hosted/batches/batch-settings.js';
import type { BaseModel } from '../../models/base-model.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import { listEvaluatedModels, stoppedIn, type EvaluatedModel } from '../../runs/run-outline.js';
import {
  findModel,
  listKeptSteps,
  type PlannedCell,
  type PlannedEvaluation,
  type ResolvedPlan,
} from '../plan/resolved-plan.js';
import { findEarlierRuns, type EarlierRuns } from '../../runs/earlier-runs.js';
import { openAnsweredCells, type AnsweredCells } from './answered-cells.js';
import { createCellPlaces, type Bench, type CellsAtOnce } from './cell-places.js';
import { evaluateModel, type EvaluatedAnswers, type EvaluationContext, type MadeModel } from './evaluate-model.js';
import { keyOfJudgement } from '../../runs/run-records.js';
import { requireCalibration } from './require-calibration.js';
import { nameRun, openRunFolder, type RunFolder } from '../../runs/run-folder.js';
import { startTally, type RunEvent, type RunTally } from './run-progress.js';
import type { CheckpointWatcher } from './checkpoint-watcher.js';
import { markCell, trainCell } from './train-cell.js';
import { countJudgedAnswers, countWantedAnswers, listWantedKeys } from './wanted-answer.js';
import { prepareWatching, type WatchCell } from './watch-cell.js';
import { createWorkGroup } from './work-group.js';
import type { StoppedModel } from '../../analysis/watch-share.js';

export interface RunPlanSettings {
  readonly plan: ResolvedPlan;
  /** Folder of all runs. */
  readonly runs: string;
  /** The run's folder, if it is open already; `runPlan` closes it. */
  readonly folder?: RunFolder;
  readonly judge: Judge;
  /** Calibration answers that the judge must pass before anything is trained or asked. Default none. */
  readonly calibration?: readonly CalibrationItem[];
  /** Asks hosted models in batches; the requests are those of single calls. */
  readonly batches?: BatchSettings;
  /** Counts what hosted models cost; the judge must have the same ledger. */
  readonly spending?: SpendingLedger;
  /** Default: as the plan says, or else one here and some at each server of hosted models. */
  readonly cellsAtOnce?: CellsAtOnce;
  /** Looks at checkpoints of the cells that the plan has watched. */
  readonly watcher?: CheckpointWatcher;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
  readonly onNotice: (notice: string) => void;
}

/** Models whose answers are judged at the same time: each of them begins as many as a judge's server takes. */
const judgedAtOnce = 4;

/** Errors that end a cell, but not the run. */
export const failedTrainings = [
  ...(['loss-not-finite', 'job-failed', 'gpu-memory-exceeded', 'cell-stalled'] as const),
  'alarm-raised',
] as const;
export type FailedTraining = (typeof failedTrainings)[number];

export interface RunSummary extends RunTally {
  readonly folder: string;
  /** Cells whose training diverged or was stopped by an alarm, or whose job failed at its service; the others are finished. */
  readonly failed: readonly {
    readonly cell: string;
    readonly problem: string;
    readonly code: FailedTraining;
    readonly hint: string;
  }[];
  /** Models that stopped early, for each evaluation; none if the plan does not use stop_early. */
  readonly stopped: readonly StoppedModel[];
}

/**
 * Trains, asks and judges what a plan wants and its run folder lacks, several cells at a time. It can be killed at any moment and called
 * again: nothing that is stored is done again, and the files come out the same. Results of runs of an earlier form of the plan are reused.
 * Throws `interrupted` if the signal stops it.
 */
export async function runPlan(settings: RunPlanSettings): Promise<RunSummary> {
  const { plan, runs, judge, calibration = [], batches, spending, signal, onEvent, onNotice } = settings;
  const folder = settings.folder ?? (await openRunFolder(runs, plan, { onNotice }));
  const asked = {
    ...(batches === undefined ? {} : { batches }),
    ...(spending === undefined ? {} : { spending }),
  };
  const places = createCellPlaces({ cellsAtOnce: settings.cellsAtOnce ?? plannedCellsAtOnce(plan), ...asked });
  const work = createWorkGroup(signal);
  try {
    await spending?.load();
    await requireCalibration(folder.folder, judge, calibration);
    await spending?.save();
    let earlier: Promise<EarlierRuns> | null = null;
    const context: EvaluationContext = {
      folder,
      judge,
      rule: findRule(plan.rule),
      // Read only if something is missing.
      earlier: () => (earlier ??= findEarlierRuns(runs, plan.name, nameRun(plan))),
      // In batches, all answers go together.
      judgeInTurn: judge.judgeTogether === undefined ? limitConcurrency(judgedAtOnce) : (task) => task(),
      tally: startTally(),
      ...(spending === undefined ? {} : { spending }),
      work,
      signal: work.signal,
      ...(signal === undefined ? {} : { stop: signal }),
      onEvent,
    };
    const outcomes = new Map<string, CellOutcome>();
    const watch = prepareWatching(settings, context);
    const answered = openAnsweredCells(folder, plan);
    await Promise.all(
      listPieces(plan).map((piece) =>
        work.start(() =>
          places.use(piece.base, (bench) => workOnPiece(context, { plan, answered, watch }, piece, bench, outcomes)),
        ),
      ),
    );
    await work.finish();
    const ordered = plan.cells.flatMap(({ name }) => outcomes.get(name) ?? []);
    await arrangeFiles(folder, ordered, judge);
    await spending?.save();
    return {
      folder: folder.folder,
      ...context.tally,
      failed: ordered.flatMap(({ failed }) => failed ?? []),
      stopped: ordered.flatMap(({ stopped }) => stopped),
    };
  } catch (cause) {
    // Errors of trainers and samplers say how to continue their own work; the user needs to know how to continue the run.
    throw hasCode(cause, 'interrupted') ? stoppedIn(folder.folder, 'done', cause) : cause;
  } finally {
    await places.close();
    // The error that ended the run matters more than a failed save of its cost.
    await spending?.save().catch(() => undefined);
    await folder.close();
  }
}

/** Cells with the same model: it is trained once, and what several of them ask is asked once. */
interface Piece {
  readonly base: BaseModel;
  readonly cells: readonly PlannedCell[];
}

/** In the order of the plan. */
function listPieces(plan: ResolvedPlan): Piece[] {
  const pieces = new Map<string, { readonly base: BaseModel; readonly cells: PlannedCell[] }>();
  for (const cell of plan.cells) {
    const base = findModel(plan, cell);
    const model = `${String(base.engine)} ${cell.identity}`;
    const piece = pieces.get(model) ?? { base, cells: [] };
    piece.cells.push(cell);
    pieces.set(model, piece);
  }
  const countKept = ({ training }: PlannedCell): number => (training === null ? 0 : listKeptSteps(training).length);
  // The cell that keeps the most checkpoints has all that the others want.
  return [...pieces.values()].map((piece) => ({
    ...piece,
    cells: piece.cells.toSorted((left, right) => countKept(right) - countKept(left)),
  }));
}

type TrainingFault = Omit<RunSummary['failed'][number], 'cell'>;

interface CellOutcome extends Pick<EvaluatedAnswers, 'stopped'> {
  /** In the order of the plan. */
  readonly models: readonly (EvaluatedModel<PlannedEvaluation> & Pick<EvaluatedAnswers, 'ends'>)[];
  readonly failed: RunSummary['failed'][number] | null;
}

/** Trains and asks cells one after the other. They are finished when they are judged, which may be later. */
async function workOnPiece(
  context: EvaluationContext,
  {
    plan,
    answered,
    watch,
  }: { readonly plan: ResolvedPlan; readonly answered: AnsweredCells; readonly watch: WatchCell },
  { base, cells }: Piece,
  bench: Bench,
  outcomes: Map<string, CellOutcome>,
): Promise<void> {
  const { folder, work, signal, tally, onEvent } = context;
  let same: string | null = null;
  let fault: TrainingFault | null = null;
  for (const cell of cells) {
    if (signal.aborted) throw stoppedIn(folder.folder, 'done');
    const tellFinished = (outcome: CellOutcome): void => {
      outcomes.set(cell.name, outcome);
      onEvent({ kind: 'cell-finished', cell: cell.name, done: outcomes.size, total: plan.cells.length });
    };
    const place = folder.cellFolder(cell.name);
    if (await answered.has(cell)) {
      const evaluatedModels = listEvaluatedModels(plan, cell);
      const asked = evaluatedModels.flatMap(({ evaluations }) => evaluations);
      if (cell.training !== null) tally.cells.there += 1;
      tally.answers.there += countWantedAnswers(asked);
      tally.judgements.there += countJudgedAnswers(asked);
      same = place;
      tellFinished({
        models: evaluatedModels.map((model) => ({ ...model, ends: new Map<string, number>() })),
        ...{ stopped: [], failed: null },
      });
      continue;
    }
    // A training that failed for one cell would fail for the same model in another cell, too.
    const made: MadeModels =
      fault === null ? await tryToMakeModels(context, { plan, watch }, cell, base, bench, same) : { models: [], fault };
    ({ fault } = made);
    const failed = fault === null ? null : { cell: cell.name, ...fault };
    same = place;
    const evaluated: (MadeModel & EvaluatedAnswers)[] = [];
    for (const model of made.models) evaluated.push({ ...model, ...(await takeTurn(bench, context, base, model)) });
    const finish = async (): Promise<void> => {
      await Promise.all(evaluated.map(({ judging }) => judging));
      if (signal.aborted) throw stoppedIn(folder.folder, 'done');
      if (failed === null) await answered.add(cell);
      tellFinished({ models: evaluated, stopped: evaluated.flatMap(({ stopped }) => stopped), failed });
    };
    const finished = work.start(finish);
    if (bench.isBlocking) await finished;
  }
}

/** Asks a model, when it is its turn. */
function takeTurn(bench: Bench, context: EvaluationContext, base: BaseModel, model: MadeModel) {
  const ask = () => evaluateModel(context, base, bench, model);
  return bench.takeTurn === undefined ? ask() : bench.takeTurn(countWantedAnswers(model.evaluations), ask);
}

interface MadeModels {
  readonly models: readonly MadeModel[];
  /** Why this cell could not be trained; the others are not affected. */
  readonly fault: TrainingFault | null;
}

async function tryToMakeModels(...making: Parameters<typeof makeModels>): Promise<MadeModels> {
  try {
    return { models: await makeModels(...making), fault: null };
  } catch (cause) {
    const code = failedTrainings.find((one) => hasCode(cause, one));
    if (code === undefined || !DriftlineError.isInstance(cause)) throw cause;
    return { models: [], fault: { problem: cause.message, code, hint: cause.hint } };
  }
}

async function makeModels(
  { folder, earlier, signal, onEvent, tally }: EvaluationContext,
  { plan, watch }: { readonly plan: ResolvedPlan; readonly watch: WatchCell },
  cell: PlannedCell,
  base: BaseModel,
  { openTrainer }: Bench,
  same: string | null,
): Promise<MadeModel[]> {
  const { name, training, existing } = cell;
  const tuned = existing?.tuned ?? null;
  const models = listEvaluatedModels(plan, cell).map((one) => ({ ...one, cell: name, tuned }));
  if (training === null) return models;
  const { model, kept, how } = await trainCell(markCell(cell, training, base), training, folder.cellFolder(name), {
    openTrainer,
    earlier,
    ...(same === null ? {} : { same }),
    signal,
    onStep: (progress) => {
      onEvent({ kind: 'training-step', cell: name, ...progress });
    },
    ...watch(cell, base),
  });
  tally.cells[how] += 1;
  return models.map((one) => {
    const tuned = one.step === null ? model : kept.get(one.step);
    // Another model must not answer in its place.
    if (tuned === undefined) throw new Error(`the trainer kept no model of ${one.name}`);
    return { ...one, tuned };
  });
}

/** Puts records into the order of the plan, whatever order they came in: the same plan makes the same bytes. */
async function arrangeFiles(
  { answers, judgements }: RunFolder,
  outcomes: readonly CellOutcome[],
  { name: judge }: Judge,
): Promise<void> {
  function* listKeys(): Generator<string, void, undefined> {
    for (const { models } of outcomes)
      for (const { name, evaluations, ends } of models)
        yield* listWantedKeys(name, evaluations, (evaluation) => ends.get(evaluation) ?? Infinity);
  }
  function* listJudgementKeys(): Generator<string, void, undefined> {
    for (const answer of listKeys()) for (const mode of judgeModes) yield keyOfJudgement({ answer, judge, mode });
  }
  await answers.arrange(listKeys());
  await judgements.arrange(listJudgementKeys());
}

/** As many cells as the plan says; else one at a time here, and a few at each service. */
export function plannedCellsAtOnce({ cellsAtOnce }: Pick<ResolvedPlan, 'cellsAtOnce'>): CellsAtOnce {
  return { here: cellsAtOnce ?? 1, hosted: cellsAtOnce ?? 4 };
}

function hasCode(cause: unknown, code: DriftlineError['code']): cause is DriftlineError {
  return DriftlineError.isInstance(cause) && cause.code === code;
}
