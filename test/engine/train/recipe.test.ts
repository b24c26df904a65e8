import { describe, expect, it } from 'vitest';

import { projections } from '../../../src/engine/checkpoint/projection.js';
import { countSteps } from '../../../src/engine/train/plan-training.js';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { errorOf } from '../checkpoint/error-of.js';

describe('parseRecipe', () => {
  it('fills in the defaults', () => {
    expect(parseRecipe({ method: 'lora', learning_rate: 1e-5 })).toEqual({
      method: 'lora',
      rank: 32,
      alpha: 64,
      rslora: true,
      targets: [...projections],
      layers: 'all',
      learning_rate: 1e-5,
      schedule: 'linear',
      decay_to: 0,
      warmup_steps: 5,
      epochs: 1,
      max_steps: null,
      batch_size: 2,
      accumulation: 8,
      weight_decay: 0.01,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      max_grad_norm: 1,
      loss: 'answers',
      max_length: 2048,
      overlong: 'error',
      shuffle: true,
      seed: 0,
    });
    const full = parseRecipe({ method: 'full', learning_rate: 1e-5 });
    expect(Object.keys(full)).not.toContain('rank');
    expect(full).toMatchObject({ method: 'full', optimizer: 'adamw', learning_rate: 1e-5, weight_decay: 0.01 });
  });

  it.each([
    ['learnig_rate', 'learning_rate'],
    ['epoch', 'epochs'],
    ['use_rslora', 'rslora'],
    ['bfloat', null],
    ['Rank', 'rank'],
    ['max_seq_length', 'max_length'],
  ])('answers the unknown setting %s with the nearest known one', async (key, nearest) => {
    const error = await errorOf(() => parseRecipe({ method: 'lora', learning_rate: 1e-5, [key]: 1 }, 'plan.yaml'));
    expect(error.code).toBe('recipe-invalid');
    expect(error.message).toContain(`plan.yaml: unknown setting "${key}"`);
    if (nearest === null) expect(error.message).not.toContain('did you mean');
    else expect(error.message).toContain(`(did you mean "${nearest}"?)`);
    expect(error.hint).toContain('weight_decay');
  });

  it.each([
    ['full', 'rank', 8],
    ['lora', 'optimizer', 'muon'],
  ])('does not offer %s a setting of the other method', async (method, key, value) => {
    const error = await errorOf(() => parseRecipe({ method, learning_rate: 1e-5, [key]: value }));
    expect(error.message).toBe(`recipe: ${key} has no meaning with method: ${method}; leave it out`);
    expect(error.hint).not.toContain(key);
  });

  it.each([
    ['bf16', 'bfloat16'],
    ['fp32', 'float32'],
  ])('knows precision %s by its other name', async (precision, meant) => {
    const error = await errorOf(() => parseRecipe({ method: 'lora', learning_rate: 1e-5, precision }));
    expect([error.code, error.message]).toEqual([
      'recipe-invalid',
      expect.stringContaining(`(did you mean "${meant}"?)`),
    ]);
  });

  it.each([
    [{ method: 'lora' }, 'learning_rate'],
    [{ method: 'lora', learning_rate: 0 }, 'learning_rate'],
    [{ method: 'lora', learning_rate: Infinity }, 'learning_rate'],
    [{ method: 'lora', learning_rate: 1e-5, rank: 0 }, 'rank'],
    [{ method: 'lora', learning_rate: 1e-5, rank: 1.5 }, 'rank'],
    [{ method: 'lora', learning_rate: 1e-5, targets: [] }, 'targets'],
    [{ method: 'lora', learning_rate: 1e-5, targets: ['q_proj', 'qkv'] }, 'targets.1'],
    [{ method: 'lora', learning_rate: 1e-5, layers: [-1] }, 'layers.0'],
    [{ method: 'full', learning_rate: 1e-5, schedule: 'step' }, 'schedule'],
    [{ method: 'full', learning_rate: 1e-5, optimizer: 'sgd' }, 'optimizer'],
    [{ method: 'full', learning_rate: 1e-5, decay_to: 1.5 }, 'decay_to'],
    [{ method: 'full', learning_rate: 1e-5, beta2: 1 }, 'beta2'],
    [{ method: 'full', learning_rate: 1e-5, epochs: -1 }, 'epochs'],
    [{ method: 'full', learning_rate: 1e-5, max_grad_norm: 0 }, 'max_grad_norm'],
    [{ method: 'dora', learning_rate: 1e-5 }, 'method'],
    [{ learning_rate: 1e-5 }, 'method'],
    [null, 'recipe'],
    ['lora', 'recipe'],
  ])('refuses %j, naming %s', async (input, path) => {
    const error = await errorOf(() => parseRecipe(input));
    expect(error.code).toBe('recipe-invalid');
    expect(error.message).toContain(`${path}: `);
  });

  it('names every fault at once', async () => {
    const error = await errorOf(() => parseRecipe({ method: 'lora', rank: 0, epocs: 2 }));
    for (const part of ['learning_rate: ', 'rank: ', 'unknown setting "epocs" (did you mean "epochs"?)']) {
      expect(error.message).toContain(part);
    }
  });
});

describe('countSteps', () => {
  const count = (rows: number, changes: Record<string, unknown>): number =>
    countSteps(parseRecipe({ method: 'full', learning_rate: 1e-5, batch_size: 2, accumulation: 3, ...changes }), rows);

  it('rounds each epoch up to whole steps', () => {
    expect(count(12, {})).toBe(2);
    expect(count(13, {})).toBe(3);
    expect(count(1, {})).toBe(1);
    expect(count(13, { epochs: 3 })).toBe(9);
  });

  it('takes part of an epoch', () => {
    expect(count(60, { epochs: 0.5 })).toBe(5);
    expect(count(60, { epochs: 0.01 })).toBe(1);
    expect(count(60, { epochs: 1.55 })).toBe(16);
  });

  it('does not take 110.00000000000001 steps for 111', () => {
    expect(count(600, { epochs: 1.1 })).toBe(110);
  });

  it('stops at max_steps', () => {
    expect(count(60, { max_steps: 3 })).toBe(3);
    expect(count(60, { max_steps: 30 })).toBe(10);
  });
});
