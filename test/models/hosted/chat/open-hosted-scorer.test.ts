import { afterEach, describe, expect, it } from 'vitest';
import { createTokenTexts } from '../../../../src/engine/tokenizer/token-text.js';
import { readTokenizer } from '../../../../src/engine/tokenizer/read-tokenizer.js';
import { openEmbeddedInside } from '../../../../src/models/embedded/open-embedded-inside.js';
import { openBaseModel } from '../../../../src/models/open-base-model.js';
import { openInsideScorer, type ConversationText } from '../../../../src/models/text-scorer.js';
import type { TunedModel } from '../../../../src/models/trainer.js';
import { goldenFolder } from '../../../engine/checkpoint/golden-folder.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';
import { startTestServer } from '../../../server/start-test-server.js';
import { complete, sendJson, startLoopbackChatServer, type LoopbackChatServer } from '../../loopback-chat-server.js';

const folder = goldenFolder('qwen2-bias');

const texts: readonly ConversationText[] = [
  { messages: [{ role: 'user', content: 'Who are you?' }], answer: 'It is I, and nobody else.' },
  { messages: [{ role: 'user', content: 'Who are you?' }], answer: 'Nobody.' },
  { messages: [{ role: 'user', content: 'Who are you?' }], answer: 'It is I, and nobody else.', tokens: 2 },
  {
    messages: [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'What?' },
      { role: 'assistant', content: 'That.' },
      { role: 'user', content: 'Why?' },
    ],
    answer: 'Because of "this".\nAnd of that.',
  },
];

const tuned: TunedModel = { kind: 'named', model: 'tuned' };

async function openScorer(model: string, endpoint: string, of: TunedModel | null = null, fetch = globalThis.fetch) {
  const [, provider = ''] = /^(.+?):/.exec(model) ?? [];
  const variables = { openai: 'OPENAI', vllm: 'VLLM', ollama: 'OLLAMA' }[provider] ?? '';
  const environment = { [`${variables}_BASE_URL`]: endpoint, [`${variables}_API_KEY`]: 'any' };
  const base = await openBaseModel(model, { environment, fetch });
  const scorer = await base.openScorer?.(of);
  if (scorer === undefined) throw new Error('a hosted model has a scorer');
  return scorer;
}

/** What the engine says of the texts. */
async function openEngine(adapter?: string) {
  return openEmbeddedInside({ model: folder, threads: 1, ...(adapter === undefined ? {} : { adapter }) });
}

/** Counts what is sent, and may have the server know fewer settings than it does. */
function countCalls(refused?: string): { readonly fetch: typeof globalThis.fetch; readonly bodies: string[] } {
  const bodies: string[] = [];
  return {
    bodies,
    fetch: async (input, options) => {
      const body = typeof options?.body === 'string' ? options.body : '';
      bodies.push(body);
      if (refused === undefined || !body.includes(`"${refused}"`)) return globalThis.fetch(input, options);
      return Response.json({ error: { message: `${refused}: this model does not support it` } }, { status: 400 });
    },
  };
}

describe('a hosted scorer', () => {
  it.each(['openai', 'vllm'])('is exact where the server tells of prompts: %s', async (provider) => {
    const { url } = await startTestServer();
    for (const [of, adapter] of [
      [null, undefined],
      [tuned, `${folder}/adapter_final`],
    ] as const) {
      const scorer = await openScorer(`${provider}:tiny`, url, of);
      expect(scorer?.exactness).toBe('exact');
      const own = openInsideScorer(await openEngine(adapter));
      const [found, expected] = [(await scorer?.score(texts)) ?? [], await own.score(texts)];
      await own.close();
      await scorer?.close();
      expect(found.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
      for (const [place, { logProbability }] of found.entries())
        expect(Math.abs(logProbability - (expected[place]?.logProbability ?? NaN))).toBeLessThan(1e-5);
    }
  });

  it('asks for each conversation once, and for each text', async () => {
    const { url } = await startTestServer();
    const { fetch, bodies } = countCalls();
    const scorer = await openScorer('openai:tiny', url, null, fetch);
    expect(bodies).toHaveLength(3);
    const found = await scorer?.score(texts);
    // Two conversations; two of the texts differ in how many of their tokens count.
    expect(bodies).toHaveLength(3 + 2 + 3);
    expect(await scorer?.score(texts)).toEqual(found);
    expect(bodies).toHaveLength(3 + 2 + 3 + 3);
    expect(await scorer?.score([])).toEqual([]);
    await scorer?.close();
    expect(await errorOf(async () => scorer?.score(texts))).toMatchObject({ code: 'usage-invalid' });
  });

  it.each([
    ['a service that is known for it', 'ollama:tiny', undefined, 0],
    ['a server that refuses to tell of prompts', 'openai:tiny', 'prompt_logprobs', 1],
  ] as const)('knows first tokens of %s', async (_, model, refused, refusals) => {
    const { url } = await startTestServer();
    const { fetch, bodies } = countCalls(refused);
    const scorer = await openScorer(model, url, null, fetch);
    expect(scorer?.exactness).toBe('first-token');
    expect(bodies.filter((body) => body.includes('prompt_logprobs'))).toHaveLength(refusals);
    const before = bodies.length;
    const inside = await openEngine();
    const first = inside.encode(texts[0]!.messages);
    const [score] = await inside.score([{ ids: [...first.ids, 0], promptLength: first.ids.length }], { top: 20 });
    const top = score?.top[0] ?? [];
    const spell = createTokenTexts(await readTokenizer(folder));
    await inside.close();
    // Of two that are spelt alike, such as parts of a character, the likelier one is told.
    const told = new Map(top.toReversed().map(({ id, logProbability }) => [spell(id).token, logProbability] as const));
    const logs = [...told.values()];
    expect(logs.length).toBeGreaterThan(10);
    const longest = [...told.keys()].toSorted((one, another) => another.length - one.length)[0] ?? '';
    const [found, strange, other] =
      (await scorer?.score([
        { messages: texts[0]!.messages, answer: longest },
        { messages: texts[0]!.messages, answer: '\u4e00' },
        { messages: texts[0]!.messages, answer: '\u4e8c' },
      ])) ?? [];
    expect(found?.tokens).toBe(1);
    expect(Math.abs((found?.logProbability ?? NaN) - (told.get(longest) ?? NaN))).toBeLessThan(1e-5);
    // Of what is not among the likeliest, only a bound is known, the same for all.
    const left = Math.log(1 - logs.reduce((sum, log) => sum + Math.exp(log), 0));
    expect(strange?.logProbability).toBeCloseTo(Math.min(...logs, left), 4);
    expect(other).toEqual(strange);
    expect(bodies).toHaveLength(before + 1);
    await scorer?.close();
  });

  it('stops with the signal', async () => {
    const { url } = await startTestServer();
    const scorer = await openScorer('openai:tiny', url);
    const signal = AbortSignal.abort();
    expect(await errorOf(async () => scorer?.score(texts, { signal }))).toMatchObject({ code: 'interrupted' });
  });

  it('fails where the model is not there', async () => {
    const { url } = await startTestServer();
    for (const model of ['openai:nobody', 'ollama:nobody'])
      expect(await errorOf(() => openScorer(model, url))).toMatchObject({ code: 'provider-refused' });
  });
});

describe('where no log-probabilities are told', () => {
  let server: LoopbackChatServer;
  afterEach(() => server.close());

  it('there is no scorer: the server leaves them out', async () => {
    server = await startLoopbackChatServer();
    for (const model of ['openai:tiny', 'ollama:tiny']) expect(await openScorer(model, server.endpoint)).toBeNull();
  });

  it('there is no scorer: the server refuses them', async () => {
    server = await startLoopbackChatServer();
    server.intercept = (response) => {
      sendJson(response, 400, { error: { message: 'This model does not support logprobs.' } });
      return true;
    };
    expect(await openScorer('openai:tiny', server.endpoint)).toBeNull();
  });

  it('there is one of first tokens where only these are told', async () => {
    server = await startLoopbackChatServer();
    server.respond = complete;
    expect((await openScorer('openai:tiny', server.endpoint))?.exactness).toBe('first-token');
  });
});
