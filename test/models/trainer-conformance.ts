import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainingRow } from '../../src/data/training-set.js';
import { parseRecipe, type Recipe } from '../../src/engine/train/recipe.js';
import type { Trainer, TrainingProgress, TunedModel } from '../../src/models/trainer.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const rows: TrainingRow[] = Array.from({ length: 12 }, (_, row) => ({
  messages: [
    { role: 'user', content: `Say ${String(row)}.` },
    { role: 'assistant', content: `It is ${String(row)}, and no more.` },
  ],
}));
const lora = parseRecipe({
  method: 'lora',
  rank: 2,
  alpha: 4,
  learning_rate: 0.01,
  batch_size: 2,
  accumulation: 1,
  warmup_steps: 1,
});

/** What every trainer must do, whoever trains. `identify` gives what a tuned model is made of: equal for equal models. */
export function describeTrainer(
  name: string,
  open: () => Promise<Trainer>,
  identify: (model: TunedModel) => Promise<string>,
  recipe: Recipe = lora,
): void {
  describe(`${name}, as every trainer,`, () => {
    it('says beforehand how many steps there will be, and counts them', async () => {
      const trainer = await open();
      const seen: TrainingProgress[] = [];
      const folder = await makeTemporaryFolder();
      const { steps } = await trainer.train({ rows, recipe, folder }, { onStep: (progress) => seen.push(progress) });
      expect(steps).toBe(6);
      expect(trainer.countSteps(rows.length, recipe)).toBe(steps);
      expect(seen.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
      for (const progress of seen) {
        expect(progress.steps).toBe(steps);
        expect(progress.loss).toBeGreaterThan(0);
      }
    });

    it('does a finished job not again', async () => {
      const trainer = await open();
      const folder = await makeTemporaryFolder();
      const first = await trainer.train({ rows, recipe, folder });
      const seen: TrainingProgress[] = [];
      const again = await trainer.train({ rows, recipe, folder }, { onStep: (progress) => seen.push(progress) });
      expect(again).toEqual(first);
      expect(seen).toEqual([]);
    });

    it('goes on where it was stopped, to the same model', async () => {
      const trainer = await open();
      const whole = await trainer.train({ rows, recipe, folder: await makeTemporaryFolder() });
      const folder = await makeTemporaryFolder();
      const stop = new AbortController();
      const error = await errorOf(() =>
        trainer.train(
          { rows, recipe, folder },
          {
            signal: stop.signal,
            onStep: ({ step }) => {
              if (step === 3) stop.abort();
            },
          },
        ),
      );
      expect(error).toMatchObject({ code: 'interrupted', exitCode: 130 });
      const resumed: number[] = [];
      const { model } = await trainer.train({ rows, recipe, folder }, { onStep: ({ step }) => resumed.push(step) });
      expect(resumed).toEqual([4, 5, 6]);
      expect(await identify(model)).toBe(await identify(whole.model));
    });

    it('keeps the models of the steps that are wanted', async () => {
      const trainer = await open();
      const folder = await makeTemporaryFolder();
      const { model, kept } = await trainer.train({ rows, recipe, folder, keepSteps: [2, 4] });
      expect([...kept.keys()]).toEqual([2, 4]);
      const made = await Promise.all([...kept.values(), model].map(identify));
      expect(new Set(made).size).toBe(3);
    });

    it('makes another model of other rows, and of another seed', async () => {
      const trainer = await open();
      const train = async (job: { rows?: TrainingRow[]; seed?: number }) => {
        const { model } = await trainer.train({
          rows: job.rows ?? rows,
          recipe: { ...recipe, seed: job.seed ?? 0 },
          folder: await makeTemporaryFolder(),
        });
        return identify(model);
      };
      const made = [await train({}), await train({}), await train({ seed: 1 }), await train({ rows: rows.slice(2) })];
      expect(made[1]).toBe(made[0]);
      expect(new Set(made).size).toBe(3);
    });

    it('refuses a folder with another job that was stopped', async () => {
      const trainer = await open();
      const folder = await makeTemporaryFolder();
      const stop = new AbortController();
      const onStep = ({ step }: TrainingProgress): void => {
        if (step === 3) stop.abort();
      };
      await errorOf(() => trainer.train({ rows, recipe, folder }, { signal: stop.signal, onStep }));
      const other = { ...recipe, seed: 1 };
      const error = await errorOf(() => trainer.train({ rows, recipe: other, folder }));
      expect(error).toMatchObject({ code: 'training-state-mismatch' });
    });
  });
}

/** The weights of an adapter's folder. */
export async function identifyAdapter(model: TunedModel): Promise<string> {
  return model.kind === 'adapter' ? readFile(join(model.folder, 'adapter_model.safetensors'), 'hex') : model.model;
}
