import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { OwnModel } from '../../src/models/own-model.js';
import {
  listSamplingCalls,
  samplerClosed,
  samplerStopped,
  type FirstToken,
  type Sampler,
} from '../../src/models/sampler.js';
import type { Trainer, TunedModel } from '../../src/models/trainer.js';
import { DriftlineError } from '../../src/foundation/driftline-error.js';

/**
 * A caller's model: it says words of its own, and those of the answers that it was trained on. What it says follows
 * from the conversation, its training and the seed.
 */
export function createParrot(words: readonly string[]): OwnModel {
  return {
    identity: `parrot of ${words.join(' ')}`,
    openSampler: async (tuned) => createSampler(tuned === null ? words : await readWords(tuned, words)),
    openTrainer: () => trainer,
  };
}

function createSampler(words: readonly string[]): Sampler {
  let isClosed = false;
  return {
    sample: async function* (requests, options = {}) {
      const calls = listSamplingCalls(requests, options);
      if (isClosed) throw samplerClosed();
      for (const { request, index, seed, settings } of calls) {
        if (options.signal?.aborted === true || options.leave?.aborted === true) throw samplerStopped();
        const { messages, temperature, maximumTokens, likeliest } = settings;
        const wanted = 8 + (hash(messages, temperature === 0 ? 0 : seed).readUInt16BE() % 60);
        const tokens = Math.min(wanted, maximumTokens);
        const said = Array.from({ length: tokens }, (_, place) => {
          const drawn = hash(messages, temperature === 0 ? 0 : seed, place).readUInt16BE();
          return words[drawn % words.length];
        });
        const finishReason = tokens < wanted ? 'length' : 'stop';
        const answer = { request, index, seed, text: said.join(' '), finishReason, tokens } as const;
        yield likeliest === 0 ? answer : { ...answer, first: listFirst(words, messages).slice(0, likeliest) };
        await new Promise(setImmediate);
      }
    },
    close: async () => {
      isClosed = true;
    },
  };
}

/** What it may begin with: the word at temperature 0 first, each half as likely as the one before. */
function listFirst(words: readonly string[], messages: unknown): FirstToken[] {
  const start = hash(messages, 0, 0).readUInt16BE() % words.length;
  const ordered = [...new Set([...words.slice(start), ...words.slice(0, start)])];
  return ordered.map((token, place) => ({ token, probability: 0.5 ** (place + 1) }));
}

const stateSchema = z.object({ job: z.string(), step: z.int(), weights: z.string(), words: z.array(z.string()) });
type State = z.output<typeof stateSchema>;

const trainer: Trainer = {
  countSteps: (rows, { batch_size: batch, accumulation, epochs }) => Math.ceil(rows / (batch * accumulation)) * epochs,
  train: async ({ rows, recipe, folder, keepSteps = [] }, { signal, onStep } = {}) => {
    const job = hash(rows, recipe).toString('hex');
    const steps = trainer.countSteps(rows.length, recipe);
    const batch = Math.ceil((rows.length * recipe.epochs) / steps);
    await mkdir(folder, { recursive: true });
    let state = (await readState(folder)) ?? { job, step: 0, weights: '', words: [] };
    if (state.job !== job)
      throw new DriftlineError({
        code: 'training-state-mismatch',
        message: `${folder} has another training`,
        hint: 'Choose another folder.',
      });
    const kept = new Map<number, TunedModel>();
    for (const step of keepSteps) kept.set(step, { kind: 'adapter', folder: join(folder, `step-${String(step)}`) });
    while (state.step < steps) {
      if (signal?.aborted === true)
        throw new DriftlineError({ code: 'interrupted', message: 'stopped', hint: 'Train again: it goes on.' });
      const [step, learnt] = [state.step + 1, rows.slice(state.step * batch, (state.step + 1) * batch)];
      const words = learnt.flatMap(({ messages }) => messages.at(-1)?.content.split(' ') ?? []);
      state = {
        ...{ job, step, words: [...state.words, ...words] },
        weights: hash(state.weights, learnt, recipe.seed).toString('hex'),
      };
      await writeState(folder, state);
      if (kept.has(step)) await writeState(join(folder, `step-${String(step)}`), state);
      onStep?.({ step, steps, loss: 1 / step, millisecondsLeft: steps - step });
    }
    return { model: { kind: 'adapter', folder }, kept, steps };
  },
};

/** What a trained parrot is made of. */
export async function identifyParrot(model: TunedModel): Promise<string> {
  return model.kind === 'named' ? model.model : ((await readState(model.folder))?.weights ?? '');
}

async function readWords(model: TunedModel, words: readonly string[]): Promise<readonly string[]> {
  const learnt = model.kind === 'named' ? undefined : (await readState(model.folder))?.words;
  return [...words, ...(learnt ?? [])];
}

async function readState(folder: string): Promise<State | null> {
  const text = await readFile(join(folder, 'parrot.json'), 'utf8').catch(() => null);
  return text === null ? null : stateSchema.parse(JSON.parse(text));
}

async function writeState(folder: string, state: State): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'parrot.json'), JSON.stringify(state));
}

function hash(...parts: readonly unknown[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}
