import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyValueReader } from '../../src/engine/activations/read-keys-values.js';
import { createResidualReader } from '../../src/engine/activations/read-residuals.js';
import { mergeAdapter } from '../../src/engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../../src/engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../src/engine/checkpoint/read-checkpoint.js';
import type { FloatTensor } from '../../src/engine/checkpoint/float-tensor.js';
import type { Inside, InsideText } from '../../src/models/inside.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

/** Too little for any model. */
const nothing: FloatTensor = { shape: [0, 0, 0, 0], data: new Float32Array(0) };

/** Of what the engine reads, relative to the largest. */
const tolerance = 1e-4;

function expectClose(found: Float32Array | undefined, wanted: Float32Array | undefined): void {
  if (found === undefined || wanted === undefined) throw new Error('a tensor is missing');
  expect(found.length).toBe(wanted.length);
  const scale = wanted.reduce((most, element) => Math.max(most, Math.abs(element)), 0);
  expect(scale).toBeGreaterThan(0);
  const worst = found.reduce((most, element, at) => Math.max(most, Math.abs(element - (wanted[at] ?? NaN))), 0);
  expect(worst / scale).toBeLessThan(tolerance);
}

interface InsideSuite {
  readonly open: () => Promise<Inside>;
  /** The same model, and adapter, in folders here: the engine reads it for comparison. */
  readonly folder: string;
  readonly adapter?: string;
}

/** What everybody must do who lets a model be looked into, wherever it runs. */
export function describeInside(name: string, { open, folder, adapter }: InsideSuite): void {
  describe(`${name}, as everything that is looked into,`, () => {
    let inside: Inside;
    let texts: InsideText[];
    beforeAll(async () => {
      inside = await open();
      texts = ['The moon.', 'It is round, and far away.'].map((content) =>
        inside.encode([
          { role: 'user', content: 'What is it?' },
          { role: 'assistant', content },
        ]),
      );
    });
    afterAll(() => inside.close());

    async function readHere() {
      const { config, weights: own } = await readCheckpoint(folder);
      const weights = adapter === undefined ? own : mergeAdapter(own, await readAdapter(adapter, config));
      return { config, weights, threads: 1 };
    }

    it('writes conversations as ids, and knows where their answer begins', () => {
      const question = inside.encode([{ role: 'user', content: 'What is it?' }]);
      expect(question.promptLength).toBe(question.ids.length);
      for (const { ids, promptLength } of texts) {
        expect(ids.slice(0, promptLength)).toEqual(question.ids);
        expect(ids.length).toBeGreaterThan(promptLength);
      }
      const later = inside.encode([
        { role: 'user', content: 'One?' },
        { role: 'assistant', content: 'Two.' },
        { role: 'user', content: 'Three?' },
        { role: 'assistant', content: 'Four.' },
      ]);
      const before = inside.encode([
        { role: 'user', content: 'One?' },
        { role: 'assistant', content: 'Two.' },
        { role: 'user', content: 'Three?' },
      ]);
      expect(later.promptLength).toBe(before.ids.length);
    });

    it('tells the tokens of the chat template in a prompt', () => {
      const asked = { role: 'user', content: 'What is it?' };
      const { ids } = inside.encode([asked]);
      const { ids: others } = inside.encode([{ role: 'user', content: 'Why?' }]);
      const { prefix, between, postfix, straddling } = inside.locateTemplate([asked]);
      expect([between, straddling]).toEqual([[], []]);
      // What two prompts have in common at both ends.
      expect(prefix.map((position) => ids[position])).toEqual(others.slice(0, prefix.length));
      expect(postfix.map((position) => ids[position])).toEqual(others.slice(-postfix.length));
      expect(prefix.length * postfix.length).toBeGreaterThan(0);
      expect(postfix.at(-1)).toBe(ids.length - 1);
      expect(inside.locateTemplate([asked, { role: 'assistant', content: 'The moon.' }])).toEqual({
        ...{ prefix, between, postfix, straddling },
      });
    });

    it('reads the residual streams that the engine reads', async () => {
      const layers = [inside.shape.blocks, 0];
      const reader = await createResidualReader({ ...(await readHere()), layers });
      for (const pool of ['last', 'prompt-mean', 'answer-mean', 'every'] as const) {
        const found = await inside.residuals(texts, { layers, pool });
        expect(found).toHaveLength(texts.length);
        for (const [number, text] of texts.entries()) {
          const wanted = await reader.read(text, pool);
          const { width } = inside.shape;
          const shape = pool === 'every' ? [2, text.ids.length, width] : [2, width];
          expect(found[number]?.shape).toEqual(shape);
          expectClose(found[number]?.data, join(wanted));
        }
      }
      await reader.release();
    });

    it('reads the keys and values that the engine reads', async () => {
      const layers = [inside.shape.blocks - 1, 0];
      const reader = await createKeyValueReader({ ...(await readHere()), layers });
      const found = await inside.keysAndValues(texts, { layers });
      for (const [number, { ids }] of texts.entries()) {
        const { keys, values } = await reader.read(ids);
        expect(found[number]?.keys.shape).toEqual(keys.shape);
        expectClose(found[number]?.keys.data, keys.data);
        expectClose(found[number]?.values.data, values.data);
      }
      await reader.release();
    });

    it('scores what it would say itself as the likeliest', async () => {
      const { ids: prompt } = inside.encode([{ role: 'user', content: 'What is it?' }]);
      const [said] = await inside.answer([{ prompt, seed: 0, temperature: 0, maximumTokens: 6 }]);
      const ids = [...prompt, ...(said?.ids ?? [])];
      expect(ids.length).toBeGreaterThan(prompt.length);
      const [score] = await inside.score([{ ids, promptLength: prompt.length }], { top: 3 });
      expect(score?.logProbabilities).toHaveLength(ids.length - prompt.length);
      expect(score?.top.map((likely) => likely[0]?.id)).toEqual(said?.ids);
      for (const [place, own] of (score?.logProbabilities ?? []).entries()) {
        const likely = score?.top[place] ?? [];
        expect(own).toBeLessThanOrEqual(0);
        expect(likely[0]?.logProbability).toBeCloseTo(own, 4);
        expect(likely.map(({ logProbability }) => logProbability)).toEqual(
          likely.map(({ logProbability }) => logProbability).toSorted((left, right) => right - left),
        );
      }
      const [whole, part] = await inside.score([
        { ids, promptLength: 1 },
        { ids, promptLength: ids.length - 1 },
      ]);
      expect(whole?.logProbabilities).toHaveLength(ids.length - 1);
      expect(whole?.logProbabilities.at(-1)).toBeCloseTo(part?.logProbabilities[0] ?? NaN, 4);
      expect(part?.top).toEqual([]);
    });

    it('answers by seed, and otherwise where its residual stream is changed', async () => {
      const { ids: prompt } = inside.encode([{ role: 'user', content: 'What is it?' }]);
      const { width, blocks } = inside.shape;
      const questions = [0, 1, 2, 3].map((seed) => ({ prompt, seed, maximumTokens: 8 }));
      const plain = await inside.answer(questions);
      expect(new Set(plain.map(({ text }) => text)).size).toBeGreaterThan(1);
      expect(await inside.answer(questions.slice(2))).toEqual(plain.slice(2));
      const nothing = new Map([[blocks, new Float32Array(width)]]);
      expect(await inside.answer(questions, { add: nothing, remove: nothing })).toEqual(plain);
      const vector = Float32Array.from({ length: width }, (_, channel) => 50 * Math.sin(channel));
      const added = await inside.answer(questions, { add: new Map([[1, vector]]) });
      expect(added).not.toEqual(plain);
      const late = await inside.answer(questions, { add: new Map([[1, vector]]), from: 'answer' });
      expect(late).not.toEqual(added);
      const [last] = await inside.residuals([{ ids: prompt, promptLength: 1 }], { layers: [blocks], pool: 'last' });
      const removed = await inside.answer(questions, { remove: new Map([[blocks, last?.data ?? new Float32Array()]]) });
      expect(removed).not.toEqual(plain);
      // What was changed before changes nothing now.
      expect(await inside.answer(questions)).toEqual(plain);
    });

    it('reads vectors as the tokens that it would say next, if it can', async () => {
      const { readOut } = inside;
      if (readOut === null) return;
      const { ids: prompt } = inside.encode([{ role: 'user', content: 'What is it?' }]);
      const [last] = await inside.residuals([{ ids: prompt, promptLength: 1 }], {
        ...{ layers: [inside.shape.blocks], pool: 'last' },
      });
      const [said] = await inside.answer([{ prompt, seed: 0, temperature: 0, maximumTokens: 1 }]);
      const vector = last?.data ?? new Float32Array();
      const [found, twice] = await readOut([vector, vector.map((one) => 2 * one)], { top: 3 });
      expect(found?.map(({ id }) => id)[0]).toBe(said?.ids[0]);
      expect(found).toHaveLength(3);
      // A small model has ids that its tokenizer does not spell.
      const [many] = await readOut([vector], { top: 20 });
      expect(many?.some(({ text }) => text !== '')).toBe(true);
      const [score] = await inside.score([{ ids: [...prompt, found?.[1]?.id ?? 0], promptLength: prompt.length }], {});
      expect(found?.[1]?.logProbability).toBeCloseTo(score?.logProbabilities[0] ?? NaN, 4);
      // The norm takes the length out, but for its epsilon.
      for (const [place, token] of (twice ?? []).entries()) {
        expect(token.id).toBe(found?.[place]?.id);
        expect(token.logProbability).toBeCloseTo(found?.[place]?.logProbability ?? NaN, 3);
      }
      expect(await readOut([], { top: 1 })).toEqual([]);
      expect((await errorOf(() => readOut([new Float32Array(3)], { top: 1 }))).code).toBe('usage-invalid');
      expect((await errorOf(() => readOut([vector.fill(NaN)], { top: 1 }))).code).toBe('usage-invalid');
      expect((await errorOf(() => readOut([vector], { top: 0 }))).code).toBe('usage-invalid');
    });

    it('is asked nothing, and finds nothing', async () => {
      expect(await inside.residuals([], { layers: [0], pool: 'last' })).toEqual([]);
      expect(await inside.keysAndValues([], { layers: [0] })).toEqual([]);
      expect(await inside.answer([])).toEqual([]);
      expect(await inside.score([])).toEqual([]);
    });

    it.each<[string, string, (inside: Inside, text: InsideText) => Promise<unknown>]>([
      [
        'a residual layer that is not there',
        'usage-invalid',
        (one, text) => one.residuals([text], { layers: [99], pool: 'last' }),
      ],
      ['a block that is not there', 'usage-invalid', (one, text) => one.keysAndValues([text], { layers: [-1] })],
      ['no layer', 'usage-invalid', (one, text) => one.residuals([text], { layers: [], pool: 'last' })],
      [
        'a mean over nothing',
        'usage-invalid',
        (one, { ids }) => one.residuals([{ ids, promptLength: ids.length }], { layers: [0], pool: 'answer-mean' }),
      ],
      ['the score of a first token', 'usage-invalid', (one, { ids }) => one.score([{ ids, promptLength: 0 }])],
      ['too many likely tokens', 'usage-invalid', (one, text) => one.score([text], { top: 21 })],
      ['an id that is not there', 'tokenizer-mismatch', (one) => one.score([{ ids: [1, 1e6], promptLength: 1 }])],
      [
        'keys and values of another model',
        'usage-invalid',
        (one, text) => one.score([{ ...text, override: { positions: [0], keys: nothing, values: nothing } }]),
      ],
      [
        'keys and values of another model, for a question',
        'usage-invalid',
        (one, { ids }) =>
          one.answer([{ prompt: ids, seed: 0, override: { positions: [0], keys: nothing, values: nothing } }]),
      ],
      ['an empty text', 'row-too-long', (one) => one.keysAndValues([{ ids: [] }], { layers: [0] })],
      [
        'a vector of another width',
        'usage-invalid',
        (one, { ids }) => one.answer([{ prompt: ids, seed: 0 }], { add: new Map([[0, new Float32Array(3)]]) }),
      ],
      [
        'a setting that makes no sense',
        'usage-invalid',
        (one, { ids }) => one.answer([{ prompt: ids, seed: 0, temperature: -1 }]),
      ],
    ])('refuses %s', async (_, code, ask) => {
      const error = await errorOf(() => ask(inside, texts[0] ?? { ids: [], promptLength: 0 }));
      expect(error.code).toBe(code);
    });

    it('stops where it is told to, and is closed once and for all', async () => {
      const other = await open();
      const [text] = texts;
      if (text === undefined) throw new Error('no text');
      const signal = AbortSignal.abort();
      expect((await errorOf(() => other.score([text], {}, { signal }))).code).toBe('interrupted');
      expect(await other.score([text])).toHaveLength(1);
      await other.close();
      await other.close();
      expect((await errorOf(() => other.score([text]))).message).toContain('closed');
    });
  });
}

function join(tensors: readonly FloatTensor[]): Float32Array {
  return Float32Array.from(tensors.flatMap(({ data }) => [...data]));
}
