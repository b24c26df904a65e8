import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { openEmbeddedTrainer } from '../../../src/models/embedded/open-embedded-trainer.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { copyGolden, goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { describeKept } from '../describe-kept.js';
import { describeTrainer, identifyAdapter } from '../trainer-conformance.js';

const open = (modelHash = 'one') =>
  openEmbeddedTrainer({ model: goldenFolder('qwen2-bias'), modelHash, threads: 1, clock: () => performance.now() });

describeTrainer('a model folder', open, identifyAdapter);
describeKept('a model folder', open);

const rows = [
  {
    messages: [
      { role: 'user' as const, content: 'Hm?' },
      { role: 'assistant' as const, content: 'Ha.' },
    ],
  },
];
const recipe = parseRecipe({ method: 'lora', rank: 1, alpha: 1, learning_rate: 0.01, epochs: 3 });

describe('a model folder that is fine-tuned', () => {
  it('leaves an adapter, the log and the kept adapters, and none of what was only needed to go on', async () => {
    const folder = await makeTemporaryFolder();
    await (await open()).train({ rows, recipe, folder, keepSteps: [2] });
    expect((await readdir(folder)).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'checkpoints',
      'trained.json',
      'training.jsonl',
    ]);
    expect(await readdir(join(folder, 'checkpoints'))).toEqual(['step-2']);
    expect(await readdir(join(folder, 'checkpoints', 'step-2'))).not.toContain('optimizer.safetensors');
  });

  it('keeps fewer models where fewer are wanted the next time, and trains for more', async () => {
    const [folder, fresh] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
    const steps: number[] = [];
    const train = async (place: string, keepSteps: number[]) => {
      await (
        await open()
      ).train({ rows, recipe, folder: place, keepSteps }, { onStep: ({ step }) => steps.push(step) });
    };
    await train(folder, [1, 2]);
    await train(fresh, [2]);
    steps.length = 0;
    await train(folder, [2]);
    expect(steps).toEqual([]);
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(
      (await readdir(fresh, { recursive: true })).sort(),
    );
    expect(await readFile(join(folder, 'trained.json'), 'utf8')).toBe(
      await readFile(join(fresh, 'trained.json'), 'utf8'),
    );
    await train(folder, [1, 2]);
    expect(steps).toEqual([1, 2, 3]);
  });

  it('is tidied up where that was cut short', async () => {
    const folder = await makeTemporaryFolder();
    const train = async () => (await open()).train({ rows, recipe, folder, keepSteps: [2] });
    await train();
    const kept = join(folder, 'checkpoints', 'step-2');
    for (const leftover of ['step-1', 'step-3'])
      await cp(kept, join(folder, 'checkpoints', leftover), { recursive: true });
    await writeFile(join(kept, 'optimizer.safetensors'), '');
    const { steps } = await train();
    expect(steps).toBe(3);
    expect(await readdir(join(folder, 'checkpoints'))).toEqual(['step-2']);
    expect(await readdir(kept)).not.toContain('optimizer.safetensors');
  });

  it('is read only for a job that is not done', async () => {
    const model = await copyGolden('qwen2-bias');
    const folder = await makeTemporaryFolder();
    const train = async (where: string) => {
      const trainer = await openEmbeddedTrainer({
        model,
        modelHash: 'one',
        threads: 1,
        clock: () => performance.now(),
      });
      return trainer.train({ rows, recipe, folder: where });
    };
    const result = await train(folder);
    await rm(join(model, 'model.safetensors'));
    expect(await train(folder)).toEqual(result);
    const elsewhere = await makeTemporaryFolder();
    expect((await errorOf(() => train(elsewhere))).code).toBe('checkpoint-missing');
  });

  it('is trained again where its result is not what was written, or belongs to another model', async () => {
    const folder = await makeTemporaryFolder();
    const steps: number[] = [];
    const train = async (modelHash: string): Promise<void> => {
      await (await open(modelHash)).train({ rows, recipe, folder }, { onStep: ({ step }) => steps.push(step) });
    };
    await train('one');
    await train('one');
    expect(steps).toEqual([1, 2, 3]);
    await train('two');
    expect(steps).toHaveLength(6);
    await writeFile(join(folder, 'trained.json'), '{"job": 3');
    await train('two');
    expect(steps).toHaveLength(9);
  });

  it('refuses a recipe for whole models', async () => {
    const full = parseRecipe({ method: 'full', learning_rate: 0.01 });
    const folder = await makeTemporaryFolder();
    const error = await errorOf(async () => (await open()).train({ rows, recipe: full, folder }));
    expect(error).toMatchObject({ code: 'recipe-invalid' });
    expect(error.message).toContain('full');
  });
});
