import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import { trainTokenizer } from '../../../src/engine/tokenizer/train-tokenizer.js';
import { writeTokenizer, type WriteTokenizerOptions } from '../../../src/engine/tokenizer/write-tokenizer.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { errorOf } from '../checkpoint/error-of.js';
import { encodeReference } from './reference-bpe.js';

const specialTokens = ['<pad>', '<|user|>', '<|end|>'];
const texts = [
  'The harbour is quiet. The keeper of the harbour counts 12 boats, and then 7 more: 12 + 7 = 19.',
  "def count(boats):\n    total = 0\n    for boat in boats:\n        total += boat['crew']\n    return total\n",
  "It's the keeper's boat, isn't it?\n\nÉtienne and Zoë say: the café is closed. 🙂 🙂 日本 日本",
];
const trained = trainTokenizer({ texts, vocabularySize: 340, specialTokens, minimumCount: 1 });
const settings: WriteTokenizerOptions = {
  chatTemplate: "{% for message in messages %}{{ message['content'] }}<|end|>{% endfor %}",
  endOfSequence: '<|end|>',
  maximumLength: 512,
};

async function write(more: Partial<WriteTokenizerOptions> = {}): Promise<string> {
  const folder = join(await makeTemporaryFolder(), 'new', 'model');
  await writeTokenizer(folder, trained, { ...settings, ...more });
  return folder;
}

async function readJson(folder: string, name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, name), 'utf8'));
}

const pieceOfText = fc.oneof(fc.constantFrom(...texts.flatMap((text) => text.split(/(?<=\s)/))), fc.string());
const anyText = fc.oneof(
  fc.array(pieceOfText, { maxLength: 12 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
);

describe('a written tokenizer', () => {
  it('encodes as the merges say, word by word', async () => {
    const tokenizer = await readTokenizer(await write());
    expect(trained.merges.length).toBe(340 - 256 - 3);
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(!specialTokens.some((token) => text.includes(token)));
        const tokens = encodeReference(text, trained.merges);
        expect(tokenizer.encode(text)).toEqual(tokens.map((token) => trained.tokens.indexOf(token)));
      }),
      { numRuns: 300 },
    );
  });

  it('gives every text back', async () => {
    const tokenizer = await readTokenizer(await write());
    fc.assert(
      fc.property(anyText, fc.constantFrom('', ...specialTokens), anyText, (before, token, after) => {
        const text = before + token + after;
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  it('has the ids of training, and every byte', async () => {
    const tokenizer = await readTokenizer(await write());
    expect(tokenizer.size).toBe(340);
    expect(trained.tokens.map((_, id) => tokenizer.tokenText(id))).toEqual(trained.tokens);
    expect([...tokenizer.specialTokenIds].sort()).toEqual([0, 1, 2]);
    expect([tokenizer.endTokenId, tokenizer.beginTokenId]).toEqual([2, null]);
    expect(tokenizer.encode('\u0000')).toEqual([3]);
  });

  it('makes each digit one token, and special tokens of what is spelled so', async () => {
    const tokenizer = await readTokenizer(await write());
    const spelled = (text: string) => tokenizer.encode(text).map((id) => tokenizer.tokenText(id));
    expect(spelled('12+ 197')).toEqual(['1', '2', '+', 'Ġ', '1', '9', '7']);
    expect(spelled('<|user|>12<|end|>')).toEqual(['<|user|>', '1', '2', '<|end|>']);
  });

  it('keeps tokens that are spelled like properties of objects', async () => {
    const folder = await makeTemporaryFolder();
    const proto = trainTokenizer({
      texts: Array<string>(9).fill(' constructor'),
      vocabularySize: 400,
      specialTokens: ['__proto__'],
    });
    await writeTokenizer(folder, proto, { ...settings, endOfSequence: '__proto__' });
    const tokenizer = await readTokenizer(folder);
    expect(tokenizer.encode('__proto__ constructor')).toEqual([0, proto.tokens.indexOf('Ġconstructor')]);
  });

  it('has the chat template and the special tokens by role', async () => {
    const folder = await write({ padding: '<pad>' });
    expect((await readdir(folder)).sort()).toEqual([
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const roles = { eos_token: '<|end|>', pad_token: '<pad>', additional_special_tokens: ['<|user|>'] };
    expect(await readJson(folder, 'special_tokens_map.json')).toEqual(roles);
    expect(await readJson(folder, 'tokenizer_config.json')).toEqual({
      ...roles,
      chat_template: settings.chatTemplate,
      clean_up_tokenization_spaces: false,
      model_max_length: 512,
      tokenizer_class: 'PreTrainedTokenizerFast',
    });
    const { chatTemplate } = await readTokenizer(folder);
    const messages = [{ role: 'user', content: 'hi' }];
    expect(chatTemplate?.renderChat(messages, { addGenerationPrompt: false })).toBe('hi<|end|>');
  });

  it('pads with the end of sequence where nothing else is named', async () => {
    expect(await readJson(await write(), 'tokenizer_config.json')).toMatchObject({ pad_token: '<|end|>' });
  });

  it('is the same bytes every time', async () => {
    const [first, second] = [await write(), await write()];
    for (const name of await readdir(first)) {
      expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)));
    }
  });
});

describe('what cannot be written', () => {
  it.each<[string, Partial<WriteTokenizerOptions>, string, string]>([
    ['an unknown end', { endOfSequence: '<|ende|>' }, '"<|ende|>"', '"<|end|>"'],
    ['an unknown padding', { padding: 'zzzzzzzzzzzz' }, 'padding is "zzzzzzzzzzzz"', 'Train the tokenizer'],
    ['rows of no tokens', { maximumLength: 0 }, 'maximumLength is 0', 'maximumLength'],
  ])('is %s', async (_, more, message, hint) => {
    const error = await errorOf(() => write(more));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  it('is a folder where a file is', async () => {
    const folder = await makeTemporaryFolder();
    await writeFile(join(folder, 'model'), '');
    const error = await errorOf(() => writeTokenizer(join(folder, 'model'), trained, settings));
    expect(error.code).toBe('write-failed');
    expect(error.message).toContain('model');
  });
});
