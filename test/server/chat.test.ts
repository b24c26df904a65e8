import { describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/engine/checkpoint/read-checkpoint.js';
import { encodePrompt } from '../../src/engine/tokenizer/encode-chat.js';
import { readTokenizer } from '../../src/engine/tokenizer/read-tokenizer.js';
import { openEmbeddedSampler } from '../../dist/models/embedded/open-embedded-sampler.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { openRunner, readLogProbabilities } from '../engine/sample/sample-all.js';
import { ask, startTestServer } from './start-test-server.js';

const folder = goldenFolder('qwen2-bias');

async function answersOfEngine(seed: number, count: number, adapter?: string): Promise<string[]> {
  const sampler = await openEmbeddedSampler({
    model: folder,
    threads: 1,
    ...(adapter === undefined ? {} : { adapter }),
  });
  const answers: string[] = [];
  const request = { messages: ask('Who are you?').messages as [never], count, seed, maximumTokens: 12 };
  for await (const { index, text } of sampler.sample([request])) answers[index] = text;
  await sampler.close();
  return answers;
}

describe('chat completions', () => {
  it('are what the engine answers to the same seeds, of models and of adapters', async () => {
    const { client } = await startTestServer();
    for (const model of ['tiny', 'tuned']) {
      const completion = await client.chat.completions.create(ask('Who are you?', { model, seed: 5, n: 3 }));
      expect(completion.choices.map(({ message }) => message.content)).toEqual(
        await answersOfEngine(5, 3, model === 'tuned' ? `${folder}/adapter_final` : undefined),
      );
      expect(completion.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
      expect(completion.model).toBe(model);
      expect(completion.usage?.total_tokens).toBe(
        (completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0),
      );
    }
  });

  it('tell the seed that was drawn where none was given, by which they can be had again', async () => {
    const { client } = await startTestServer();
    const first = await client.chat.completions.create(ask('Hm?'));
    const other = await client.chat.completions.create(ask('Hm?'));
    // Driftline's own, beside the fingerprint.
    const seedOf = (completion: object) => (completion as { seed: number }).seed;
    expect(seedOf(other)).not.toBe(seedOf(first));
    expect(first).toMatchObject({ system_fingerprint: `driftline-seed-${seedOf(first)}` });
    const again = await client.chat.completions.create(ask('Hm?', { seed: seedOf(first) }));
    expect(again.choices).toEqual(first.choices);
  });

  it('have the log-probabilities of the logits, with the likeliest tokens', async () => {
    const { client } = await startTestServer();
    const request = ask('Who are you?', { seed: 1, logprobs: true, top_logprobs: 20, temperature: 0.7 });
    const { choices, usage } = await client.chat.completions.create(request);
    const tokens = choices[0]?.logprobs?.content ?? [];
    expect(tokens).toHaveLength(usage?.completion_tokens ?? -1);
    expect(tokens.length).toBeGreaterThan(3);

    const tokenizer = await readTokenizer(folder);
    const golden = await readCheckpoint(folder);
    const prompt = encodePrompt(tokenizer, request.messages);
    const idOf = new Map(
      Array.from({ length: tokenizer.size }, (_, id) => [tokenizer.decode([id]), id] as const).toReversed(),
    );
    const row = [...prompt];
    for (const { token, logprob, top_logprobs: top, bytes } of tokens) {
      const logits = await readLogProbabilities(golden, await openRunner(golden), row);
      const expected = logits.at(-1)!;
      expect(top.map((one) => one.logprob)).toEqual([...top.map((one) => one.logprob)].sort((a, b) => b - a));
      expect(top).toHaveLength(20);
      expect(top[0]?.logprob).toBeCloseTo(Math.max(...expected), 4);
      const id = idOf.get(token);
      // Tokens that end inside a character have no text of their own to be found by.
      if (token.includes('\uFFFD') || id === undefined) break;
      expect(logprob).toBeCloseTo(expected[id]!, 4);
      expect(Buffer.from(bytes ?? []).toString()).toBe(token);
      row.push(id);
    }
    expect(row.length).toBeGreaterThan(prompt.length);
  });

  it('stream what they say otherwise, with log-probabilities and usage where these are wanted', async () => {
    const { client } = await startTestServer();
    const request = ask('Tell me all.', { n: 2, seed: 3, logprobs: true, top_logprobs: 2 });
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ['', ''];
    const tokens: string[][] = [[], []];
    const reasons: (string | null)[] = [null, null];
    let usage: unknown = null;
    let count = 0;
    for await (const chunk of stream) {
      count += 1;
      if (chunk.usage !== null && chunk.usage !== undefined) ({ usage } = chunk);
      for (const { index, delta, logprobs, finish_reason: reason } of chunk.choices) {
        expect(reasons[index]).toBeNull();
        texts[index] = (texts[index] ?? '') + (delta.content ?? '');
        tokens[index]?.push(...(logprobs?.content ?? []).map(({ token }) => token));
        reasons[index] = reason;
      }
    }
    expect(count).toBeGreaterThan(8);
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content));
    expect(tokens).toEqual(whole.choices.map(({ logprobs }) => logprobs?.content?.map(({ token }) => token)));
    expect(reasons).toEqual(whole.choices.map(({ finish_reason: reason }) => reason));
    expect(usage).toEqual(whole.usage);
  });

  it('end before a stop text, streamed or not', async () => {
    const { client } = await startTestServer();
    const request = ask('Tell me all.', { seed: 3, max_tokens: 60 });
    const text = (await client.chat.completions.create(request)).choices[0]?.message.content ?? '';
    const stop = text.slice(20, 23);
    expect(stop).toHaveLength(3);
    const expected = text.slice(0, text.indexOf(stop));
    const settings = { ...request, stop: ['never said at all', stop], logprobs: true };
    const cut = await client.chat.completions.create(settings);
    expect(cut.choices[0]?.message.content).toBe(expected);
    expect(cut.choices[0]?.finish_reason).toBe('stop');
    expect(cut.usage?.completion_tokens).toBe(cut.choices[0]?.logprobs?.content?.length);
    let streamed = '';
    for await (const { choices } of await client.chat.completions.create({ ...settings, stream: true }))
      streamed += choices[0]?.delta.content ?? '';
    expect(streamed).toBe(expected);
  });

  it('heed temperature, top_p, system prompts and the form of contents', async () => {
    const { client } = await startTestServer();
    const textOf = async (changes: object): Promise<string> => {
      const completion = await client.chat.completions.create(ask('Hello?', { seed: 0, ...changes, stream: false }));
      return completion.choices[0]?.message.content ?? '';
    };
    const greedy = await textOf({ temperature: 0 });
    expect(await textOf({ temperature: 0, seed: 9 })).toBe(greedy);
    expect(await textOf({ top_p: 0 })).toBe(greedy);
    expect(await textOf({ seed: 9 })).not.toBe(greedy);
    const user = { role: 'user', content: 'Hello?' };
    const system = await textOf({ temperature: 0, messages: [{ role: 'system', content: 'Be kind.' }, user] });
    expect(system).not.toBe(greedy);
    expect(await textOf({ temperature: 0, messages: [{ role: 'developer', content: 'Be kind.' }, user] })).toBe(system);
    const parts = [
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo?' },
    ];
    expect(await textOf({ temperature: 0, messages: [{ role: 'user', content: parts }] })).toBe(greedy);
  });

  it('of many clients at once are those of each alone', async () => {
    const { client } = await startTestServer();
    const request = (seed: number) => ask(`Number ${seed % 7}?`, { seed, n: 1 + (seed % 3), max_tokens: 3 + seed });
    const together = await Promise.all(
      Array.from({ length: 24 }, (_, seed) => client.chat.completions.create(request(seed))),
    );
    for (const [seed, { choices }] of together.entries()) {
      if (seed % 4 === 0) expect((await client.chat.completions.create(request(seed))).choices).toEqual(choices);
    }
  });
});

describe('models', () => {
  it('are listed, and found by their names', async () => {
    const { client } = await startTestServer();
    const listed = await client.models.list();
    expect(listed.data.map(({ id }) => id)).toEqual(['tiny', 'tuned']);
    expect(await client.models.retrieve('tuned')).toMatchObject({ id: 'tuned', object: 'model', parent: 'tiny' });
    await expect(client.models.retrieve('tinny')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    await expect(client.models.retrieve('../../etc/passwd')).rejects.toMatchObject({ status: 404 });
  });

  it('make place for each other in memory', async () => {
    const { client } = await startTestServer({ limits: { loadedModels: 1 } });
    const create = (model: string) => client.chat.completions.create(ask('Hello?', { model, seed: 1 }));
    const before = await create('tiny');
    const both = await Promise.all(['tuned', 'tiny', 'tuned', 'tiny'].map(create));
    expect(both[1]?.choices).toEqual(before.choices);
    expect(both[3]?.choices).toEqual(before.choices);
    expect(both[0]?.choices).toEqual(both[2]?.choices);
  });
});
