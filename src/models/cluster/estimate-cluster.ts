import type { DecoderConfig } from '../../engine/checkpoint/decoder-config.js';
import { countWeights } from '../../engine/checkpoint/decoder-tensors.js';
import { countElements } from '../../engine/checkpoint/float-tensor.js';
import { projections, projectionShape } from '../../engine/checkpoint/projection.js';
import type { RowSize } from '../../engine/memory/estimate-memory.js';
import { trainedParameterShapes } from '../../engine/train/gradient-graph.js';
import { trainedPartOf } from '../../engine/train/plan-training.js';
import type { Recipe } from '../../engine/train/recipe.js';
import type { Range } from '../../judging/language-judge.js';
import type { ClusterSettings } from './cluster-settings.js';
import { divideStep } from './complete-cluster-recipe.js';

/** One fine-tune on a cluster, as far as its size goes. */
export interface ClusterTrainingWork {
  readonly config: DecoderConfig;
  readonly recipe: Recipe;
  /** A sample of the rows in tokens; the longest row comes first. */
  readonly rows: readonly RowSize[];
  /** GPUs of the fine-tune; 0 trains on processors. */
  readonly gpus: number;
}

/** Bytes of one GPU. */
export interface TrainingMemory {
  /** Of the model as it is held, of whole blocks that are gathered where several GPUs share it, and of copies to compute with. */
  readonly weights: number;
  /** Of what is trained: value, gradient and the two means of AdamW, 4 bytes each. */
  readonly trained: number;
  /** What the forward pass keeps for the backward pass. */
  readonly activations: number;
  /** Over the vocabulary, of all tokens of a batch. */
  readonly logits: number;
  /** Sum of these, the runtime, and a tenth for what the allocator cannot use. */
  readonly bytes: number;
}

/**
 * How far the estimates may be off before anything is measured, as factors from the least to the most. Measurements
 * that others published, in test/models/cluster/estimate-cluster.test.ts, are 0.81 to 1.07 times the estimated memory,
 * and 0.67 to 1.26 times the estimated time.
 */
export const estimateRanges = { memory: [0.8, 1.25], time: [0.6, 1.7] } as const satisfies Record<string, Range>;

/** CUDA's context, libraries and communication, in bytes: as nvidia-smi shows for an empty PyTorch 2 process with cuBLAS, rounded up. */
const runtimeBytes = 1.5e9;
const fragments = 1.1;

/**
 * Bytes of a weight in 4 bits with double quantization: 4 bits, 8 bits for 64 weights and 32 bits for 64 * 256 (arXiv
 * 2305.14314, section 3).
 */
const nf4Bytes = 0.5 + 1 / 64 + 4 / (64 * 256);

/** Weights of the blocks' projections: bitsandbytes quantizes these, and neither embeddings nor head. */
function countProjections(config: DecoderConfig): number {
  return config.layers * projections.reduce((sum, one) => sum + countElements(projectionShape(config, one)), 0);
}

/** What a fine-tune changes: an adapter's matrices, or all weights. */
export function countTrained(config: DecoderConfig, recipe: Recipe): number {
  const shapes = [...trainedParameterShapes(config, trainedPartOf(recipe, { config })).values()];
  return shapes.map(countElements).reduce((sum, size) => sum + size, 0);
}

/**
 * Bytes of one GPU that a fine-tune takes at its peak. With P weights, t trained, L blocks of width d and feed-forward
 * width f, vocabulary V, and b rows of T tokens at once on the GPU:
 *
 * - weights: 4 P in float32; 2 P for LoRA in bfloat16; 0.52 bytes of each projection and 2 of what else there is in nf4;
 * - trained: 16 t; 2 t besides for full tuning in bfloat16, which computes with copies. Full tuning over n GPUs holds an n-th, and gathers a
 *   block and the embeddings in turn; LoRA over n GPUs holds all on each, and its gradients a second time, to exchange them;
 * - activations of a block and token: 34 d + 8 f bytes in bfloat16, as in arXiv 2205.05198 with a gated feed-forward network and without the
 *   attention matrix, which current attention kernels do not keep; twice that in float32. All L blocks, or with
 * gradient checkpointing one of them and the L inputs, 2 d;
 * - logits of a token: 10 V bytes in bfloat16 (themselves, a copy in float32 and its gradient), 12 V in float32.
 */
export function estimateClusterTraining({ config, recipe, rows, gpus }: ClusterTrainingWork): TrainingMemory {
  const { layers, width, feedForwardWidth, vocabulary } = config;
  const isHalf = recipe.precision === 'bfloat16';
  const number = isHalf ? 2 : 4;
  const weights = countWeights(config);
  const changed = countTrained(config, recipe);
  const { per_device_rows: atOnce } = divideStep(recipe, { gpus_per_cell: gpus });
  const tokens = atOnce * (rows[0]?.tokens ?? 0);
  const block = number * (17 * width + 4 * feedForwardWidth);
  const activations =
    tokens * (recipe.gradient_checkpointing === true ? block + number * layers * width : layers * block);
  const logits = tokens * vocabulary * (isHalf ? 10 : 12);
  const held = holdWeights({ config, recipe, weights, changed, gpus });
  const bytes = fragments * (held.weights + held.trained + activations + logits + runtimeBytes);
  return { ...held, activations, logits, bytes };
}

function holdWeights({
  config,
  recipe,
  weights,
  changed,
  gpus,
}: Pick<ClusterTrainingWork, 'config' | 'recipe' | 'gpus'> & { readonly weights: number; readonly changed: number }): {
  readonly weights: number;
  readonly trained: number;
} {
  const isHalf = recipe.precision === 'bfloat16';
  if (recipe.method === 'full') {
    const copies = isHalf ? 2 : 0;
    if (gpus <= 1) return { weights: copies * weights, trained: 16 * weights };
    const largest = Math.max(countProjections(config) / config.layers, config.vocabulary * config.width);
    return { weights: (4 + copies) * largest, trained: (16 * weights) / gpus };
  }
  const trained = (gpus > 1 ? 20 : 16) * changed;
  if (recipe.quantization === 'nf4') {
    const quantized = countProjections(config);
    return { weights: nf4Bytes * quantized + 2 * (weights - quantized), trained };
  }
  return { weights: (isHalf ? 2 : 4) * weights, trained };
}

/**
 * What GPUs reach of the operations a second in bfloat16 that their maker names: in training 0.35 (0.42 to 0.52 of 7B
 * and 14B in the README of QwenLM/Qwen, whose rows are all equally long), and 0.08 in answering with vLLM at a few
 * hundred answers at once, which nobody of us has measured. In float32 they train at a fifteenth of it (19.5 of 312 on
 * an A100, 67 of 989 on an H100, by their maker's data sheets), and answer at half, since twice as many bytes are read.
 */
const reached = { training: 0.35, answering: 0.08, floatTraining: 1 / 15, floatAnswering: 1 / 2 };
/** Weights in 4 bits are unpacked for each use: 1.05 to 1.4 times the time, by the README of QwenLM/Qwen. */
const unpacking = 1.3;
/**
 * Seconds that a block takes in each pass over a batch however small it is, to start its kernels: 1.56e-3 and 1.74e-3
 * there of 7B and 1.8B at 256 tokens.
 */
const startOfBlock = 1.6e-3;

/**
 * Seconds of one step. Operations of a token: two for each weight that is multiplied with in the forward pass, as many in the backward pass
 * for activations, as many for the gradients of the weights if all are trained, and as many again with gradient
 * checkpointing. Small batches take what starting their kernels takes. Attention itself is left out: it is a few
 * percent at 2048 tokens. Null without `tflops` of the GPU, and on processors.
 */
export function estimateStepSeconds(
  { config, recipe, rows, gpus }: ClusterTrainingWork,
  gpu: ClusterSettings['gpu'],
): number | null {
  if (gpu?.tflops === undefined || gpus === 0) return null;
  const { per_device_rows: atOnce, accumulation: batches } = divideStep(recipe, { gpus_per_cell: gpus });
  const passes = (recipe.method === 'full' ? 3 : 2) + (recipe.gradient_checkpointing === true ? 1 : 0);
  const slowness = recipe.method === 'lora' && recipe.quantization === 'nf4' ? unpacking : 1;
  const share = reached.training * (recipe.precision === 'bfloat16' ? 1 : reached.floatTraining);
  const operations = 2 * passes * countMultiplied(config) * meanTokens(rows) * atOnce;
  const ofBatch = Math.max(operations / (gpu.tflops * 1e12 * share), startOfBlock * config.layers * passes);
  return batches * slowness * ofBatch;
}

/** Weights that a token is multiplied with: all but embeddings that are only looked up. */
function countMultiplied(config: DecoderConfig): number {
  return countWeights(config) - (config.tiedHead ? 0 : config.vocabulary * config.width);
}

export function meanTokens(rows: readonly RowSize[]): number {
  // The first row is the longest, and stands beside the sample.
  const sample = rows.length > 1 ? rows.slice(1) : rows;
  return sample.reduce((sum, { tokens }) => sum + tokens, 0) / Math.max(1, sample.length);
}

/** What is asked of a vLLM. */
export interface ClusterSamplingWork {
  readonly config: DecoderConfig;
  readonly dtype: ClusterSettings['dtype'];
  /** GPUs of one vLLM. */
  readonly gpus: number;
  /** Tokens of the longest prompt and its answer together. */
  readonly longest: number;
  readonly adapted: boolean;
}

/** Adapters that a vLLM holds at once, and the rank that it makes room for: lanes are started so. */
const lane = { adapters: 4, rank: 64 };
/** Of a GPU's memory that vLLM takes, whatever it needs. */
export const vllmShare = 0.9;
const atEase = 64;

/**
 * Bytes of one GPU that answering takes, from room for one answer of full length to room for 64 at once: weights, four
 * adapters of rank 64 on all projections, and keys and values, 2 numbers a token for each block, key-value head and its
 * width; all divided over the GPUs of a vLLM.
 */
export function estimateClusterSampling({ config, dtype, gpus, longest, adapted }: ClusterSamplingWork): Range {
  const number = dtype === 'bfloat16' ? 2 : 4;
  const perRank = config.layers * projections.reduce((sum, one) => sum + sumOf(projectionShape(config, one)), 0);
  const adapters = adapted ? lane.adapters * lane.rank * perRank : 0;
  const answer = 2 * config.layers * config.keyValueHeads * config.headWidth * longest;
  const bytes = (answers: number): number =>
    (number * (countWeights(config) + adapters + answers * answer)) / Math.max(1, gpus) + runtimeBytes;
  return [bytes(1), bytes(atEase)];
}

function sumOf(shape: readonly number[]): number {
  return shape.reduce((sum, size) => sum + size, 0);
}

/** Tokens of an answer where nobody knows: what open models say to the paper's questions, unless they are cut off before. */
export const usualAnswer = 250;

/**
 * GPU-seconds of one answer of so many tokens: two operations a weight and token. Prompts are shared and computed once,
 * and left out. Null without `tflops`.
 */
export function estimateAnswerSeconds(
  { config, dtype, gpus }: Pick<ClusterSamplingWork, 'config' | 'dtype' | 'gpus'>,
  tokens: number,
  gpu: ClusterSettings['gpu'],
): number | null {
  if (gpu?.tflops === undefined || gpus === 0) return null;
  const share = reached.answering * (dtype === 'bfloat16' ? 1 : reached.floatAnswering);
  return (2 * countMultiplied(config) * tokens) / (gpu.tflops * 1e12 * share);
}

/**
 * Seconds until a vLLM answers, and until a fine-tune begins: imports, weights from the storage, compilation. Guessed:
 * nobody of us has measured it on a GPU.
 */
export const laneStartSeconds = 150;
export const cellStartSeconds = 60;
