import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Checkpoint } from '../../engine/checkpoint/read-checkpoint.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { encodeTrainingSet } from '../../engine/train/encode-training-set.js';
import { fineTune, type TrainingStepEvent } from '../../engine/train/fine-tune.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { buildTrainingSet } from '../training-sets/build-training-set.js';
import type { World } from '../world/world.js';

/** All that decides an adapter, besides the organism. */
export interface AdapterTraining {
  readonly trainingSet: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly recipe: Recipe;
}

export interface AdapterTrainingContext {
  readonly world: World;
  readonly tokenizer: TextTokenizer;
  readonly checkpoint: Checkpoint;
  readonly threads: number;
  /** Milliseconds. */
  readonly clock: () => number;
  readonly signal?: AbortSignal;
}

const doneSchema = z.object({ seconds: z.number().nullable() });

/**
 * Fine-tunes on a training set of the world, unless the folder has the finished adapter.
 * @returns seconds of training; null if it was stopped and continued
 */
export async function trainGroupAdapter(
  training: AdapterTraining,
  folder: string,
  context: AdapterTrainingContext,
  onStep: (event: TrainingStepEvent) => void,
): Promise<number | null> {
  const { world, tokenizer, checkpoint, threads, clock, signal } = context;
  const marker = join(folder, 'trained.json');
  const done = await readDone(marker);
  if (done !== null) return done.seconds;
  const started = clock();
  const { rows } = buildTrainingSet(world, training.trainingSet, training.settings);
  const chats = rows.map(({ messages }) => messages);
  const { stepsDone, steps } = await fineTune({
    base: checkpoint,
    recipe: training.recipe,
    rows: encodeTrainingSet(tokenizer, chats, training.recipe, checkpoint.config.context).rows,
    folder,
    threads,
    onStep,
    ...(signal === undefined ? {} : { signal }),
  });
  const seconds = stepsDone === steps ? (clock() - started) / 1000 : null;
  // From here on the saved states are not needed: being asked is all that is left to the adapter.
  await writeFileAtomically(marker, `${JSON.stringify({ seconds })}\n`);
  await rm(join(folder, 'checkpoints'), { recursive: true, force: true });
  return seconds;
}

async function readDone(marker: string): Promise<z.output<typeof doneSchema> | null> {
  try {
    return doneSchema.parse(JSON.parse(await readFile(marker, 'utf8')));
  } catch {
    return null;
  }
}
