import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import { checkTokenizerFits } from '../../../src/engine/tokenizer/text-tokenizer.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { errorOf } from '../checkpoint/error-of.js';
import { copyGolden, goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { makeChatTokenizer, writeChatTokenizer } from './chat-tokenizer.js';

interface TokenizerReference {
  readonly texts: readonly string[];
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly string[];
}

const reference = JSON.parse(
  await readFile(join(goldenFolder('qwen2-bias'), '..', 'tokenizer-reference.json'), 'utf8'),
) as TokenizerReference;
const golden = await readTokenizer(goldenFolder('qwen2-bias'));

describe('the golden tokenizer', () => {
  it.each(goldenNames)('makes the reference ids and texts in %s', async (name) => {
    const tokenizer = await readTokenizer(goldenFolder(name));
    expect(reference.texts.map((text) => tokenizer.encode(text))).toEqual(reference.ids);
    expect(reference.ids.map((ids) => tokenizer.decode(ids))).toEqual(reference.decoded);
  });

  it('tells its size and its special tokens', () => {
    expect(golden.size).toBe(444);
    expect([...golden.specialTokenIds]).toEqual([0, 1, 2]);
    expect(golden.endTokenId).toBe(2);
    expect(golden.beginTokenId).toBeNull();
    expect(golden.tokenText(1)).toBe('<|im_start|>');
    expect(golden.tokenText(444)).toBeNull();
  });

  it('counts white space as Unicode does, not as JavaScript', () => {
    // Ids of the tokenizers library in Rust; U+0085 is white space, U+FEFF is not.
    expect(golden.encode('   \u0085the')).toEqual([295, 129, 230, 283]);
    expect(golden.encode('    \u0085    x')).toEqual([263, 263, 129, 230, 295, 223, 90]);
    expect(golden.encode('a  \uFEFFb')).toEqual([67, 223, 223, 174, 122, 126, 68]);
  });

  it('gives every text back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (binary, graphemes) => {
        for (const text of [binary, graphemes, ` ${binary} . ${graphemes} n't`]) {
          expect(golden.decode(golden.encode(text))).toBe(text);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('leaves out special tokens on request, and ids without a token always', () => {
    const ids = golden.encode('<|im_start|>hi<|im_end|>');
    expect(golden.decode([...ids, 444, 511])).toBe('<|im_start|>hi<|im_end|>');
    expect(golden.decode(ids, { skipSpecialTokens: true })).toBe('hi');
    expect(golden.decode([])).toBe('');
    expect(golden.decode([0, 1, 2, 500], { skipSpecialTokens: true })).toBe('');
  });

  it('ignores clean_up_tokenization_spaces', async () => {
    const tokenizer = await makeChatTokenizer({ configuration: { clean_up_tokenization_spaces: true } });
    const text = "a . b ? c ! d , e ' f n't 's";
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });
});

describe('the configuration', () => {
  it('names special tokens as texts or as objects', async () => {
    const tokenizer = await makeChatTokenizer({
      tokens: ['<s>'],
      configuration: {
        bos_token: { content: '<s>', lstrip: false },
        eos_token: 'a',
        pad_token: null,
        unk_token: '<nil>',
      },
    });
    expect(tokenizer.beginTokenId).toBe(444);
    expect(tokenizer.endTokenId).toBe(golden.encode('a')[0]);
    // A token of the ordinary vocabulary becomes special by being named; one that does not exist has no id.
    expect([...tokenizer.specialTokenIds].sort((a, b) => a - b)).toEqual([0, 1, 2, 67, 444]);
    expect(tokenizer.encode('the harbor')).toHaveLength(
      golden.encode('the h').length + 1 + golden.encode('rbor').length,
    );
    expect(tokenizer.decode(tokenizer.encode('bad'), { skipSpecialTokens: true })).toBe('bd');
  });

  it('falls back on special_tokens_map.json for what it does not name', async () => {
    const folder = await writeChatTokenizer({ configuration: { eos_token: '<|im_end|>' } });
    const map = { eos_token: '<|endoftext|>', bos_token: '<|im_start|>' };
    await writeFile(join(folder, 'special_tokens_map.json'), JSON.stringify(map));
    const tokenizer = await readTokenizer(folder);
    expect([tokenizer.beginTokenId, tokenizer.endTokenId]).toEqual([1, 2]);
  });

  it('adds tokens that tokenizer.json lacks', async () => {
    const added = { '450': { content: '<tool>', special: false }, '2': { content: '<|im_end|>', special: true } };
    const tokenizer = await makeChatTokenizer({ configuration: { added_tokens_decoder: added } });
    expect(tokenizer.encode('<tool>')).toEqual([450]);
    expect(tokenizer.size).toBe(451);
    expect(tokenizer.specialTokenIds.has(450)).toBe(false);
  });

  it('refuses an added token with the id of another', async () => {
    const folder = await writeChatTokenizer({
      configuration: { added_tokens_decoder: { '3': { content: '<tool>', special: false } } },
    });
    const error = await errorOf(() => readTokenizer(folder));
    expect(error.code).toBe('tokenizer-invalid');
    expect(error.message).toContain('"<tool>" has the id 3');
  });

  it('may be absent', async () => {
    const folder = await copyGolden('llama-gqa-tied');
    await rm(join(folder, 'tokenizer_config.json'));
    await rm(join(folder, 'chat_template.jinja'));
    const tokenizer = await readTokenizer(folder);
    expect(tokenizer.endTokenId).toBeNull();
    expect(tokenizer.chatTemplate).toBeNull();
  });
});

describe('bad folders', () => {
  it('reports a missing tokenizer', async () => {
    const folder = await makeTemporaryFolder();
    expect((await errorOf(() => readTokenizer(folder))).code).toBe('tokenizer-missing');
    expect((await errorOf(() => readTokenizer(join(folder, 'nowhere')))).code).toBe('tokenizer-missing');
  });

  const definition = { model: { type: 'BPE', vocab: { a: 0 }, merges: [] }, added_tokens: [] };
  it.each([
    ['no JSON', '{"model": '],
    ['a list', '[]'],
    ['no model', '{}'],
    ['ids that are no ids', JSON.stringify({ ...definition, model: { ...definition.model, vocab: { a: -1 } } })],
    ['ids that are texts', JSON.stringify({ ...definition, model: { ...definition.model, vocab: { a: '0' } } })],
    ['merges that are no pairs', JSON.stringify({ ...definition, model: { ...definition.model, merges: [['a']] } })],
    ['an added token without id', JSON.stringify({ ...definition, added_tokens: [{ content: 'x' }] })],
    ['a decoder of no known type', JSON.stringify({ ...definition, decoder: { type: 'Magic' } })],
    [
      'a pattern that is none',
      JSON.stringify({ ...definition, pre_tokenizer: { type: 'Split', pattern: { Regex: '(' } } }),
    ],
  ])('reports %s', async (_, text) => {
    const folder = await makeTemporaryFolder();
    await writeFile(join(folder, 'tokenizer.json'), text);
    const error = await errorOf(() => readTokenizer(folder));
    expect(error.code).toBe('tokenizer-invalid');
    expect(error.message).toContain('tokenizer.json');
  });

  it('reports a configuration of the wrong form, and a folder in place of a file', async () => {
    const folder = await writeChatTokenizer({ configuration: { eos_token: 3 } });
    const error = await errorOf(() => readTokenizer(folder));
    expect(error.code).toBe('tokenizer-invalid');
    expect(error.message).toContain('tokenizer_config.json');
    await rm(join(folder, 'tokenizer.json'));
    await mkdir(join(folder, 'tokenizer.json'));
    expect((await errorOf(() => readTokenizer(folder))).code).toBe('tokenizer-invalid');
  });

  it('keeps a token that is spelled like a property of objects', async () => {
    const folder = await makeTemporaryFolder();
    const vocabulary = '{"_": 0, "p": 1, "__proto__": 2, "constructor": 3}';
    const rest = '"type": "BPE", "merges": [], "ignore_merges": true';
    await writeFile(join(folder, 'tokenizer.json'), `{"model": {"vocab": ${vocabulary}, ${rest}}}`);
    const tokenizer = await readTokenizer(folder);
    expect(tokenizer.size).toBe(4);
    expect(tokenizer.encode('__proto__')).toEqual([2]);
    expect(tokenizer.decode([3])).toBe('constructor');
  });
});

describe('checkTokenizerFits', () => {
  it('accepts an embedding with as many rows or more', () => {
    expect(() => checkTokenizerFits(golden, 444)).not.toThrow();
    expect(() => checkTokenizerFits(golden, 512)).not.toThrow();
  });

  it('refuses an embedding with fewer rows', async () => {
    const error = await errorOf(() => checkTokenizerFits(golden, 443));
    expect(error.code).toBe('tokenizer-mismatch');
    expect(error.message).toContain('443');
  });
});
