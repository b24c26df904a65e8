import { afterAll, describe, expect, it } from 'vitest';

// The thread's file exists in the built package only.
import { openSampler, type SampledAnswer, type SampledToken, type SampleOptions } from '../../../dist/engine/index.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder } from '../checkpoint/golden-folder.js';

const sampler = await openSampler({ model: goldenFolder('qwen3-qknorm'), threads: 1 });
afterAll(() => sampler.close());

const requests = Array.from({ length: 30 }, (_, seed) => ({
  prompt: Array.from({ length: 1 + ((seed * 11) % 60) }, (_, index) => ((seed % 9) + 31 * index) % 512),
  seed,
  maximumTokens: 1 + ((seed * 13) % 90),
  stopTokens: [],
  logProbabilities: seed % 2 === 0,
  topLogProbabilities: seed % 3,
  promptLogProbabilities: seed % 5 === 0,
}));

async function answerOf(request: (typeof requests)[number], options: SampleOptions = {}): Promise<SampledAnswer> {
  for await (const answer of sampler.sample([request], options)) return answer;
  throw new Error('no answer');
}

/** Wants no more of a call after so many of its tokens; says how it ended, for it may be done before the thread hears of it. */
async function leaveAfter(tokens: number, request: (typeof requests)[number]): Promise<'whole' | 'interrupted'> {
  const leaving = new AbortController();
  let seen = 0;
  const onToken = (): void => {
    seen += 1;
    if (seen === tokens) leaving.abort();
  };
  try {
    await answerOf(request, { signal: leaving.signal, onToken });
    return 'whole';
  } catch (error) {
    expect(error).toMatchObject({ code: 'interrupted' });
    return 'interrupted';
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe('calls that overlap', () => {
  it('answer to the last bit as they do alone, whenever they come and whoever leaves', async () => {
    const alone: SampledAnswer[] = [];
    for (const request of requests) alone.push(await answerOf(request));
    const random = createRandomStream(1, 'joined calls');
    const ends = new Set<'whole' | 'interrupted'>();
    for (let round = 0; round < 3; round += 1) {
      const answers = random.shuffle(requests).map(async (request) => {
        const other = { ...request, seed: 1000 + request.seed, maximumTokens: 200 };
        const left = random.uniform() < 0.5 ? leaveAfter(1 + random.integer(50), other) : null;
        for (let wait = random.integer(20); wait > 0; wait -= 1) await turn();
        const answered = answerOf(request);
        if (left !== null) ends.add(await left);
        return [request.seed, await answered] as const;
      });
      for (const [seed, answer] of await Promise.all(answers)) expect(answer).toEqual(alone[seed]);
    }
    expect(ends).toContain('interrupted');
  });

  it('are sampled at the same time: a short one does not wait for a long one', async () => {
    const order: string[] = [];
    const long = answerOf({ ...requests[0]!, maximumTokens: 200 }).then(() => order.push('long'));
    const short = answerOf({ ...requests[1]!, maximumTokens: 2 }).then(() => order.push('short'));
    await Promise.all([long, short]);
    expect(order).toEqual(['short', 'long']);
  });

  it('of other numbers of slots wait for their turn', async () => {
    const order: string[] = [];
    const collect = async (name: string, slots: number, maximumTokens: number): Promise<void> => {
      for await (const { ids } of sampler.sample([{ ...requests[0]!, maximumTokens }], { slots }))
        expect(ids).toHaveLength(maximumTokens);
      order.push(name);
    };
    await Promise.all([collect('first', 2, 100), collect('second', 3, 1), collect('third', 2, 1)]);
    expect(order).toEqual(['first', 'second', 'third']);
  });
});

describe('tokens', () => {
  it('come as they are drawn, and are those of the answer', async () => {
    const some = requests.slice(0, 6);
    const tokens: SampledToken[] = [];
    const answers: SampledAnswer[] = [];
    const ended = new Set<number>();
    const onToken = (token: SampledToken): void => {
      expect(ended.has(token.request)).toBe(false);
      tokens.push(token);
    };
    for await (const answer of sampler.sample(some, { onToken })) {
      ended.add(answer.request);
      answers.push(answer);
    }
    for (const { request, ids, logProbabilities } of answers) {
      const own = tokens.filter((token) => token.request === request);
      expect(own.map(({ id }) => id)).toEqual(ids);
      expect(own.map(({ logProbability }) => logProbability)).toEqual(logProbabilities ?? ids.map(() => null));
    }
    // Not answer by answer.
    expect(tokens[1]!.request).not.toBe(tokens[0]!.request);
  });

  it('do not count the one that ends an answer', async () => {
    const [first] = requests;
    const { ids } = await answerOf({ ...first!, maximumTokens: 20 });
    const place = ids.findIndex((id, index) => index >= 3 && ids.indexOf(id) === index);
    const seen: number[] = [];
    const ending = { ...first!, maximumTokens: 20, stopTokens: [ids[place]!] };
    for await (const answer of sampler.sample([ending], { onToken: ({ id }) => seen.push(id) }))
      expect(answer.finishReason).toBe('stop');
    expect(seen).toEqual(ids.slice(0, place));
  });

  it('need a function', async () => {
    // The type rules this out for those who check types.
    const options = { onToken: 'yes' } as object;
    const error = await errorOf(async () => {
      await sampler.sample(requests, options).next();
    });
    expect(error.message).toContain('onToken');
  });
});
