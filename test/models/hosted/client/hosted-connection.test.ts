import { describe, expect, it } from 'vitest';
import { readLogProbabilities } from '../../../../src/models/hosted/client/hosted-connection.js';
import { scoreDistribution } from '../../../../src/judging/reply-score.js';

const completion = (top: unknown, first: object = { token: '80', logprob: -0.1 }): unknown => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: '80', refusal: null },
      logprobs: { content: [{ ...first, bytes: [56, 48], top_logprobs: top }], refusal: null },
      finish_reason: 'length',
    },
  ],
  usage: { prompt_tokens: 300, completion_tokens: 1, total_tokens: 301 },
});
const entry = (token: string, probability: number): object => ({ token, logprob: Math.log(probability), bytes: null });

describe('readLogProbabilities', () => {
  it('reads the first token of the first choice, in its order', () => {
    const distribution = readLogProbabilities(completion([entry('80', 0.5), entry('CODE', 0.25), entry('10', 0.125)]));
    expect(distribution?.map(([token]) => token)).toEqual(['80', 'CODE', '10']);
    expect(distribution?.map(([, probability]) => Math.round(1e9 * probability) / 1e9)).toEqual([0.5, 0.25, 0.125]);
    expect(scoreDistribution(distribution ?? []).score).toBeCloseTo(41.25 / 0.625, 10);
  });

  it('leaves out what is unknown: -9999, nothing, or no logarithm of a probability', () => {
    const top = [
      entry('80', 0.5),
      { token: '10', logprob: -9999 },
      { token: '20', logprob: null },
      { token: '30' },
      { logprob: -1 },
      { token: '40', logprob: 'low' },
      { token: '50', logprob: 0.7 },
      null,
    ];
    expect(readLogProbabilities(completion(top))?.map(([token]) => token)).toEqual(['80']);
  });

  it('does not mind an unknown probability of the token that was drawn', () => {
    const distribution = readLogProbabilities(completion([entry('70', 1)], { token: '80', logprob: -9999 }));
    expect(distribution).toEqual([['70', 1]]);
  });

  it('has no probability above 1, and no token twice', () => {
    const top = [{ token: '80', logprob: 1e-7 }, entry('80', 0.5)];
    expect(readLogProbabilities(completion(top))).toEqual([['80', 1]]);
  });

  it.each<[string, unknown]>([
    ['no completion', null],
    ['a text', '80'],
    ['no choice', { choices: [] }],
    ['no log-probabilities', { choices: [{ message: { content: '80' }, logprobs: null }] }],
    ['no content', { choices: [{ logprobs: { content: null } }] }],
    ['no token', { choices: [{ logprobs: { content: [] } }] }],
    ['no list of top tokens', { choices: [{ logprobs: { content: [{ token: '80', logprob: -0.1 }] } }] }],
    ['an empty list, as where none was asked for', completion([])],
    ['nothing but unknown ones', completion([{ token: '80', logprob: -9999 }])],
  ])('is null of %s', (_, input) => {
    expect(readLogProbabilities(input)).toBeNull();
  });
});
