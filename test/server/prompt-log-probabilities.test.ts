import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readTokenizer } from '../../src/engine/tokenizer/read-tokenizer.js';
import { openEmbeddedInside } from '../../src/models/embedded/open-embedded-inside.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { ask, startTestServer } from './start-test-server.js';

const folder = goldenFolder('qwen2-bias');

const toldSchema = z.looseObject({
  prompt_logprobs: z.array(
    z
      .record(z.string(), z.object({ logprob: z.number(), rank: z.int().nullable(), decoded_token: z.string() }))
      .nullable(),
  ),
  usage: z.object({ prompt_tokens: z.int() }),
});

const conversation = [
  { role: 'system' as const, content: 'Be brief.' },
  { role: 'user' as const, content: 'Who are you?' },
  { role: 'assistant' as const, content: 'It is I, and nobody else.' },
];

/** Settings that OpenAI's types do not have. */
const closed = { add_generation_prompt: false, prompt_logprobs: 0, max_tokens: 1, messages: conversation };

describe('log-probabilities of a prompt', () => {
  it.each([
    ['tiny', undefined],
    ['tuned', `${folder}/adapter_final`],
  ])('are what the inside of the model gives an answer that it ends with: %s', async (model, adapter) => {
    const { client } = await startTestServer();
    const inside = await openEmbeddedInside({
      ...{ model: folder, threads: 1 },
      ...(adapter === undefined ? {} : { adapter }),
    });
    const text = inside.encode(conversation);
    const [score] = await inside.score([text]);
    await inside.close();
    const told = toldSchema.parse(await client.chat.completions.create(ask('', { ...closed, model })));
    expect(told.usage.prompt_tokens).toBe(text.ids.length);
    const tokens = told.prompt_logprobs;
    expect(tokens[0]).toBeNull();
    expect(tokens.slice(1).map((one) => Object.keys(one ?? {}))).toEqual(text.ids.slice(1).map((id) => [String(id)]));
    const answer = tokens.slice(text.promptLength).map((one) => Object.values(one ?? {})[0]?.logprob ?? NaN);
    expect(answer.length).toBeGreaterThan(3);
    expect(answer).toHaveLength(score?.logProbabilities.length ?? -1);
    for (const [place, logprob] of answer.entries())
      expect(Math.abs(logprob - (score?.logProbabilities[place] ?? NaN))).toBeLessThan(1e-5);
    const end = Object.values(tokens.at(-1) ?? {})[0];
    const tokenizer = await readTokenizer(folder);
    expect(end?.decoded_token).toBe(tokenizer.tokenText(text.ids.at(-1) ?? -1));
  });

  it('list the likeliest beside the token that is there, and as many of the answer as that asks for', async () => {
    const { client } = await startTestServer();
    const changes = { ...closed, prompt_logprobs: 3, logprobs: true, top_logprobs: 1 };
    const completion = await client.chat.completions.create(ask('', changes));
    const [, ...tokens] = toldSchema.parse(completion).prompt_logprobs;
    expect(completion.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(1);
    for (const one of tokens) {
      const entries = Object.values(one ?? {});
      expect(entries.length === 3 || entries.length === 4).toBe(true);
      const ranked = entries.filter(({ rank }) => rank !== null).sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0));
      expect(ranked.map(({ rank }) => rank)).toEqual([1, 2, 3]);
      const logs = ranked.map(({ logprob }) => logprob);
      expect(logs).toEqual(logs.toSorted((a, b) => b - a));
    }
    expect(tokens.some((one) => Object.keys(one ?? {}).length === 4)).toBe(true);
  });

  it('come with an answer that a stop text ends, too', async () => {
    const { client } = await startTestServer();
    const request = ask('Tell me all.', { seed: 3, max_tokens: 20 });
    const text = (await client.chat.completions.create(request)).choices[0]?.message.content ?? '';
    const completion = await client.chat.completions.create({
      ...request,
      ...{ stop: text.slice(4, 6), prompt_logprobs: 0, n: 2 },
    });
    expect(completion.choices[0]?.message.content).toBe(text.slice(0, text.indexOf(text.slice(4, 6))));
    const told = toldSchema.parse(completion);
    expect(told.prompt_logprobs).toHaveLength(told.usage.prompt_tokens);
  });

  it('are left out unless asked for, and refused of a stream', async () => {
    const { client } = await startTestServer();
    expect(await client.chat.completions.create(ask('Hm?'))).not.toHaveProperty('prompt_logprobs');
    const streamed = client.chat.completions.create({ ...ask('Hm?'), ...{ prompt_logprobs: 0 }, stream: true });
    await expect(streamed).rejects.toMatchObject({ status: 400, param: 'prompt_logprobs' });
  });
});

describe('an answer that is begun', () => {
  it('is gone on with, as the beginning of what the template writes', async () => {
    const { client } = await startTestServer();
    const begun = { ...closed, continue_final_message: true, max_tokens: 8 };
    const open = toldSchema.parse(await client.chat.completions.create(ask('', begun)));
    const whole = toldSchema.parse(await client.chat.completions.create(ask('', closed)));
    const ids = (told: typeof open) => told.prompt_logprobs.slice(1).flatMap((one) => Object.keys(one ?? {}));
    // The token that ends the answer is missing.
    expect(ids(open)).toEqual(ids(whole).slice(0, -1));
  });

  it('has to be one', async () => {
    const { client } = await startTestServer();
    const refused = (changes: object) =>
      client.chat.completions.create(ask('Hm?', { continue_final_message: true, ...changes }));
    const expected = { status: 400, param: 'continue_final_message' };
    await expect(refused({})).rejects.toMatchObject(expected);
    await expect(refused({ add_generation_prompt: false })).rejects.toMatchObject(expected);
  });
});
