import { setTimeout } from 'node:timers/promises';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { BaseModel } from '../../models/base-model.js';
import type { KeptDecision, Trainer, TrainingProgress, TrainOptions, TunedModel } from '../../models/trainer.js';
import { listKeptSteps, type PlannedCell, type PlannedTraining } from '../plan/resolved-plan.js';
import { hasWanted, readCellMark, writeCellMark, type CellMark } from '../../runs/cell-mark.js';
import { copyCell, findFinishedCell, type EarlierRuns } from '../../runs/earlier-runs.js';

export interface TrainedCell {
  readonly model: TunedModel;
  readonly kept: ReadonlyMap<number, TunedModel>;
  /** `trained` to its end in this call, `reused` from another cell or a run of an earlier form of the plan, or `there` already. */
  readonly how: 'trained' | 'reused' | 'there';
}

/** The mark of a cell that is finished as the plan wants it. */
export function markCell(
  { identity }: Pick<PlannedCell, 'identity'>,
  training: Pick<PlannedTraining, 'keepSteps' | 'watchedSteps'>,
  { engine }: Pick<BaseModel, 'engine'>,
): CellMark {
  return { identity, engine: engine ?? 0, keep_steps: [...listKeptSteps(training)] };
}

export interface TrainCellOptions {
  readonly openTrainer: () => Promise<Trainer>;
  readonly earlier: () => Promise<EarlierRuns>;
  /** Folder of a finished cell of this run with the same model, and with all checkpoints that are wanted. */
  readonly same?: string;
  readonly signal?: AbortSignal;
  readonly onStep: (progress: TrainingProgress) => void;
  /** Looks at models that are kept, and says whether training goes on. */
  readonly onKept?: NonNullable<TrainOptions['onKept']>;
}

/** Fine-tunes a cell into its folder, unless that folder, another cell or a run of an earlier form of the plan has the model. */
export async function trainCell(
  wanted: CellMark,
  training: PlannedTraining,
  folder: string,
  { openTrainer, earlier, same, signal, onStep, onKept }: TrainCellOptions,
): Promise<TrainedCell> {
  const { set, recipe, learningRateMultiplier, watchedSteps = [], steps } = training;
  const keepSteps = listKeptSteps(training);
  const looked = new Set<number>();
  const look = async (step: number, model: TunedModel): Promise<KeptDecision> => {
    if (onKept === undefined || !watchedSteps.includes(step)) return 'go-on';
    looked.add(step);
    return onKept(step, model);
  };
  const mark = await readCellMark(folder);
  const isThere = hasWanted(mark, wanted);
  const found = isThere ? null : (same ?? findFinishedCell(await earlier(), wanted)?.folder ?? null);
  if (found !== null) await copyCell(found, folder);
  const writeMark = (): Promise<void> => writeCellMark(folder, wanted);
  // The trainer removes kept models that are not wanted, so the mark must stop naming them first. The mark of a copied cell may name them,
  // too.
  if (found !== null || (isThere && mark?.keep_steps.length !== keepSteps.length)) await writeMark();
  const trainer = await openTrainer();
  // A finished job is not done again: the trainer then only says where its models are.
  const stopping = signal === undefined ? {} : { signal };
  const { model, kept } = await whenFree(
    () =>
      trainer.train(
        { rows: set.rows, recipe, folder, keepSteps, learningRateMultiplier },
        { onStep, ...stopping, ...(onKept === undefined ? {} : { onKept: look }) },
      ),
    stopping,
  );
  if (!isThere && found === null) await writeMark();
  // Those that were kept when nobody watched; it is too late to stop.
  for (const [step, one] of kept) if (!looked.has(step)) await look(step, one);
  await onKept?.(steps, model);
  return { model, kept, how: isThere ? 'there' : found === null ? 'trained' : 'reused' };
}

/** Milliseconds between two checks whether a folder is free, and for all checks: longer than a step of a large model takes. */
const patience = { pause: 100, whole: 120_000 };

/**
 * Trains as soon as no other process works in the cell's folder. This run has locked the run's folder, so the other process can only belong
 * to an earlier run that was killed, and it ends after its current step.
 */
async function whenFree<Result>(
  train: () => Promise<Result>,
  stopping: { readonly signal?: AbortSignal },
): Promise<Result> {
  for (let waited = 0; ; waited += patience.pause) {
    try {
      return await train();
    } catch (cause) {
      const isInUse = DriftlineError.isInstance(cause) && cause.code === 'folder-in-use';
      if (!isInUse || waited >= patience.whole || stopping.signal?.aborted === true) throw cause;
    }
    await setTimeout(patience.pause);
  }
}
