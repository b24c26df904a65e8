import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
// The process's file exists in the built package only; `npm test` builds before it tests.
import { openModelProcess, type ModelProcess } from '../../../dist/models/embedded/open-model-process.js';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { openEmbeddedTrainer } from '../../../src/models/embedded/open-embedded-trainer.js';
import type { Sampler } from '../../../src/models/sampler.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { listChildren } from './list-children.js';
import { describeKept } from '../describe-kept.js';
import { describeSampler } from '../sampler-conformance.js';
import { describeTrainer, identifyAdapter } from '../trainer-conformance.js';

const model = goldenFolder('qwen2-bias');
const start = (modelHash = 'one'): ModelProcess => openModelProcess({ model, modelHash, threads: 1 });

const openTrainer = () => {
  const one = start();
  onTestFinished(() => one.close());
  return one.openTrainer();
};
describeTrainer('a model folder in a process of its own', openTrainer, identifyAdapter);
describeKept('a model folder in a process of its own', openTrainer);

describeSampler('a model folder in a process of its own', async () => {
  const one = start();
  const sampler = await one.openSampler(null);
  return {
    ...sampler,
    close: async () => {
      await sampler.close();
      await one.close();
    },
  } satisfies Sampler;
});

const messages = [{ role: 'user' as const, content: 'Tell me about the moon.' }];
const rows = Array.from({ length: 8 }, (_, row) => ({
  messages: [...messages, { role: 'assistant' as const, content: `It is ${String(row)}.` }],
}));
const recipe = parseRecipe({ method: 'lora', rank: 1, alpha: 1, learning_rate: 0.01, batch_size: 2, accumulation: 1 });

const isAlive = (id: number): boolean => {
  try {
    return process.kill(id, 0);
  } catch {
    return false;
  }
};

describe('a process that runs a model', { timeout: 240_000 }, () => {
  it('leaves what is trained without one, byte for byte', async () => {
    const one = start();
    onTestFinished(() => one.close());
    const [here, there] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
    const trainer = await openEmbeddedTrainer({ model, modelHash: 'one', threads: 2, clock: () => 0 });
    await trainer.train({ rows, recipe, folder: here, keepSteps: [2] });
    const result = await (await one.openTrainer()).train({ rows, recipe, folder: there, keepSteps: [2] });
    expect(result.steps).toBe(4);
    for (const name of ['adapter_model.safetensors', 'training.jsonl', 'trained.json'])
      expect(await readFile(join(there, name), 'hex')).toBe(await readFile(join(here, name), 'hex'));
    expect(await readdir(join(there, 'checkpoints'))).toEqual(['step-2']);
  });

  it('is not started for a job that is done', async () => {
    const folder = await makeTemporaryFolder();
    const one = start();
    const first = await (await one.openTrainer()).train({ rows, recipe, folder });
    await one.close();
    const before = await listChildren(process.pid);
    const other = start();
    expect(await (await other.openTrainer()).train({ rows, recipe, folder })).toEqual(first);
    expect(await listChildren(process.pid)).toEqual(before);
    await other.close();
  });

  it('tells what is wrong in the words of the engine', async () => {
    const one = start();
    onTestFinished(() => one.close());
    const full = parseRecipe({ method: 'full', learning_rate: 0.01 });
    const trainer = await one.openTrainer();
    const error = await errorOf(async () => trainer.train({ rows, recipe: full, folder: await makeTemporaryFolder() }));
    expect(error.code).toBe('recipe-invalid');
    expect((await errorOf(() => one.openSampler('/nowhere'))).message).toContain('nowhere');
  });

  it.runIf(process.platform === 'linux')('that is killed loses nothing, and says what to do', async () => {
    const folder = await makeTemporaryFolder();
    const before = await listChildren(process.pid);
    const one = start();
    const trainer = await one.openTrainer();
    const steps: number[] = [];
    const error = await errorOf(() =>
      trainer.train(
        { rows, recipe: { ...recipe, epochs: 100 }, folder },
        {
          onStep: ({ step }) => {
            steps.push(step);
            if (step !== 60) return;
            listChildren(process.pid)
              .then((now) => {
                for (const id of now.filter((child) => !before.includes(child))) process.kill(id, 'SIGKILL');
              })
              .catch(() => undefined);
          },
        },
      ),
    );
    expect(error).toMatchObject({ code: 'engine-failed', message: expect.stringContaining('SIGKILL') });
    expect(error.hint).toContain('--cells-at-once 1');
    expect((await errorOf(() => one.openSampler(null))).code).toBe('engine-failed');
    await one.close();
    const other = start();
    onTestFinished(() => other.close());
    const resumed: number[] = [];
    const { model: made } = await (
      await other.openTrainer()
    ).train({ rows, recipe: { ...recipe, epochs: 100 }, folder }, { onStep: ({ step }) => resumed.push(step) });
    // States are saved every 50 steps.
    expect(resumed[0]).toBeGreaterThan(50);
    const fresh = await (
      await other.openTrainer()
    ).train({ rows, recipe: { ...recipe, epochs: 100 }, folder: await makeTemporaryFolder() });
    expect(await identifyAdapter(made)).toBe(await identifyAdapter(fresh.model));
  });

  it.runIf(process.platform === 'linux')('hands out the answers that came before it was killed', async () => {
    const before = await listChildren(process.pid);
    const one = start();
    const sampler = await one.openSampler(null);
    let answers = 0;
    const error = await errorOf(async () => {
      for await (const { text } of sampler.sample([{ messages, count: 4000, maximumTokens: 20 }])) {
        answers += Number(text.length >= 0);
        if (answers === 1)
          for (const id of await listChildren(process.pid)) if (!before.includes(id)) process.kill(id, 'SIGKILL');
      }
    });
    expect(error.code).toBe('engine-failed');
    expect(answers).toBeGreaterThan(0);
    await sampler.close();
    await one.close();
  });

  it.runIf(process.platform === 'linux')('ends when its parent is killed, and ignores Ctrl-C', async () => {
    const module = fileURLToPath(new URL('../../../dist/models/embedded/open-model-process.js', import.meta.url));
    const program = `
      const { openModelProcess } = await import(${JSON.stringify(module)});
      const one = openModelProcess(${JSON.stringify({ model, modelHash: 'one', threads: 1 })});
      const sampler = await one.openSampler(null);
      console.log('ready');
      for await (const _ of sampler.sample([{ messages: ${JSON.stringify(messages)}, count: 100000 }]));
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    const [child = 0, ...others] = await listChildren(parent.pid ?? 0);
    expect([isAlive(child), others]).toEqual([true, []]);
    process.kill(child, 'SIGINT');
    await wait(200);
    expect(isAlive(child)).toBe(true);
    parent.kill('SIGKILL');
    await once(parent, 'close');
    while (isAlive(child)) await wait(20);
  });
});
