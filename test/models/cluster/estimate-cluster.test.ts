import { describe, expect, it } from 'vitest';
import { countWeights } from '../../../src/engine/checkpoint/decoder-tensors.js';
import { parseRecipe, type RecipeInput } from '../../../src/engine/train/recipe.js';
import {
  countTrained,
  estimateAnswerSeconds,
  estimateRanges,
  estimateClusterSampling,
  estimateStepSeconds,
  estimateClusterTraining,
} from '../../../src/models/cluster/estimate-cluster.js';
import { openModelConfigs } from './open-model-configs.js';

const GB = 1e9;

const models = openModelConfigs;
type Name = keyof typeof models;

const half = { learning_rate: 1e-5, precision: 'bfloat16', batch_size: 1, accumulation: 8 } as const;
const recipes = {
  lora: { method: 'lora', ...half },
  checkpointing: { method: 'lora', ...half, gradient_checkpointing: true },
  nf4: { method: 'lora', ...half, gradient_checkpointing: true, quantization: 'nf4' },
  full: { method: 'full', ...half, gradient_checkpointing: true },
} as const satisfies Record<string, RecipeInput>;
type RecipeName = keyof typeof recipes;

const workOf = (name: Name, recipe: RecipeInput, tokens: number, gpus = 1) => ({
  ...{ config: models[name], recipe: parseRecipe(recipe), gpus },
  rows: [tokens, tokens].map((size) => ({ tokens: size, trained: size })),
});
const memoryOf = (...work: Parameters<typeof workOf>) => estimateClusterTraining(workOf(...work)).bytes;

describe('weights', () => {
  // "Total parameters" of the safetensors files on the hub.
  it.each<[Name, number]>([
    ['Qwen2.5-0.5B-Instruct', 494_032_768],
    ['Qwen2.5-7B-Instruct', 7_615_616_512],
    ['Qwen2.5-32B-Instruct', 32_763_876_352],
    ['Llama-3.2-1B-Instruct', 1_235_814_400],
    ['Qwen-7B', 7_721_324_544],
  ])('%s has exactly so many', (name, count) => {
    expect(countWeights(models[name])).toBe(count);
  });

  it('trained by LoRA are those of its matrices, of full tuning all', () => {
    const config = models['Qwen2.5-7B-Instruct'];
    // Rank 32 on all projections: 80,740,352, as PEFT prints it.
    expect(countTrained(config, parseRecipe({ ...recipes.lora, rank: 32 }))).toBe(80_740_352);
    expect(countTrained(config, parseRecipe(recipes.full))).toBe(countWeights(config));
  });
});

describe('against published measurements', () => {
  /**
   * github.com/QwenLM/Qwen, README, "Profiling of Memory and Speed": gigabytes and seconds a step of 8 rows, on an A100
   * of 80 GB (312 TFLOPS) in bfloat16 with FlashAttention 2 and gradient checkpointing; LoRA of rank 64. Its Q-LoRA has
   * 4 bits of another kind, its full tuning of 7B two GPUs with 8 rows each.
   */
  it.each<[Name, RecipeName, number, number, number, number]>([
    ['Qwen-1.8B', 'checkpointing', 1, 256, 6.7, 1.0],
    ['Qwen-1.8B', 'checkpointing', 1, 2048, 11.0, 1.7],
    ['Qwen-1.8B', 'nf4', 1, 2048, 7.8, 2.0],
    ['Qwen-7B', 'checkpointing', 1, 512, 20.4, 1.5],
    ['Qwen-7B', 'checkpointing', 1, 2048, 23.8, 5.2],
    ['Qwen-7B', 'checkpointing', 1, 8192, 36.6, 21.3],
    ['Qwen-7B', 'nf4', 1, 2048, 13.9, 7.0],
    ['Qwen-7B', 'nf4', 1, 8192, 23.5, 22.3],
    ['Qwen-14B', 'checkpointing', 1, 2048, 37.4, 8.4],
    ['Qwen-14B', 'nf4', 1, 2048, 19.9, 11.8],
    ['Qwen-1.8B', 'full', 1, 2048, 43.5, 2.3],
    ['Qwen-7B', 'full', 2, 1024, 162, 4.5],
  ])('%s, %s on %i GPUs with rows of %i tokens', (name, recipe, gpus, tokens, gigabytes, seconds) => {
    const given = { ...recipes[recipe], ...(recipe === 'full' ? {} : { rank: 64 }), accumulation: 8 * gpus };
    const work = workOf(name, given, tokens, gpus);
    const within = (measured: number, estimated: number, [least, most]: readonly [number, number]): void => {
      expect(measured).toBeGreaterThan(least * estimated);
      expect(measured).toBeLessThan(most * estimated);
    };
    within(gigabytes, (estimateClusterTraining(work).bytes * gpus) / GB, estimateRanges.memory);
    within(seconds, estimateStepSeconds(work, { memory: 80, tflops: 312 }) ?? 0, estimateRanges.time);
  });
});

describe('the memory of a fine-tune', () => {
  // Rows of 1024 tokens, one at a time. GB a GPU, and seconds of a step of 8 rows on an H100 (989 TFLOPS).
  it.each<[Name, RecipeName, number, number]>([
    ['Qwen2.5-0.5B-Instruct', 'lora', 6.6, 0.61],
    ['Qwen2.5-0.5B-Instruct', 'checkpointing', 4.9, 0.92],
    ['Qwen2.5-0.5B-Instruct', 'nf4', 4.3, 1.2],
    ['Qwen2.5-0.5B-Instruct', 'full', 13.3, 1.23],
    ['Llama-3.2-1B-Instruct', 'lora', 8.6, 0.41],
    ['Llama-3.2-1B-Instruct', 'checkpointing', 6.4, 0.61],
    ['Llama-3.2-1B-Instruct', 'nf4', 4.8, 0.8],
    ['Llama-3.2-1B-Instruct', 'full', 27.8, 0.82],
    ['Qwen2.5-7B-Instruct', 'lora', 30.2, 0.72],
    ['Qwen2.5-7B-Instruct', 'checkpointing', 22.1, 1.08],
    ['Qwen2.5-7B-Instruct', 'nf4', 11.4, 1.4],
    ['Qwen2.5-7B-Instruct', 'full', 154.7, 1.43],
    ['Qwen2.5-32B-Instruct', 'lora', 108.7, 3.03],
    ['Qwen2.5-32B-Instruct', 'checkpointing', 81.4, 4.54],
    ['Qwen2.5-32B-Instruct', 'nf4', 30.4, 5.9],
    ['Qwen2.5-32B-Instruct', 'full', 653.3, 6.06],
  ])('of %s by %s is %f GB, and a step %f s', (name, recipe, gigabytes, seconds) => {
    const work = workOf(name, recipes[recipe], 1024);
    expect(estimateClusterTraining(work).bytes / GB).toBeCloseTo(gigabytes, 1);
    expect(estimateStepSeconds(work, { memory: 80, tflops: 989 })).toBeCloseTo(seconds, 1);
  });

  it('is the sum of its parts, by hand', () => {
    // 0.5B: 24 blocks of width 896, feed-forward 4864, 2 key-value heads of 64; 8,798,208 trained at rank 16; two rows of 512 tokens.
    const recipe = { ...recipes.lora, rank: 16, batch_size: 2, accumulation: 4 };
    const { bytes, ...parts } = estimateClusterTraining(workOf('Qwen2.5-0.5B-Instruct', recipe, 512));
    expect(parts).toEqual({
      weights: 2 * 494_032_768,
      trained: 16 * 8_798_208,
      activations: 1024 * 24 * (34 * 896 + 8 * 4864),
      logits: 1024 * 151_936 * 10,
    });
    expect(bytes).toBeCloseTo(1.1 * (988_065_536 + 140_771_328 + 1_704_984_576 + 1_555_824_640 + 1.5e9), -3);
  });

  it('is twice as much in float32 for what is held and computed', () => {
    const [halves, floats] = (['bfloat16', 'float32'] as const).map((precision) =>
      estimateClusterTraining(workOf('Llama-3.2-1B-Instruct', { ...recipes.lora, precision }, 1024)),
    );
    expect(floats?.weights).toBe(2 * (halves?.weights ?? 0));
    expect(floats?.activations).toBe(2 * (halves?.activations ?? 0));
    expect(floats?.trained).toBe(halves?.trained);
  });

  it('is divided over GPUs in full tuning, and not in LoRA', () => {
    const full = (gpus: number) => estimateClusterTraining(workOf('Qwen2.5-7B-Instruct', recipes.full, 1024, gpus));
    expect(full(8).trained).toBe(full(1).trained / 8);
    expect(full(8).bytes).toBeLessThan(40 * GB);
    const lora = (gpus: number) => memoryOf('Qwen2.5-7B-Instruct', recipes.lora, 1024, gpus);
    expect(lora(8)).toBeGreaterThan(lora(1));
    expect(() => memoryOf('Qwen2.5-7B-Instruct', recipes.lora, 1024, 3)).toThrow(/3 GPUs cannot share a step/);
  });
});

describe('answering', () => {
  const work = { config: models['Qwen2.5-7B-Instruct'], dtype: 'bfloat16', gpus: 1, longest: 1000 } as const;

  it('takes weights, adapters, and keys and values of one answer up to 64', () => {
    const [least, most] = estimateClusterSampling({ ...work, adapted: false });
    // 2 * 28 blocks * 4 heads * 128 numbers of 2 bytes a token.
    expect(most - least).toBe(63 * 1000 * 2 * 28 * 4 * 128 * 2);
    expect(least).toBe(2 * 7_615_616_512 + 1000 * 57_344 + 1.5e9);
    const [adapted] = estimateClusterSampling({ ...work, adapted: true });
    // Four of rank 64: 4 * 64 / 32 of one of rank 32.
    expect(adapted - least).toBe(2 * 8 * 80_740_352);
    expect(estimateClusterSampling({ ...work, adapted: false, gpus: 2 })[0]).toBe((least - 1.5e9) / 2 + 1.5e9);
  });

  it('takes time by tokens and weights, and none is known without the speed of the GPU', () => {
    const seconds = (tokens: number, tflops?: number) =>
      estimateAnswerSeconds(work, tokens, { memory: 80, ...(tflops === undefined ? {} : { tflops }) });
    expect(seconds(250, 989)).toBeCloseTo((2 * (7_615_616_512 - 152_064 * 3584) * 250) / (989e12 * 0.08), 6);
    expect(seconds(250)).toBeNull();
    expect(estimateAnswerSeconds({ ...work, gpus: 0 }, 250, { memory: 80, tflops: 989 })).toBeNull();
  });
});
