import { join } from 'node:path';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import type { Trainer, TrainingProgress, TunedModel } from '../../models/trainer.js';
import type { PlannedCell, PlannedTraining } from '../plan/resolved-plan.js';
import { cellFile, copyCell, identifyCell, readCellIdentity, type EarlierRuns } from './earlier-runs.js';

export interface TrainedCell {
  readonly model: TunedModel;
  readonly kept: ReadonlyMap<number, TunedModel>;
  /** `trained` to its end in this call, `reused` from a run of an earlier form of the plan, or `there` already. */
  readonly how: 'trained' | 'reused' | 'there';
}

export interface TrainCellOptions {
  readonly openTrainer: () => Promise<Trainer>;
  readonly earlier: () => Promise<EarlierRuns>;
  readonly signal?: AbortSignal;
  readonly onStep: (progress: TrainingProgress) => void;
}

/** Fine-tunes a cell into its folder, unless that, or a run of an earlier form of the plan, has it. */
export async function trainCell(
  { identity }: Pick<PlannedCell, 'identity'>,
  { set, recipe, keepSteps }: PlannedTraining,
  folder: string,
  { openTrainer, earlier, signal, onStep }: TrainCellOptions,
): Promise<TrainedCell> {
  const wanted = identifyCell(identity, keepSteps);
  const isThere = (await readCellIdentity(folder)) === wanted;
  const found = isThere ? undefined : (await earlier()).cells.get(wanted);
  if (found !== undefined) await copyCell(found, folder);
  const trainer = await openTrainer();
  // A finished job is not done again: this only says where its models are.
  const { model, kept } = await trainer.train(
    { rows: set.rows, recipe, folder, keepSteps },
    { onStep, ...(signal === undefined ? {} : { signal }) },
  );
  if (!isThere && found === undefined) {
    const marker = { identity, keep_steps: keepSteps };
    await writeFileAtomically(join(folder, cellFile), `${JSON.stringify(marker)}\n`);
  }
  return { model, kept, how: isThere ? 'there' : found === undefined ? 'trained' : 'reused' };
}
