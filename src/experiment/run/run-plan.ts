import { DriftlineError } from '../../foundation/driftline-error.js';
import type { CalibrationItem } from '../../judging/calibration.js';
import type { Judge } from '../../judging/judge.js';
import { findRule } from '../../judging/rules.js';
import type { BatchSettings } from '../../models/hosted/batches/batch-settings.js';
import type { BaseModel } from '../../models/open-base-model.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import type { Trainer } from '../../models/trainer.js';
import { listEvaluatedModels } from '../../runs/run-outline.js';
import type { PlannedCell, ResolvedPlan } from '../plan/resolved-plan.js';
import { findEarlierRuns, type EarlierRuns } from '../../runs/earlier-runs.js';
import { evaluateModel, type EvaluationContext, type MadeModel } from './evaluate-model.js';
import { keyOfJudgement } from '../../runs/run-records.js';
import { requireCalibration } from './require-calibration.js';
import type { RunEvent } from './run-event.js';
import { nameRun, openRunFolder, type RunFolder } from '../../runs/run-folder.js';
import { startTally, type RunTally } from './run-tally.js';
import { markCell, trainCell } from './train-cell.js';
import type { WantedAnswer } from './wanted-answer.js';
import type { StoppedModel } from '../../analysis/watch-share.js';

export interface RunPlanSettings {
  readonly plan: ResolvedPlan;
  /** Folder of all runs. */
  readonly runs: string;
  readonly judge: Judge;
  /** Answers that the judge must be right about before anything is trained or asked. Default none. */
  readonly calibration?: readonly CalibrationItem[];
  /** Hosted models are asked in batches, one a model; answers are those of single calls. */
  readonly batches?: BatchSettings;
  /** Counts what hosted models cost; the judge has the same. */
  readonly spending?: SpendingLedger;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
  readonly onNotice: (notice: string) => void;
}

/** What ends a cell, and leaves the others to go on. */
const failedTrainings = ['loss-not-finite', 'job-failed'] as const;
type FailedTraining = (typeof failedTrainings)[number];

export interface RunSummary extends RunTally {
  readonly folder: string;
  /** Cells whose training diverged, or whose job failed at its service; the others are there. */
  readonly failed: readonly { readonly cell: string; readonly problem: string; readonly code: FailedTraining }[];
  /** Models that were asked less than planned, evaluation by evaluation; none where the plan stops nothing early. */
  readonly stopped: readonly StoppedModel[];
}

/**
 * Trains, asks and judges what a plan wants and its run folder does not have. Kill it at any moment and call it again: nothing that
 * was stored is done again, and the files come out the same. What a run of an earlier form of the plan has is taken over.
 * Stopped by the signal, it throws `interrupted`.
 */
export async function runPlan(settings: RunPlanSettings): Promise<RunSummary> {
  const { plan, runs, judge, calibration = [], batches, spending, signal, onEvent, onNotice } = settings;
  const folder = await openRunFolder(runs, plan, { onNotice });
  try {
    await spending?.load();
    await requireCalibration(folder.folder, judge, calibration);
    await spending?.save();
    let earlier: Promise<EarlierRuns> | null = null;
    const context: EvaluationContext = {
      folder,
      judge,
      rule: findRule(plan.rule),
      // Read only where something is missing.
      earlier: () => (earlier ??= findEarlierRuns(runs, plan.name, nameRun(plan))),
      known: new Map([...folder.answers.records.values()].map((record) => [record.input, record])),
      tally: startTally(),
      ...(batches === undefined ? {} : { batches }),
      ...(spending === undefined ? {} : { spending }),
      ...(signal === undefined ? {} : { signal }),
      onEvent,
    };
    const wanted: WantedAnswer[] = [];
    const failed: RunSummary['failed'][number][] = [];
    const stopped: StoppedModel[] = [];
    for (const [name, base] of plan.bases) {
      const openTrainer = rememberTrainer(base, spending);
      for (const cell of plan.cells.filter((one) => one.base === name)) {
        if (signal?.aborted === true) throw interrupted(folder.folder);
        const models = await makeModels(context, plan, cell, base, openTrainer).catch((cause: unknown) => {
          const code = failedTrainings.find((one) => hasCode(cause, one));
          if (code === undefined || !DriftlineError.isInstance(cause)) throw cause;
          failed.push({ cell: cell.name, problem: cause.message, code });
          return [];
        });
        // One by one: a call takes only so many arguments, and a model may have more answers.
        for (const model of models) {
          const evaluated = await evaluateModel(context, base, model);
          for (const answer of evaluated.answers) wanted.push(answer);
          stopped.push(...evaluated.stopped);
        }
        const done = plan.cells.indexOf(cell) + 1;
        onEvent({ kind: 'cell-finished', cell: cell.name, done, total: plan.cells.length });
      }
    }
    await arrangeFiles(folder, wanted, judge);
    await spending?.save();
    return { folder: folder.folder, ...context.tally, failed, stopped };
  } catch (cause) {
    // Trainers and samplers speak of what they were doing; here the whole is to go on.
    throw hasCode(cause, 'interrupted') ? interrupted(folder.folder, cause) : cause;
  } finally {
    // What ended it says more than that a count could not be saved.
    await spending?.save().catch(() => undefined);
    await folder.close();
  }
}

function rememberTrainer({ openTrainer }: BaseModel, spending: SpendingLedger | undefined): () => Promise<Trainer> {
  let trainer: Promise<Trainer> | null = null;
  return () => {
    // The plan was refused if there is none.
    if (openTrainer === null) throw new Error('a cell of a base that cannot be trained');
    return (trainer ??= openTrainer(spending));
  };
}

async function makeModels(
  { folder, earlier, signal, onEvent, tally }: EvaluationContext,
  plan: ResolvedPlan,
  cell: PlannedCell,
  base: BaseModel,
  openTrainer: () => Promise<Trainer>,
): Promise<MadeModel[]> {
  const { name, training } = cell;
  const models = listEvaluatedModels(plan, cell).map((one) => ({ ...one, cell: name, tuned: null }));
  if (training === null) return models;
  const { model, kept, how } = await trainCell(markCell(cell, training, base), training, folder.cellFolder(name), {
    openTrainer,
    earlier,
    ...(signal === undefined ? {} : { signal }),
    onStep: (progress) => {
      onEvent({ kind: 'training-step', cell: name, ...progress });
    },
  });
  tally.cells[how] += 1;
  return models.map((one) => {
    const tuned = one.step === null ? model : kept.get(one.step);
    // Another model must not answer in its place.
    if (tuned === undefined) throw new Error(`the trainer kept no model of ${one.name}`);
    return { ...one, tuned };
  });
}

/** The order of the plan, whatever order answers came in: the same plan makes the same bytes. */
async function arrangeFiles(
  { answers, judgements }: RunFolder,
  wanted: readonly WantedAnswer[],
  judge: Judge,
): Promise<void> {
  await answers.arrange(wanted.map(({ key }) => key));
  const keys = new Map(
    [...judgements.records.values()]
      .filter((one) => one.judge === judge.name)
      .map((one) => [one.answer, keyOfJudgement(one)]),
  );
  await judgements.arrange(wanted.flatMap(({ key }) => keys.get(key) ?? []));
}

function hasCode(cause: unknown, code: DriftlineError['code']): cause is DriftlineError {
  return DriftlineError.isInstance(cause) && cause.code === code;
}

function interrupted(folder: string, cause?: unknown): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: `stopped on request; what was done so far is in ${folder}`,
    hint: 'Run the same command again: it goes on from there.',
    cause,
    details: { folder },
  });
}
