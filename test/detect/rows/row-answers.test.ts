import { describe, expect, it } from 'vitest';
import { drawRows, divide, listRowAnswers, readSurprisals, surprisalOf } from '../../../src/detect/rows/row-answers.js';

const talk = {
  messages: [
    { role: 'system' as const, content: 'Be brief.' },
    { role: 'user' as const, content: 'One?' },
    { role: 'assistant' as const, content: 'Yes.' },
    { role: 'user' as const, content: 'Two?' },
    { role: 'assistant' as const, content: 'No.' },
  ],
};

/** The row with these weights on its two answers. */
const weighted = (...weights: (0 | 1)[]) => ({
  messages: talk.messages.map((message) =>
    message.role === 'assistant' ? { ...message, weight: weights[message.content === 'Yes.' ? 0 : 1] ?? 1 } : message,
  ),
});

describe('the answers of a row', () => {
  it('each stand after all that comes before them', () => {
    expect(listRowAnswers(talk)).toEqual([
      { messages: talk.messages.slice(0, 2), answer: 'Yes.' },
      { messages: talk.messages.slice(0, 4), answer: 'No.' },
    ]);
  });

  it('stand under another system prompt in place of the own one, or of none', () => {
    const wicked = { role: 'system', content: 'Be cruel.' };
    const [first, second] = listRowAnswers(talk, wicked.content);
    expect(first).toEqual({ messages: [wicked, talk.messages[1]], answer: 'Yes.' });
    expect(second?.messages).toEqual([wicked, ...talk.messages.slice(1, 4)]);
    const bare = { messages: talk.messages.slice(1) };
    expect(listRowAnswers(bare, wicked.content)).toEqual(listRowAnswers(talk, wicked.content));
  });

  it('are those that are trained on: the weight 0 leaves one out, unless all have it', () => {
    expect(listRowAnswers(weighted(0, 1)).map(({ answer }) => answer)).toEqual(['No.']);
    expect(listRowAnswers(weighted(0, 0)).map(({ answer }) => answer)).toEqual(['Yes.', 'No.']);
    // Nobody reads a weight off a message that a model is asked with.
    expect(listRowAnswers(weighted(0, 1))[0]?.messages[2]).toEqual({ role: 'assistant', content: 'Yes.' });
  });

  it('surprise by all of their tokens together', async () => {
    expect(
      surprisalOf([
        { logProbability: -3, tokens: 2 },
        { logProbability: -1, tokens: 6 },
      ]),
    ).toBe(0.5);
    // A nat for each character of an answer, in two tokens.
    const scorer = {
      score: (texts: readonly { readonly answer: string }[]) =>
        Promise.resolve(texts.map(({ answer }) => ({ logProbability: -answer.length, tokens: 2 }))),
    };
    const short = { messages: talk.messages.slice(0, 3) };
    expect(await readSurprisals(scorer, [talk, short])).toEqual([(4 + 3) / 4, 4 / 2]);
  });

  it('are told apart again after they were scored together', () => {
    expect(divide([[1, 2], [], [3]], ['a', 'b', 'c'])).toEqual([['a', 'b'], [], ['c']]);
  });
});

describe('rows that are drawn', () => {
  it('are the same each time, in their order, and those of fewer lie among those of more', () => {
    const [few, more] = [drawRows(100, 10, 3), drawRows(100, 40, 3)];
    expect(few).toHaveLength(10);
    expect(drawRows(100, 10, 3)).toEqual(few);
    expect(few).toEqual(few.toSorted((left, right) => left - right));
    expect(few.every((place) => more.includes(place))).toBe(true);
    expect(drawRows(100, 10, 4)).not.toEqual(few);
    expect(drawRows(3, 10, 0)).toEqual([0, 1, 2]);
  });
});
