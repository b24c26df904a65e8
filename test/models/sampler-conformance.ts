import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, Sampler, SamplingRequest } from '../../src/models/sampler.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const question = (content: string): SamplingRequest['messages'] => [{ role: 'user', content }];

async function collect(sampler: Sampler, requests: readonly SamplingRequest[], signal?: AbortSignal) {
  const answers: Answer[] = [];
  for await (const answer of sampler.sample(requests, signal === undefined ? {} : { signal })) answers.push(answer);
  return answers.sort((left, right) => left.request - right.request || left.index - right.index);
}

/** What every sampler must do, whoever answers. The models are any that can speak at least 40 tokens. */
export function describeSampler(name: string, open: () => Promise<Sampler>): void {
  describe(`${name}, as every sampler,`, () => {
    let sampler: Sampler;
    beforeAll(async () => {
      sampler = await open();
    });
    afterAll(() => sampler.close());

    it('answers each request as often as it asks, with seeds that count on', async () => {
      const requests = [
        { messages: question('One?'), count: 3, seed: 7, maximumTokens: 4 },
        { messages: question('Two?'), maximumTokens: 4 },
      ];
      const answers = await collect(sampler, requests);
      expect(answers.map(({ request, index, seed }) => [request, index, seed])).toEqual([
        [0, 0, 7],
        [0, 1, 8],
        [0, 2, 9],
        [1, 0, 0],
      ]);
      for (const { text, tokens } of answers) {
        expect(text).toBeTypeOf('string');
        expect(tokens).toBeGreaterThanOrEqual(0);
        expect(tokens).toBeLessThanOrEqual(4);
      }
    });

    it('asks far more than it can do at once', async () => {
      const answers = await collect(sampler, [{ messages: question('Many?'), count: 70, maximumTokens: 2 }]);
      expect(answers.map(({ seed }) => seed)).toEqual(Array.from({ length: 70 }, (_, seed) => seed));
    });

    it('gives the same answer to the same seed, alone or among others', async () => {
      const request = { messages: question('Again?'), maximumTokens: 12 };
      const many = await collect(sampler, [{ ...request, count: 6 }]);
      expect(new Set(many.map(({ text }) => text)).size).toBeGreaterThan(1);
      const [alone] = await collect(sampler, [{ ...request, seed: 4 }]);
      expect(alone).toEqual({ ...many[4], index: 0 });
    });

    it('heeds every message', async () => {
      const texts = new Set<string>();
      const user = { role: 'user', content: 'Who?' } as const;
      const earlier = { role: 'assistant', content: 'Me.' } as const;
      for (const messages of [
        [user],
        [{ role: 'system', content: 'Be kind.' } as const, user],
        [user, earlier, user],
      ]) {
        const [answer] = await collect(sampler, [{ messages, maximumTokens: 40 }]);
        texts.add(answer?.text ?? '');
      }
      expect(texts.size).toBe(3);
    });

    it('heeds the temperature', async () => {
      const request = { messages: question('Cold?'), count: 4, temperature: 0, maximumTokens: 12 };
      const texts = (await collect(sampler, [request])).map(({ text }) => text);
      expect(new Set(texts).size).toBe(1);
    });

    it('tells the likeliest first tokens where they are wanted, the same whatever is drawn', async () => {
      const request = { messages: question('First?'), maximumTokens: 4, count: 2 };
      const [plain, ...wanted] = await collect(sampler, [
        request,
        { ...request, likeliest: 3 },
        { ...request, likeliest: 3, temperature: 0.5, topP: 0.5, seed: 50 },
        { ...request, likeliest: 1, temperature: 0 },
      ]).then((answers) => [0, 1, 2, 3].map((place) => answers.filter(({ request: one }) => one === place)));
      expect(plain?.map((answer) => 'first' in answer)).toEqual([false, false]);
      // What is told changes nothing of what is said.
      expect(wanted[0]?.map(({ text }) => text)).toEqual(plain?.map(({ text }) => text));
      const [first = []] = (wanted[0] ?? []).map((answer) => answer.first ?? []);
      expect(first).toHaveLength(3);
      for (const { token, probability } of first) {
        expect(token).toBeTypeOf('string');
        expect(probability).toBeGreaterThan(0);
      }
      const probabilities = first.map(({ probability }) => probability);
      expect(probabilities).toEqual(probabilities.toSorted((one, other) => other - one));
      expect(probabilities.reduce((sum, one) => sum + one)).toBeLessThan(1.000001);
      for (const [place, length] of [3, 3, 1].entries())
        for (const { first: other = [] } of wanted[place] ?? []) {
          expect(other.map(({ token }) => token)).toEqual(first.slice(0, length).map(({ token }) => token));
          for (const [index, { probability }] of other.entries())
            expect(probability).toBeCloseTo(probabilities[index] ?? 0, 5);
        }
    });

    it('says that an answer was cut off', async () => {
      const [answer] = await collect(sampler, [{ messages: question('Long?'), maximumTokens: 1 }]);
      expect(answer).toMatchObject({ finishReason: 'length', tokens: 1 });
    });

    it('answers nothing to no requests', async () => {
      expect(await collect(sampler, [])).toEqual([]);
    });

    it.each<[string, unknown]>([
      ['messages', { messages: [] }],
      ['role', { messages: [{ role: 'wizard', content: 'x' }] }],
      ['count', { messages: question('x'), count: 0 }],
      ['temperature', { messages: question('x'), temperature: -1 }],
      ['topP', { messages: question('x'), topP: 0 }],
      ['maximumTokens', { messages: question('x'), maximumTokens: 1.5 }],
      ['seed', { messages: question('x'), seed: -1 }],
      ['likeliest', { messages: question('x'), likeliest: 21 }],
      ['did you mean "temperature"', { messages: question('x'), temperatur: 1 }],
    ])('refuses a request with a bad setting: %s', async (problem, request) => {
      const good = { messages: question('x'), maximumTokens: 1 };
      // Callers without type checks exist.
      const error = await errorOf(() => collect(sampler, [good, request as SamplingRequest]));
      expect(error.code).toBe('usage-invalid');
      expect(error.message).toContain('Request 1: ');
      expect(error.message).toContain(problem);
    });

    it.each<[string, unknown, unknown]>([
      ['no requests', undefined, {}],
      ['null for requests', null, {}],
      ['one request in place of a list', { messages: question('x') }, {}],
      ['null in place of a request', [null], {}],
      ['null for options', [], null],
      ['a signal that is none', [], { signal: true }],
    ])('refuses %s, from callers without type checks', async (_, requests, options) => {
      const sample = sampler.sample as (...given: unknown[]) => AsyncGenerator<Answer>;
      const error = await errorOf(() => sample(requests, options).next());
      expect(error.code).toBe('usage-invalid');
    });

    it('stops when it is told to, and answers again afterwards', async () => {
      const request = { messages: question('Stop?'), count: 400, maximumTokens: 200 };
      const stop = new AbortController();
      let received = 0;
      const error = await errorOf(async () => {
        for await (const answer of sampler.sample([request], { signal: stop.signal })) {
          received += Number(answer.text !== '');
          stop.abort();
        }
      });
      expect(error).toMatchObject({ code: 'interrupted', exitCode: 130 });
      expect(received).toBeLessThan(400);
      expect((await errorOf(() => collect(sampler, [request], AbortSignal.abort()))).code).toBe('interrupted');
      expect(await collect(sampler, [{ ...request, count: 1, maximumTokens: 2 }])).toHaveLength(1);
    });

    it('lets its caller leave early', async () => {
      const request = { messages: question('Leave?'), count: 400, maximumTokens: 200 };
      for await (const answer of sampler.sample([request])) {
        expect(answer.request).toBe(0);
        break;
      }
      expect(await collect(sampler, [{ ...request, count: 2, maximumTokens: 2 }])).toHaveLength(2);
    });

    it('is closed once and for all', async () => {
      const other = await open();
      await other.close();
      await other.close();
      const error = await errorOf(() => collect(other, [{ messages: question('x'), maximumTokens: 1 }]));
      expect(error.code).toBe('usage-invalid');
      expect(error.message).toContain('closed');
    });
  });
}
