import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createAnswerDecoder } from '../../../src/engine/tokenizer/answer-decoder.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../../src/engine/tokenizer/text-tokenizer.js';
import { goldenFolder } from '../checkpoint/golden-folder.js';
import { makeByteFallbackTokenizer } from './byte-fallback-tokenizer.js';

const golden = await readTokenizer(goldenFolder('qwen2-bias'));

function decodeInPieces(tokenizer: TextTokenizer, ids: readonly number[], skipSpecialTokens: boolean): string[] {
  const decoder = createAnswerDecoder(tokenizer, { skipSpecialTokens });
  return [...ids.map((id) => decoder.push(id)), decoder.finish()];
}

it('waits for the last byte of a character', () => {
  const ids = golden.encode('é🦊 x');
  const pieces = decodeInPieces(golden, ids, false);
  expect(pieces.filter((piece) => piece !== '')).toEqual(['é', '🦊', ' ', 'x']);
  expect(pieces.at(-1)).toBe('');
});

it('shows an unfinished character only at the end', () => {
  const fox = golden.encode('🦊');
  expect(decodeInPieces(golden, fox.slice(0, -1), false).at(-1)).toBe(golden.decode(fox.slice(0, -1)));
  expect(decodeInPieces(golden, fox.slice(0, -1), false).slice(0, -1).join('')).toBe('');
});

it('cuts no character of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      fc.pre(!text.includes('\uFFFD'));
      const pieces = decodeInPieces(golden, golden.encode(text), false);
      expect(pieces.join('')).toBe(text);
      expect(pieces.every((piece) => Buffer.from(piece).toString() === piece)).toBe(true);
    }),
  );
});

it('makes the text of all ids, whatever they are', async () => {
  for (const tokenizer of [golden, await makeByteFallbackTokenizer()]) {
    const ids = fc.array(fc.nat({ max: tokenizer.size + 5 }), { maxLength: 20 });
    fc.assert(
      fc.property(ids, fc.boolean(), (answer, skipSpecialTokens) => {
        const whole = tokenizer.decode(answer, { skipSpecialTokens });
        expect(decodeInPieces(tokenizer, answer, skipSpecialTokens).join('')).toBe(whole);
      }),
      { numRuns: 400 },
    );
  }
});

it('keeps the spaces between words that each start with one', async () => {
  const tokenizer = await makeByteFallbackTokenizer();
  const ids = tokenizer.encode('a a  a🦊');
  expect(decodeInPieces(tokenizer, ids, true).join('')).toBe('a a  a🦊');
  expect(decodeInPieces(tokenizer, ids, true)[1]).toBe(' a');
});
