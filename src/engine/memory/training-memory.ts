import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { countWeights } from '../checkpoint/decoder-tensors.js';
import { countElements } from '../checkpoint/float-tensor.js';
import { trainedParameterShapes } from '../train/gradient-graph.js';
import { batchLimitsFor, isSmallModel } from '../train/plan-batches.js';
import { trainedPartOf } from '../train/plan-training.js';
import type { Recipe } from '../train/recipe.js';
import { floatBytes, processBytes } from './process-memory.js';

/** What decides how much memory a fine-tune takes. */
export interface TrainingWork {
  readonly config: DecoderConfig;
  readonly recipe: Recipe;
  /** Tokens of the longest row, by which all are counted. */
  readonly longestRow: number;
  /** Share of the tokens that are trained on, from 0 to 1: only they reach the head. */
  readonly trainedShare: number;
  readonly threads: number;
}

/**
 * Bytes that a process takes at most while it fine-tunes: weights, what is trained with its gradients and the optimizer's means, what
 * the backward pass needs of a run of the graph, and the largest values that are there for a moment.
 */
export function estimateTrainingMemory({ config, recipe, longestRow, trainedShare, threads }: TrainingWork): number {
  const { length, tokens, runs } = planRuns(config, recipe, longestRow);
  // A small model has copies in threads, which do runs of their own.
  const copies = isSmallModel(config) && threads > 1 ? threads : 0;
  const runsAtOnce = copies > 0 && runs >= threads ? threads : 1;
  const weights = countWeights(config);
  const trained = [...trainedParameterShapes(config, trainedPartOf(recipe, { config })).values()]
    .map(countElements)
    .reduce((sum, size) => sum + size, 0);
  const fixed =
    weights * (recipe.method === 'full' ? 1 : 1 + copies) +
    // Themselves, two means, and the gradients as the runtime has them and as they are handed over.
    trained * (5 + 2 * copies);
  const { layers, width, heads, vocabulary } = config;
  const kept = tokens * (layers * keptOfBlock(config) + 2 * width);
  const ofMoment = Math.max(
    // Scores of all tokens of the vocabulary, and probabilities.
    2 * trainedShare * tokens * vocabulary,
    // Attention as it is computed again, with its gradient.
    3 * tokens * heads * length,
    5 * tokens * config.feedForwardWidth,
  );
  return processBytes + floatBytes * (fixed + runsAtOnce * (kept + ofMoment));
}

/** Numbers that one token leaves in one block for the backward pass. */
function keptOfBlock({
  width,
  heads,
  keyValueHeads,
  headWidth,
  feedForwardWidth,
  queryKeyNorm,
}: DecoderConfig): number {
  const [queries, keys] = [heads * headWidth, keyValueHeads * headWidth];
  const residualsAndNorms = 4 * width;
  const attention = queries + 2 * keys + 2 * queries + (queryKeyNorm ? queries + keys : 0);
  return residualsAndNorms + attention + 3 * feedForwardWidth;
}

/** The runs of one step: their number, and the tokens of one, with rows of one length. */
function planRuns(
  config: DecoderConfig,
  { batch_size, accumulation }: Recipe,
  longestRow: number,
): { readonly length: number; readonly tokens: number; readonly runs: number } {
  const { tokensPerRun, lengthMultiple } = batchLimitsFor(config);
  const length = Math.ceil(longestRow / lengthMultiple) * lengthMultiple;
  const rows = batch_size * accumulation;
  const rowsPerRun = Math.max(1, Math.min(rows, Math.floor(tokensPerRun / length)));
  const runs = Math.ceil(rows / rowsPerRun);
  return { length, tokens: Math.ceil(rows / runs) * length, runs };
}
