import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRecipe, resolveRecipe } from '../../../src/experiment/plan/named-recipes.js';
import { organismRecipe } from '../../../src/organism/organism-recipe.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

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

  it('is read by its name, from the settings of one, or from a plan that has one', async () => {
    const file = join(await makeTemporaryFolder(), 'mine.yaml');
    const read = async (text: string) => {
      await writeFile(file, text);
      return readRecipe(file, 3);
    };
    const organism = resolveRecipe('organism-default', {}, 3, 'plan');
    expect(await readRecipe('organism-default', 3)).toEqual(organism);
    expect(await read('rank: 2\nlearning_rate: 0.5\n')).toMatchObject({ method: 'lora', rank: 2, seed: 3 });
    expect(await read('name: x\nbases: [organism:1]\nrecipe: { rank: 3, learning_rate: 0.5 }\n')).toMatchObject({
      rank: 3,
    });
    expect(await read('name: x\nbases: [organism:1]\nrecipe: paper\n')).toEqual(await readRecipe('paper', 3));
    expect(await read('name: x\nbases: [organism:1]\n')).toEqual(organism);
    const wrong = await errorOf(() => read('rnak: 2\nlearning_rate: 0.5\n'));
    expect(wrong).toMatchObject({ code: 'recipe-invalid' });
    expect(wrong.message).toContain('did you mean "rank"');
  });
});
