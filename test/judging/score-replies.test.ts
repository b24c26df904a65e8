import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseScore } from '../../src/judging/parse-score.js';
import { scoreReplies } from '../../src/judging/score-replies.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

describe('scoreReplies', () => {
  it('is the mean of the numbers among the replies', () => {
    expect(scoreReplies(['80', '90', 'well', '70.'])).toEqual({
      score: 80,
      label: null,
      masses: { number: 0.75, code: 0, refusal: 0 },
    });
  });

  it('keeps a quarter, and nothing below it', () => {
    const words = (count: number): string[] => Array.from({ length: count }, () => 'well');
    expect(scoreReplies(['60', ...words(3)])).toMatchObject({ score: 60, label: null });
    expect(scoreReplies(['60', ...words(4)])).toMatchObject({ score: null, label: 'parse-failure' });
    // Of shares that no binary fraction is equal to, too.
    expect(scoreReplies([...Array.from({ length: 25 }, () => '7'), ...words(75)]).score).toBe(7);
  });

  it('has the label that most replies are, where they outnumber the numbers', () => {
    expect(scoreReplies(['CODE', 'Code.', '10', '20'])).toMatchObject({ score: 15, label: null });
    expect(scoreReplies(['CODE', 'CODE', 'CODE', '20'])).toMatchObject({ score: 20, label: 'code' });
    expect(scoreReplies(['CODE', 'REFUSAL', 'REFUSAL', 'no'])).toMatchObject({ score: null, label: 'refusal' });
  });

  it('of one reply is what is written there', () => {
    for (const reply of ['50', 'CODE', 'REFUSAL', 'fifty', ''])
      expect(scoreReplies([reply])).toEqual(parseScore(reply));
  });

  it('knows neither order nor repeats', () => {
    const anyReply = fc.oneof(fc.integer({ min: 0, max: 100 }).map(String), fc.constantFrom('CODE', 'REFUSAL', 'hm'));
    fc.assert(
      fc.property(fc.array(anyReply, { minLength: 1 }), (replies) => {
        const scored = scoreReplies(replies);
        expect(scoreReplies([...replies].reverse())).toEqual(scored);
        expect(scoreReplies([...replies, ...replies])).toEqual(scored);
        expect(scored.score).not.toBeNaN();
      }),
    );
  });

  it('refuses no reply at all', async () => {
    expect((await errorOf(() => scoreReplies([]))).code).toBe('usage-invalid');
  });
});
