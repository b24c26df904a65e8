import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readCheckpoint, type Checkpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { engineRevision } from '../../engine/runtime/engine-revision.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { encodeTrainingSet } from '../../engine/train/encode-training-set.js';
import { fineTune } from '../../engine/train/fine-tune.js';
import { countSteps } from '../../engine/train/plan-training.js';
import { removeTrainingStates } from '../../engine/train/training-state.js';
import { hashJson } from '../../foundation/content-hash.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { readOwnJson } from '../../foundation/read-own-json.js';
import {
  stoppedTraining,
  type Trainer,
  type TrainingJob,
  type TrainingProgress,
  type TrainingResult,
  type TrainOptions,
} from '../trainer.js';
import { completeEmbeddedRecipe } from './complete-embedded-recipe.js';

export interface EmbeddedTrainerSettings {
  /** A model folder. */
  readonly model: string;
  /** Identifies the weights of the model and its tokenizer: a result of another one does not count as finished. */
  readonly modelHash: string;
  readonly threads: number;
  /** Milliseconds; only for the time left. */
  readonly clock: () => number;
}

const resultFile = 'trained.json';
const resultSchema = z.object({
  job: z.string(),
  steps: z.int().nonnegative(),
  /** Steps whose models are kept. */
  kept: z.array(z.int()),
});
type TrainingOutcome = z.output<typeof resultSchema>;

export interface EmbeddedTrainer extends Trainer {
  readonly train: (
    job: TrainingJob,
    options?: Omit<TrainOptions, 'onStep'> & {
      /** The next step waits for what it returns. */
      readonly onStep?: (progress: TrainingProgress) => unknown;
    },
  ) => Promise<TrainingResult>;
}

/** Fine-tunes a model folder with the engine. The same job makes the same bytes, however often it was stopped. */
export function openEmbeddedTrainer({
  model,
  modelHash,
  threads,
  clock,
}: EmbeddedTrainerSettings): Promise<EmbeddedTrainer> {
  let opened: Promise<readonly [Checkpoint, TextTokenizer]> | null = null;
  // Opened when it is first needed: a finished job does not need the gigabytes.
  const open = (): NonNullable<typeof opened> =>
    (opened ??= Promise.all([readCheckpoint(model), readTokenizer(model)]));

  return Promise.resolve({
    countSteps: (rows, recipe) => countSteps(recipe, rows),
    train: async (job, { signal, onStep, onKept } = {}) => {
      const { rows, folder, keepSteps = [] } = job;
      const recipe = completeEmbeddedRecipe(job.recipe);
      const finished = await findTrained(job, modelHash);
      if (finished !== null) return finished;
      // Checkpoints of another finished job cannot be resumed: their optimizer states are gone.
      if ((await readResult(folder)) !== null) await removeTrainingStates(join(folder, 'checkpoints'), []);
      const lookAtKept = async (step: number): Promise<void> => {
        if (onKept === undefined || !keepSteps.includes(step)) return;
        const place = stateFolder(folder, step);
        if ((await onKept(step, { kind: 'adapter', folder: place })) === 'stop') throw stoppedTraining(step, folder);
      };
      // It may have been killed between keeping a model and looking at it.
      if (onKept !== undefined) for (const step of keepSteps) if (await isKept(folder, step)) await lookAtKept(step);
      const [base, tokenizer] = await open();
      const encoded = encodeTrainingSet(
        tokenizer,
        rows.map(({ messages }) => messages),
        recipe,
        base.config.context,
      );
      const { steps } = await fineTune({
        base,
        recipe,
        rows: encoded.rows,
        folder,
        keepSteps,
        threads,
        clock,
        ...(signal === undefined ? {} : { signal }),
        // A kept model is saved before this is called.
        onStep: async (progress) => {
          await onStep?.(progress);
          await lookAtKept(progress.step);
        },
      });
      // Before any state is removed: without its last one, a job that is not marked as finished could not resume.
      await writeResult(folder, { job: identify(job, modelHash), steps, kept: [...keepSteps] });
      await removeLeftovers(folder, keepSteps);
      return describeResult(job, steps);
    },
  });
}

/** The result of a finished job with all models that it must keep, after its leftovers are removed; null if something is left to train. */
export async function findTrained(job: TrainingJob, modelHash: string): Promise<TrainingResult | null> {
  const { folder, keepSteps = [] } = job;
  const identity = identify(job, modelHash);
  const finished = await readResult(folder);
  if (finished?.job !== identity || !keepSteps.every((step) => finished.kept.includes(step))) return null;
  // Before they are removed: the result must not name models that are about to go.
  if (finished.kept.length !== keepSteps.length)
    await writeResult(folder, { job: identity, steps: finished.steps, kept: [...keepSteps] });
  await removeLeftovers(folder, keepSteps);
  return describeResult(job, finished.steps);
}

function describeResult({ folder, keepSteps = [] }: TrainingJob, steps: number): TrainingResult {
  const kept = keepSteps.map((step) => [step, { kind: 'adapter', folder: stateFolder(folder, step) }] as const);
  return { model: { kind: 'adapter', folder }, kept: new Map(kept), steps };
}

/** Kept states are models to be asked; their optimizer states, and all other states, were only needed to resume. */
async function removeLeftovers(folder: string, keepSteps: readonly number[]): Promise<void> {
  for (const step of keepSteps) await rm(join(stateFolder(folder, step), 'optimizer.safetensors'), { force: true });
  // Includes the state before the last, if a process was killed right after the last and could not remove it.
  await removeTrainingStates(join(folder, 'checkpoints'), keepSteps);
}

/** Whether the state of a step is saved, and whole. */
async function isKept(folder: string, step: number): Promise<boolean> {
  return access(join(stateFolder(folder, step), 'state.json')).then(
    () => true,
    () => false,
  );
}

function stateFolder(folder: string, step: number): string {
  return join(folder, 'checkpoints', `step-${String(step)}`);
}

function identify({ rows, recipe }: TrainingJob, modelHash: string): string {
  return hashJson({ engine: engineRevision, modelHash, rows: hashJson(rows), recipe });
}

async function writeResult(folder: string, outcome: TrainingOutcome): Promise<void> {
  await writeFileAtomically(join(folder, resultFile), `${JSON.stringify(outcome)}\n`);
}

/** Without a valid result the job is done again, from its saved states. */
function readResult(folder: string): Promise<TrainingOutcome | null> {
  return readOwnJson(join(folder, resultFile), resultSchema);
}
