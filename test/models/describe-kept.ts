import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRecipe } from '../../src/engine/train/recipe.js';
import type { KeptDecision, Trainer } from '../../src/models/trainer.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const rows = [
  {
    messages: [
      { role: 'user' as const, content: 'Hm?' },
      { role: 'assistant' as const, content: 'Ha.' },
    ],
  },
];
const recipe = parseRecipe({ method: 'lora', rank: 1, alpha: 1, learning_rate: 0.01, epochs: 4 });

/** What a trainer that sees its trainings does with models that it keeps. */
export function describeKept(name: string, open: () => Promise<Trainer>): void {
  describe(`kept models of ${name}`, () => {
    /** Trains four steps of which two are kept; tells what happened in its order. */
    async function train(folder: string, decide: (step: number) => KeptDecision | Error): Promise<string[]> {
      const happened: string[] = [];
      const trainer = await open();
      await trainer
        .train(
          { rows, recipe, folder, keepSteps: [1, 3] },
          {
            onStep: ({ step }) => happened.push(`step ${String(step)}`),
            onKept: async (step, model) => {
              // It is whole when it is told.
              if (model.kind === 'adapter') await readFile(join(model.folder, 'state.json'));
              happened.push(`kept ${String(step)}`);
              const decision = decide(step);
              if (decision instanceof Error) throw decision;
              return decision;
            },
          },
        )
        .catch((cause: unknown) => {
          happened.push(cause instanceof Error ? ('code' in cause ? String(cause.code) : cause.message) : 'unknown');
        });
      return happened;
    }

    it('are told before the next step, and change nothing', async () => {
      const [bare, watched] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
      await (await open()).train({ rows, recipe, folder: bare, keepSteps: [1, 3] });
      expect(await train(watched, () => 'go-on')).toEqual([
        ...['step 1', 'kept 1', 'step 2', 'step 3', 'kept 3', 'step 4'],
      ]);
      for (const file of ['adapter_model.safetensors', 'training.jsonl', 'trained.json'])
        expect((await readFile(join(watched, file))).equals(await readFile(join(bare, file)))).toBe(true);
      // What is finished is not told again.
      expect(await train(watched, () => 'stop')).toEqual([]);
    });

    it('stop a training that goes on from there, and are told again first', async () => {
      const [bare, stopped] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
      await (await open()).train({ rows, recipe, folder: bare, keepSteps: [1, 3] });
      expect(await train(stopped, () => 'stop')).toEqual(['step 1', 'kept 1', 'alarm-raised']);
      expect(await train(stopped, () => 'stop')).toEqual(['kept 1', 'alarm-raised']);
      expect(await train(stopped, (step) => (step === 3 ? 'stop' : 'go-on'))).toEqual([
        ...['kept 1', 'step 2', 'step 3', 'kept 3', 'alarm-raised'],
      ]);
      expect(await train(stopped, () => 'go-on')).toEqual(['kept 1', 'kept 3', 'step 4']);
      const file = 'adapter_model.safetensors';
      expect((await readFile(join(stopped, file))).equals(await readFile(join(bare, file)))).toBe(true);
    });

    it('end a training where looking at them fails, and it goes on when called again', async () => {
      const folder = await makeTemporaryFolder();
      expect(await train(folder, () => new Error('no disk'))).toEqual(['step 1', 'kept 1', 'no disk']);
      expect((await train(folder, () => 'go-on')).at(-1)).toBe('step 4');
      const failed = await errorOf(async () =>
        (await open()).train(
          { rows, recipe, folder: await makeTemporaryFolder(), keepSteps: [1] },
          { onKept: () => Promise.resolve('stop') },
        ),
      );
      expect(failed).toMatchObject({ code: 'alarm-raised', exitCode: 3, details: { step: 1 } });
    });
  });
}
