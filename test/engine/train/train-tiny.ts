import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { fineTune, type FineTuneResult, type FineTuneSettings } from '../../../src/engine/train/fine-tune.js';
import { parseRecipe, type Recipe } from '../../../src/engine/train/recipe.js';
import type { TrainingLogEntry } from '../../../src/engine/train/training-log.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { makeRows } from './make-rows.js';

/** Twelve rows, two a step: six steps an epoch. */
export function tinyRecipe(changes: Readonly<Record<string, unknown>> = {}): Recipe {
  const lora = changes['method'] === 'full' ? {} : { rank: 2, alpha: 4 };
  return parseRecipe({
    method: 'lora',
    ...lora,
    learning_rate: 0.01,
    batch_size: 2,
    accumulation: 1,
    warmup_steps: 2,
    ...changes,
  });
}

/** Fine-tunes the tiny model; whatever is not given has a small default. */
export function trainTiny(
  folder: string,
  settings: Partial<Omit<FineTuneSettings, 'recipe' | 'folder'>> & {
    readonly recipe?: Readonly<Record<string, unknown>>;
  } = {},
): Promise<FineTuneResult> {
  const { recipe, ...rest } = settings;
  return fineTune({
    base: makeTinyModel(),
    rows: makeRows(12),
    threads: 1,
    ...rest,
    recipe: tinyRecipe(recipe),
    folder,
  });
}

export async function readLog(folder: string): Promise<TrainingLogEntry[]> {
  const text = await readFile(join(folder, 'training.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TrainingLogEntry); // what the engine has just written
}
