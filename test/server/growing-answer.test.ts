import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGrowingAnswer } from '../../src/server/chat/growing-answer.js';
import { readTokenizer } from '../../src/engine/tokenizer/read-tokenizer.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';

const tokenizer = await readTokenizer(goldenFolder('qwen2-bias'));

/** Feeds tokens one by one. */
function read(ids: readonly number[], stop: readonly string[]) {
  const text = createGrowingAnswer(tokenizer, stop);
  const pieces: string[] = [];
  const tokens: number[] = [];
  const take = (piece: ReturnType<typeof text.push>): void => {
    if (piece === null) return;
    pieces.push(piece.text);
    tokens.push(...piece.logProbabilities.map(({ id }) => id));
  };
  for (const id of ids) take(text.push(id, { id, logProbability: -1, top: [] }));
  take(text.finish());
  return { text: pieces.join(''), pieces, tokens, isStopped: text.isStopped, count: text.tokens };
}

const ids = fc.array(fc.nat(tokenizer.size - 1), { maxLength: 30 });

describe('the text of an answer', () => {
  it('is that of all its tokens, however they come', () => {
    fc.assert(
      fc.property(ids, (some) => {
        const { text, tokens, count } = read(some, []);
        expect(text).toBe(tokenizer.decode(some, { skipSpecialTokens: true }));
        expect(tokens).toEqual(some);
        expect(count).toBe(some.length);
      }),
      { seed: 1 },
    );
  });

  it('ends before the first stop text, and nothing of that was handed out', () => {
    fc.assert(
      fc.property(ids, fc.nat(40), fc.integer({ min: 1, max: 5 }), (some, start, length) => {
        const whole = tokenizer.decode(some, { skipSpecialTokens: true });
        const stop = Array.from(whole)
          .slice(start, start + length)
          .join('');
        // A stop text that a token's replacement stands in for is none of the text.
        fc.pre(stop !== '' && !stop.includes('\uFFFD'));
        const { text, isStopped, tokens, count } = read(some, ['\u0000never', stop]);
        expect(text).toBe(whole.slice(0, whole.indexOf(stop)));
        expect(isStopped).toBe(true);
        expect(tokens).toEqual(some.slice(0, tokens.length));
        expect(count).toBe(tokens.length);
      }),
      { seed: 2 },
    );
  });

  it('holds back what may be the beginning of a stop text, and no more', () => {
    const some = tokenizer.encode('one two three');
    const { pieces, text, isStopped } = read(some, ['two four']);
    expect(text).toBe('one two three');
    expect(isStopped).toBe(false);
    expect(pieces.length).toBeGreaterThan(2);
  });
});
