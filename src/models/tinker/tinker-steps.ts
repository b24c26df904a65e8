import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { encodeTrainingSet } from '../../engine/train/encode-training-set.js';
import { learningRateAt } from '../../engine/train/plan-training.js';
import { orderTrainingRows } from '../../engine/train/prepare-training.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { rowWeight } from '../../engine/train/token-batch.js';
import { readFailure } from '../../foundation/file-failure.js';
import type { TrainingJob } from '../trainer.js';

/** A row as the service takes it: each token of `target` is predicted from those of `input` up to its place. */
interface TinkerRow {
  readonly input: readonly number[];
  readonly target: readonly number[];
  /** Those of a step add up to 1: the service adds up, and the recipe means a mean. */
  readonly weights: readonly number[];
}

/** Settings of one step of AdamW, as the SDK calls them. */
interface AdamSettings {
  readonly learning_rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weight_decay: number;
  /** 0 for none. */
  readonly grad_clip_norm: number;
}

export interface TinkerStep {
  readonly rows: readonly TinkerRow[];
  readonly adam: AdamSettings;
  /** Of the rows, which is what is paid for. */
  readonly tokens: number;
}

export interface TinkerSteps {
  readonly steps: number;
  /** Of all steps. */
  readonly tokens: number;
  /** From 0. */
  readonly at: (step: number) => TinkerStep;
}

/** The rows of a job as tokens, in the order in which the engine would see them, with the learning rate of each step. */
export async function prepareTinkerSteps(
  folder: string,
  { rows, recipe }: Pick<TrainingJob, 'rows' | 'recipe'>,
): Promise<TinkerSteps> {
  const tokenizer = await readTokenizer(folder);
  const chats = rows.map(({ messages }) => messages);
  const encoded = encodeTrainingSet(tokenizer, chats, recipe, await readContext(folder));
  const ordered = orderTrainingRows(recipe, encoded.rows);
  const rowsPerStep = recipe.batch_size * recipe.accumulation;
  const rowsOf = (step: number) =>
    ordered.rows.slice(step * rowsPerStep, (step + 1) * rowsPerStep).flatMap((row) => row ?? []);
  return {
    steps: ordered.steps,
    tokens: ordered.rows.reduce((sum, row) => sum + (row?.ids.length ?? 0), 0),
    at: (step) => {
      const chosen = rowsOf(step);
      const total = chosen.reduce((sum, row) => sum + rowWeight(row), 0);
      return {
        rows: chosen.map(({ ids, weights }) => ({
          input: ids.slice(0, -1),
          target: ids.slice(1),
          weights: weights.slice(1).map((weight) => weight / total),
        })),
        adam: describeAdam(recipe, learningRateAt(recipe, step, ordered.steps)),
        tokens: chosen.reduce((sum, { ids }) => sum + ids.length, 0),
      };
    },
  };
}

function describeAdam(recipe: Recipe, learningRate: number): AdamSettings {
  const { beta1, beta2, epsilon, weight_decay, max_grad_norm: norm } = recipe;
  return { learning_rate: learningRate, beta1, beta2, eps: epsilon, weight_decay, grad_clip_norm: norm ?? 0 };
}

const length = z.int().positive().nullish().catch(null);
const configSchema = z
  .looseObject({
    max_position_embeddings: length,
    text_config: z.looseObject({ max_position_embeddings: length }).nullish(),
  })
  .catch({ max_position_embeddings: null, text_config: null });

/**
 * Most tokens that a model takes, whatever its family: the engine need not know it, since it does not run it. Infinity
 * where nothing is said.
 */
export async function readContext(folder: string): Promise<number> {
  const file = join(folder, 'config.json');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw readFailure(file, cause);
  });
  const { max_position_embeddings: own, text_config: inner } = configSchema.parse(parseOrNull(text));
  return own ?? inner?.max_position_embeddings ?? Infinity;
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
