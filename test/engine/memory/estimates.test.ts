import { describe, expect, it } from 'vitest';
import { benchConfig, benchShapes } from '../../../bench/bench-shape.js';
import { countWeights } from '../../../src/engine/checkpoint/decoder-tensors.js';
import {
  floatBytes,
  estimateSamplingMemory,
  estimateTrainingMemory,
} from '../../../src/engine/memory/estimate-memory.js';
import { parseRecipe, type RecipeInput } from '../../../src/engine/train/recipe.js';

/** Peak memory in GB as `npm run bench` measured it, with two threads: the table of the README. */
const measured = [
  { shape: 'S', lora: 0.47, full: 0.68, answers: 0.44 },
  { shape: 'M', lora: 1.55, full: 3.57, answers: 1.81 },
  { shape: '5M', lora: 0.37, full: 0.48, answers: 0.32 },
] as const;

/** Of what was measured. */
const tolerance = 0.15;

const findShape = (name: string) => {
  const shape = benchShapes.find((one) => one.name === name);
  if (shape === undefined) throw new Error(`the bench has no shape ${name}`);
  return shape;
};

const training = (name: string, method: 'lora' | 'full', changes: Partial<RecipeInput> = {}, length?: number) => {
  const shape = findShape(name);
  const recipe = parseRecipe({
    method,
    learning_rate: 1e-4,
    batch_size: shape.batch,
    accumulation: 1,
    ...(method === 'lora' ? { rank: shape.rank } : {}),
    ...changes,
  });
  const tokens = length ?? shape.length;
  return { config: benchConfig(shape), recipe, rows: [{ tokens, trained: tokens - 1 }], threads: 2 };
};

const expectNear = (estimate: number, gigabytes: number) => {
  expect(Math.abs(estimate / 1e9 / gigabytes - 1)).toBeLessThan(tolerance);
};

describe('estimates of peak memory', () => {
  it.each(measured)('are near what was measured on $shape', ({ shape, lora, full, answers }) => {
    expectNear(estimateTrainingMemory(training(shape, 'lora')), lora);
    const whole = training(shape, 'full');
    // The bench keeps no base beside what it trains, as fineTune does.
    expectNear(estimateTrainingMemory(whole) - floatBytes * countWeights(whole.config), full);
    const sampling = {
      config: benchConfig(findShape(shape)),
      longestPrompt: 32,
      longestAnswer: 64,
      slots: 32,
      adapted: false,
    };
    expectNear(estimateSamplingMemory(sampling), answers);
  });

  it('grow with rows, their lengths and what is trained of them', () => {
    const of = (changes: Partial<RecipeInput>, length: number, trained = length - 1): number =>
      estimateTrainingMemory({ ...training('M', 'lora', changes, length), rows: [{ tokens: length, trained }] });
    expect(of({ batch_size: 2 }, 128)).toBeLessThan(of({ batch_size: 4 }, 128));
    expect(of({ batch_size: 4 }, 64)).toBeLessThan(of({ batch_size: 4 }, 128));
    expect(of({ batch_size: 4 }, 128, 64)).toBeLessThan(of({ batch_size: 4 }, 128));
    expect(of({ rank: 8 }, 128)).toBeLessThan(of({ rank: 64 }, 128));
    // Steps are split into runs, so that there is an end to it.
    expect(of({ batch_size: 64, accumulation: 4 }, 128)).toBe(of({ batch_size: 16, accumulation: 1 }, 128));
    // One row is not split.
    expect(of({ batch_size: 1 }, 4096)).toBeGreaterThan(of({ batch_size: 64 }, 128));
  });

  it('are of runs that hold rows of several lengths', () => {
    const of = (lengths: readonly number[]): number =>
      estimateTrainingMemory({
        ...training('M', 'lora', { batch_size: 4 }),
        rows: lengths.map((tokens) => ({ tokens, trained: tokens - 1 })),
      });
    // The longest row is in each step that is looked at, with three others.
    const mixed = of([400, ...new Array<number>(30).fill(100)]);
    expect(mixed).toBeGreaterThan(of([100]));
    expect(mixed).toBeLessThan(of([400]));
  });

  it('grow with answers and their lengths, up to the context', () => {
    const of = (longestAnswer: number, slots = 32, adapted = false): number =>
      estimateSamplingMemory({ config: benchConfig(findShape('M')), longestPrompt: 32, longestAnswer, slots, adapted });
    expect(of(64)).toBeLessThan(of(600));
    expect(of(600, 8)).toBeLessThan(of(600));
    expect(of(4000)).toBe(of(9000));
    expect(of(64, 32, true)).toBeGreaterThan(of(64));
  });
});
