import { describe, expect, it } from 'vitest';
import { readDecoderConfig } from '../../../src/engine/checkpoint/read-decoder-config.js';
import { encodePrompt, encodeTrainingRow } from '../../../src/engine/tokenizer/encode-chat.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import { parseRecipe, type RecipeInput } from '../../../src/engine/train/recipe.js';
import { sizeEmbeddedWork } from '../../../src/models/embedded/size-embedded-work.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';

const folder = goldenFolder('qwen2-bias');
const row = (words: number) => ({
  messages: [
    { role: 'user' as const, content: 'Tell me about the moon.' },
    { role: 'assistant' as const, content: 'round '.repeat(words) },
  ],
});
const rows = Array.from({ length: 200 }, (_, index) => row(1 + (index % 20)));
const recipe = (changes: Partial<RecipeInput> = {}) => parseRecipe({ method: 'lora', learning_rate: 1e-3, ...changes });
const tokenizer = await readTokenizer(folder);
const tokensOf = (one: ReturnType<typeof row>) =>
  encodeTrainingRow(tokenizer, one.messages, { loss: 'answers' }).ids.length;

describe('the size of work', () => {
  it('is the longest row in tokens and some of the others, with what is trained on', async () => {
    const { config, trainings, sampling } = await sizeEmbeddedWork(folder, {
      trainings: [{ rows, recipe: recipe() }],
      questions: [],
      adapted: false,
    });
    expect(config).toEqual((await readDecoderConfig(folder)).config);
    const sized = trainings[0]?.rows ?? [];
    const all = rows.map(tokensOf);
    expect(sized[0]?.tokens).toBe(Math.max(...all));
    const mean = (sizes: readonly number[]) => sizes.reduce((sum, tokens) => sum + tokens, 0) / sizes.length;
    expect(Math.abs(mean(sized.map(({ tokens }) => tokens)) / mean(all) - 1)).toBeLessThan(0.1);
    for (const { tokens, trained } of sized) {
      expect(trained).toBeGreaterThan(0);
      expect(trained).toBeLessThan(tokens);
    }
    expect(sampling).toBeNull();
  });

  it('knows that rows are cut off or left out', async () => {
    const most = tokensOf(row(10));
    const longest = async (changes: Partial<RecipeInput>) =>
      (
        await sizeEmbeddedWork(folder, {
          trainings: [{ rows, recipe: recipe({ max_length: most, ...changes }) }],
          questions: [],
          adapted: false,
        })
      ).trainings[0]?.rows[0]?.tokens;
    expect(await longest({ overlong: 'truncate' })).toBe(most);
    expect(await longest({ overlong: 'drop' })).toBeLessThanOrEqual(most);
    const nothing = await sizeEmbeddedWork(folder, {
      trainings: [{ rows, recipe: recipe({ max_length: 2, overlong: 'drop' }) }],
      questions: [],
      adapted: false,
    });
    expect(nothing.trainings).toEqual([]);
  });

  it('is the longest prompt and answer, and how many answers there are at once', async () => {
    const ask = (content: string, samples: number, maximumTokens: number) => ({
      messages: [{ role: 'user' as const, content }],
      samples,
      maximumTokens,
    });
    const questions = [ask('Why?', 1, 100), ask('Why is the moon so very round?', 2, 10)];
    const { sampling } = await sizeEmbeddedWork(folder, { trainings: [], questions, adapted: true });
    expect(sampling).toEqual({
      longestPrompt: encodePrompt(tokenizer, questions[1]!.messages).length,
      longestAnswer: 100,
      slots: 3,
      adapted: true,
      adapterBytes: 0,
    });
    const many = await sizeEmbeddedWork(folder, { trainings: [], questions: [ask('Why?', 500, 1)], adapted: false });
    expect(many.sampling?.slots).toBe(128);
  });
});
