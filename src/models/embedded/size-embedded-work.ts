import type { TrainingRow } from '../../data/training-set.js';
import type { DecoderConfig } from '../../engine/checkpoint/decoder-config.js';
import { countWeights } from '../../engine/checkpoint/decoder-tensors.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { floatBytes, type SamplingWork, type RowSize } from '../../engine/memory/estimate-memory.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import { usualSlots } from '../../engine/sample/answer-batch.js';
import { encodePrompt, encodeTrainingRow } from '../../engine/tokenizer/encode-chat.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatMemory } from '../../foundation/format-quantities.js';

/** What is to be done with a model that runs here. */
export interface EmbeddedWork {
  readonly trainings: readonly { readonly rows: readonly TrainingRow[]; readonly recipe: Recipe }[];
  readonly questions: readonly {
    readonly messages: readonly ChatMessage[];
    readonly samples: number;
    readonly maximumTokens: number;
  }[];
  /** Whether models with an adapter are asked. */
  readonly adapted: boolean;
  /** Of the largest adapter that somebody has already; those that are trained here are small. Default 0. */
  readonly adapterBytes?: number;
}

export interface SizedTraining {
  readonly recipe: Recipe;
  /** The longest row, then a sample of all. */
  readonly rows: readonly RowSize[];
}

/** The work, in tokens of the model. */
export interface SizedWork {
  readonly config: DecoderConfig;
  readonly trainings: readonly SizedTraining[];
  /** Null if nothing is asked. */
  readonly sampling: Omit<SamplingWork, 'config'> | null;
}

/** How many texts of a set are tokenized: of the longest, and of all. */
const looked = { longest: 8, others: 64 };

/**
 * Sizes work for estimates of memory and time. Reads no weights, and tokenizes only some of the texts: those with the most bytes, and some
 * of the others for means.
 */
export async function sizeEmbeddedWork(
  folder: string,
  { trainings, questions, adapted, adapterBytes = 0 }: EmbeddedWork,
): Promise<SizedWork> {
  const { config } = await readDecoderConfig(folder);
  if (trainings.length === 0 && questions.length === 0) return { config, trainings: [], sampling: null };
  const tokenizer = await readTokenizer(folder);
  const asked = questions.reduce((sum, { samples }) => sum + samples, 0);
  return {
    config,
    trainings: trainings.flatMap(({ rows, recipe }) => sizeTraining(tokenizer, rows, recipe, config.context)),
    sampling:
      asked === 0
        ? null
        : {
            longestPrompt: longest(questions).reduce(
              (most, { messages }) => Math.max(most, encodePrompt(tokenizer, messages).length),
              0,
            ),
            longestAnswer: questions.reduce((most, { maximumTokens }) => Math.max(most, maximumTokens), 0),
            slots: Math.max(2, Math.min(usualSlots(config), asked)),
            adapted,
            adapterBytes,
          },
  };
}

/** Empty if no row is left of those that were looked at. */
function sizeTraining(
  tokenizer: TextTokenizer,
  rows: readonly TrainingRow[],
  recipe: Recipe,
  context: number,
): SizedTraining[] {
  const maximum = Math.min(recipe.max_length, context);
  const measure = ({ messages }: TrainingRow): RowSize[] => {
    const { ids, weights } = encodeTrainingRow(tokenizer, messages, { loss: recipe.loss });
    if (ids.length > maximum && recipe.overlong === 'drop') return [];
    const used = weights.slice(0, maximum);
    return [{ tokens: used.length, trained: used.filter((weight) => weight > 0).length }];
  };
  const stride = Math.max(1, Math.floor(rows.length / looked.others));
  const usual = rows.filter((_, row) => row % stride === 0).flatMap(measure);
  const longestKept = longest(rows).flatMap(measure);
  // If the longest are all dropped, others may be as long as is allowed.
  if (longestKept.length === 0 && usual.length > 0) longestKept.push({ tokens: maximum, trained: maximum });
  const [longestRow] = [...usual, ...longestKept].sort((left, right) => right.tokens - left.tokens);
  return longestRow === undefined ? [] : [{ recipe, rows: [longestRow, ...usual] }];
}

/** The texts with the most bytes, which nearly always have the most tokens. */
function longest<Text extends { readonly messages: readonly ChatMessage[] }>(texts: readonly Text[]): Text[] {
  return texts
    .map((text) => ({
      text,
      bytes: text.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0),
    }))
    .sort((left, right) => right.bytes - left.bytes)
    .slice(0, looked.longest)
    .map(({ text }) => text);
}

/**
 * Refuses a model whose weights alone, with those of an adapter, exceed the available memory, before they are read. Other models may still
 * not fit.
 */
export function requireMemoryForWeights(model: string, config: DecoderConfig, memory: number, adapterBytes = 0): void {
  const bytes = countWeights(config) * floatBytes + adapterBytes;
  if (bytes <= memory) return;
  throw new DriftlineError({
    code: 'memory-exceeded',
    message: `${model} does not fit into memory: its weights alone take ${formatMemory(bytes)}, and ${formatMemory(memory)} is available`,
    hint: 'Take a smaller model or a machine with more memory, or have the model served elsewhere (docs/services.md). --ignore-memory loads it anyway.',
    details: { model, bytes, memory },
  });
}
