import { readFile, rm } from 'node:fs/promises';
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
import { DriftlineError } from '../../foundation/driftline-error.js';
import { hashJson } from '../../foundation/content-hash.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import type { Trainer, TrainingJob, TrainingProgress, TrainingResult } from '../trainer.js';

export interface EmbeddedTrainerSettings {
  /** A model folder. */
  readonly model: string;
  /** Stands for the weights of the model and its tokenizer: a result of another one is not taken for finished. */
  readonly modelHash: string;
  readonly threads: number;
  /** Milliseconds; only for the time left. */
  readonly clock: () => number;
}

const resultFile = 'trained.json';
const resultSchema = z.object({
  job: z.string(),
  steps: z.int().nonnegative(),
  /** Steps whose models are there, too. */
  kept: z.array(z.int()),
});
type TrainingOutcome = z.output<typeof resultSchema>;

export interface EmbeddedTrainer extends Trainer {
  readonly train: (
    job: TrainingJob,
    options?: {
      readonly signal?: AbortSignal;
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
  // Gigabytes, that a job which is finished does not need.
  const open = (): NonNullable<typeof opened> =>
    (opened ??= Promise.all([readCheckpoint(model), readTokenizer(model)]));

  return Promise.resolve({
    countSteps: (rows, recipe) => countSteps(recipe, rows),
    train: async (job, { signal, onStep } = {}) => {
      const { rows, recipe, folder, keepSteps = [] } = job;
      if (recipe.method !== 'lora') throw notAnAdapter(recipe.method);
      const finished = await findTrained(job, modelHash);
      if (finished !== null) return finished;
      // What is left of another result cannot be gone on from: its optimizers are gone.
      if ((await readResult(folder)) !== null) await removeTrainingStates(join(folder, 'checkpoints'), []);
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
        ...(onStep === undefined ? {} : { onStep }),
      });
      // First of all: without its last state, a job that is not known to be finished could not go on.
      await writeResult(folder, { job: identify(job, modelHash), steps, kept: [...keepSteps] });
      await removeLeftovers(folder, keepSteps);
      return describeResult(job, steps);
    },
  });
}

/** The result of a job that is finished, with all models that are to be kept, tidied up; null where there is something left to train. */
export async function findTrained(job: TrainingJob, modelHash: string): Promise<TrainingResult | null> {
  const { folder, keepSteps = [] } = job;
  const identity = identify(job, modelHash);
  const finished = await readResult(folder);
  if (finished?.job !== identity || !keepSteps.every((step) => finished.kept.includes(step))) return null;
  // First of all: what is about to be removed must not be counted on.
  if (finished.kept.length !== keepSteps.length)
    await writeResult(folder, { job: identity, steps: finished.steps, kept: [...keepSteps] });
  await removeLeftovers(folder, keepSteps);
  return describeResult(job, finished.steps);
}

function describeResult({ folder, keepSteps = [] }: TrainingJob, steps: number): TrainingResult {
  const kept = keepSteps.map((step) => [step, { kind: 'adapter', folder: stateFolder(folder, step) }] as const);
  return { model: { kind: 'adapter', folder }, kept: new Map(kept), steps };
}

/** Kept states are models to be asked; their optimizers, and the other states, were only needed to go on. */
async function removeLeftovers(folder: string, keepSteps: readonly number[]): Promise<void> {
  for (const step of keepSteps) await rm(join(stateFolder(folder, step), 'optimizer.safetensors'), { force: true });
  // Also one before the last, which whoever was killed right after the last had no time to remove.
  await removeTrainingStates(join(folder, 'checkpoints'), keepSteps);
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

async function readResult(folder: string): Promise<TrainingOutcome | null> {
  const text = await readFile(join(folder, resultFile), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return resultSchema.parse(JSON.parse(text));
  } catch {
    // Not what we wrote: the job is done again, from its saved states.
    return null;
  }
}

function notAnAdapter(method: string): DriftlineError {
  return new DriftlineError({
    code: 'recipe-invalid',
    message: `the method "${method}" makes a whole model, and an experiment asks for adapters`,
    hint: 'Set method: lora.',
  });
}
