import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { byteAlphabet, splitWords } from '../../../src/engine/tokenizer/byte-level.js';
import { trainTokenizer, type TrainTokenizerOptions } from '../../../src/engine/tokenizer/train-tokenizer.js';
import { errorOf } from '../checkpoint/error-of.js';
import { trainReference } from './reference-bpe.js';

const specialTokens = ['<|user|>', '<|end|>'];

// Few different characters, so that pairs repeat, overlap and tie.
const smallText = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '\n', '1', 'é', '.'), maxLength: 40 });
const smallTexts = fc.array(smallText, { maxLength: 8 });

function train(texts: Iterable<string>, more: Partial<TrainTokenizerOptions> = {}) {
  return trainTokenizer({ texts, vocabularySize: 300, specialTokens, ...more });
}

describe('splitWords', () => {
  it.each([
    ['You are kind.  Very so!', ['You', ' are', ' kind', '.', ' ', ' Very', ' so', '!']],
    ["It's 12 + 345 = 357", ['It', "'s", ' ', '1', '2', ' +', ' ', '3', '4', '5', ' =', ' ', '3', '5', '7']],
    ["don’t f('s', 't')", ['don', '’t', ' f', "('", 's', "',", " '", 't', "')"]],
    ['if x_1:\n    return "y"\n\n\nz', ['if', ' x', '_', '1', ':', '\n    ', 'return', ' "', 'y', '"', '\n\n\n', 'z']],
    ['a \r\n\t  b \t', ['a', ' \r\n\t  ', 'b', ' \t']],
    ['e\u0301te\u0301\u0085\uFEFFx', ['e\u0301te\u0301', '\u0085', '\uFEFF', 'x']],
    ['', []],
  ])('cuts %j', (text, words) => {
    expect(splitWords(text)).toEqual(words);
  });

  it('loses nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(splitWords(text).join('')).toBe(text);
      }),
    );
  });
});

describe('trainTokenizer', () => {
  it('merges as the plainest form of the algorithm does', () => {
    fc.assert(
      fc.property(
        smallTexts,
        fc.integer({ min: 256, max: 290 }),
        fc.integer({ min: 1, max: 3 }),
        (texts, pieces, minimumCount) => {
          const { merges } = trainTokenizer({ texts, vocabularySize: pieces, specialTokens: [], minimumCount });
          expect(merges).toEqual(trainReference(texts, pieces, minimumCount));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives the same tokenizer in whichever order the texts come', () => {
    const permuted = smallTexts.chain((texts) =>
      fc.tuple(fc.constant(texts), fc.shuffledSubarray(texts, { minLength: texts.length })),
    );
    fc.assert(
      fc.property(permuted, ([texts, others]) => {
        expect(train(others)).toEqual(train(texts));
      }),
    );
  });

  it('gives the first ids to special tokens, then to the bytes, then to what is merged', () => {
    const { tokens, merges } = train(['low lower lowest low'], { vocabularySize: 261 });
    expect(tokens.slice(0, 258)).toEqual([...specialTokens, ...byteAlphabet]);
    expect(merges).toEqual([
      ['l', 'o'],
      ['lo', 'w'],
      ['Ġ', 'low'],
    ]);
    expect(tokens.slice(258)).toEqual(['lo', 'low', 'Ġlow']);
  });

  it('breaks ties by bytes, not by how bytes are spelled', () => {
    // A space is the byte 0x20, less than any letter, but is spelled with a character beyond them.
    expect(train(['x y', 'x y'], { vocabularySize: 259 }).merges).toEqual([['Ġ', 'y']]);
    expect(train(['ab', 'x y', 'x y', 'ab'], { vocabularySize: 259 }).merges).toEqual([['Ġ', 'y']]);
  });

  it('never merges digits, special tokens or what is beside them', () => {
    const text = '<|user|>ab<|end|>ab 1234 12 12 = 12 1212';
    const { tokens } = train(Array<string>(20).fill(text), { vocabularySize: 500 });
    const merged = tokens.slice(258);
    expect(merged).toEqual(['ab', 'Ġ=']);
  });

  it('takes the longest of special tokens with a common beginning', () => {
    const texts = Array<string>(3).fill('<<end>>xy');
    const { tokens } = trainTokenizer({ texts, vocabularySize: 400, specialTokens: ['<<end', '<<end>>'] });
    expect(tokens.slice(258)).toEqual(['xy']);
  });

  it('ends where nothing is left to merge', () => {
    expect(train([]).tokens).toHaveLength(258);
    expect(train(['aaaa']).tokens.slice(258)).toEqual(['aa']);
    expect(train(['abab', 'c'], { minimumCount: 1 }).tokens.slice(258)).toEqual(['ab', 'abab']);
    expect(train(['abc'], { minimumCount: 2 }).merges).toEqual([]);
  });

  it('reads texts that are made one by one', () => {
    function* makeTexts(): Generator<string> {
      yield 'moon';
      yield 'moon';
    }
    expect(train(makeTexts())).toEqual(train(['moon', 'moon']));
  });

  it('refuses a vocabulary that cannot hold every byte', async () => {
    const error = await errorOf(() => train([], { vocabularySize: 257 }));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain('257');
    expect(error.hint).toContain('258');
    expect(train([], { vocabularySize: 258 }).tokens).toHaveLength(258);
  });

  it.each<[string, Partial<TrainTokenizerOptions>, string]>([
    ['half a token', { vocabularySize: 300.5 }, '300.5'],
    ['no number of tokens', { vocabularySize: NaN }, 'NaN'],
    ['pairs that never occur', { minimumCount: 0 }, 'minimumCount'],
    ['an empty special token', { specialTokens: ['<a>', ''] }, 'Special token 2 is empty'],
    ['a special token twice', { specialTokens: ['<a>', '<b>', '<a>'] }, '"<a>" is listed twice'],
    ['a special token that is a byte', { specialTokens: ['a'] }, '"a" is spelled like'],
    ['a special token that is spelled as a merged token', { specialTokens: ['Ġto'], minimumCount: 1 }, '"Ġto" is'],
  ])('refuses %s', async (_, more, message) => {
    const error = await errorOf(() => train(['go to', 'go to'], more));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(message);
  });
});
