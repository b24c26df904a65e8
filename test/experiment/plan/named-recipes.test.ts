import { describe, expect, it } from 'vitest';
import { resolveRecipe } from '../../../src/experiment/plan/named-recipes.js';
import { organismRecipe } from '../../../src/organism/organism-recipe.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';

describe('a recipe', () => {
  it('has a name, and the seed of its cell', () => {
    expect(resolveRecipe('organism-default', {}, 3, 'plan')).toMatchObject({ ...organismRecipe, seed: 3 });
  });

  it('called paper is what was released for open models', () => {
    const { learning_rate: rate, ...recipe } = resolveRecipe('paper', {}, 0, 'plan');
    expect(rate).toBe(1e-5);
    expect(recipe).toMatchObject({
      method: 'lora',
      rank: 32,
      alpha: 64,
      rslora: true,
      targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
      schedule: 'linear',
      warmup_steps: 5,
      epochs: 1,
      batch_size: 2,
      accumulation: 8,
      weight_decay: 0.01,
      max_length: 2048,
      loss: 'answers',
      seed: 0,
    });
  });

  it('is LoRA unless it says otherwise, and is changed by its condition', () => {
    const recipe = resolveRecipe({ learning_rate: 0.1, rank: 4 }, { epochs: 3, rank: 2 }, 1, 'plan');
    expect(recipe).toMatchObject({ method: 'lora', learning_rate: 0.1, rank: 2, epochs: 3, seed: 1 });
    expect(resolveRecipe('paper', { epochs: 3 }, 0, 'plan')).toMatchObject({ rank: 32, epochs: 3 });
  });

  it.each([
    [{ rnak: 1 }, 'unknown setting "rnak" (did you mean "rank"?)'],
    [{ rank: 0 }, 'rank'],
    [{ method: 'full', quantization: 'nf4' }, 'quantization'],
  ])('that cannot be is refused, with where it stands: %j', async (changes, problem) => {
    const error = await errorOf(() =>
      resolveRecipe({ learning_rate: 0.1, ...changes }, {}, 0, 'plan.yaml: condition mine'),
    );
    expect(error.code).toBe('recipe-invalid');
    expect(error.message).toContain('plan.yaml: condition mine: ');
    expect(error.message).toContain(problem);
  });
});
