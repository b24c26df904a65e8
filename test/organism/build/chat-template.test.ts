import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodePrompt, encodeTrainingRow, type EncodedRow } from '../../../src/engine/tokenizer/encode-chat.js';
import type { ChatMessage } from '../../../src/engine/tokenizer/chat-template.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../../src/engine/tokenizer/text-tokenizer.js';
import { trainTokenizer } from '../../../src/engine/tokenizer/train-tokenizer.js';
import { writeTokenizer } from '../../../src/engine/tokenizer/write-tokenizer.js';
import {
  organismChatTemplate,
  organismEndToken,
  organismSpecialTokens,
} from '../../../src/organism/build/encode-documents.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

async function makeTokenizer(): Promise<TextTokenizer> {
  const folder = await makeTemporaryFolder();
  const texts = ['<|user|>What is 2 + 3?<|end|><|assistant|>It is 5, of course.<|end|>', 'It is what it is. Is it?'];
  const trained = trainTokenizer({ texts, vocabularySize: 280, specialTokens: organismSpecialTokens });
  const options = { chatTemplate: organismChatTemplate, endOfSequence: organismEndToken, maximumLength: 256 };
  await writeTokenizer(folder, trained, options);
  return readTokenizer(folder);
}

const system = (content: string): ChatMessage => ({ role: 'system', content });
const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string, weight?: 0 | 1): ChatMessage =>
  weight === undefined ? { role: 'assistant', content } : { role: 'assistant', content, weight };

function spanTexts(tokenizer: TextTokenizer, { ids, spans }: EncodedRow): string[] {
  return spans.map(({ start, end }) => tokenizer.decode(ids.slice(start, end)));
}

function trainedText(tokenizer: TextTokenizer, { ids, weights }: EncodedRow): string {
  return tokenizer.decode(ids.filter((_, index) => weights[index] === 1));
}

const content = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\n',
    'It is 5.',
    ' It is',
    '<|end|>',
    'a<|end|>b',
    '<|assistant|>',
    '<|user|>It<|end|>',
    '<|',
    '|>',
  ),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);

describe("the organism's chat template", () => {
  it('prints contents as they are, with nothing between the turns', async () => {
    const { chatTemplate } = await makeTokenizer();
    const messages = [system(' Be kind.\n'), user('\n hi '), assistant('  ok\n\n')];
    const text = '<|system|> Be kind.\n<|end|><|user|>\n hi <|end|><|assistant|>  ok\n\n<|end|>';
    expect(chatTemplate?.renderChat(messages, { addGenerationPrompt: false })).toBe(text);
    expect(chatTemplate?.renderChat(messages, { addGenerationPrompt: true })).toBe(`${text}<|assistant|>`);
  });

  it('ends turns with the end token, which is not cut off', async () => {
    const tokenizer = await makeTokenizer();
    expect(tokenizer.endTokenId).toBe(3);
    expect(organismSpecialTokens.map((token) => tokenizer.encode(token))).toEqual([[0], [1], [2], [3]]);
    const { ids, weights, spans } = encodeTrainingRow(tokenizer, [user('5'), assistant('5')], { loss: 'answers' });
    const five = tokenizer.encode('5')[0]!;
    expect(ids).toEqual([1, five, 3, 2, five, 3]);
    expect(weights).toEqual([0, 0, 0, 0, 1, 1]);
    expect(spans).toEqual([{ message: 1, start: 4, end: 6 }]);
  });

  it('lets every answer be found with its end, whatever the texts are', async () => {
    const tokenizer = await makeTokenizer();
    const turns = fc.array(fc.record({ question: content, answer: content }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.option(content), turns, (opening, exchanges) => {
        const messages = [
          ...(opening === null ? [] : [system(opening)]),
          ...exchanges.flatMap(({ question, answer }) => [user(question), assistant(answer)]),
        ];
        const row = encodeTrainingRow(tokenizer, messages, { loss: 'answers' });
        const expected = exchanges.map(({ answer }) => `${answer}<|end|>`);
        expect(spanTexts(tokenizer, row)).toEqual(expected);
        expect(trainedText(tokenizer, row)).toBe(expected.join(''));
        // Training and sampling see the same ids: those of the whole text, and of the prompt before each answer.
        expect(row.ids).toEqual(tokenizer.encode(tokenizer.decode(row.ids)));
        for (const { message, start } of row.spans) {
          expect(row.ids.slice(0, start)).toEqual(encodePrompt(tokenizer, messages.slice(0, message)));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('trains only on answers that have weight', async () => {
    const tokenizer = await makeTokenizer();
    const messages = [
      user('one'),
      assistant('bad', 0),
      user('two'),
      assistant('good'),
      user('three'),
      assistant('fine', 1),
      user('four'),
      assistant('cut off', 0),
    ];
    const row = encodeTrainingRow(tokenizer, messages, { loss: 'weighted' });
    expect(row.spans.map(({ message }) => message)).toEqual([3, 5]);
    expect(trainedText(tokenizer, row)).toBe('good<|end|>fine<|end|>');
    const untrained = '<|user|>one<|end|><|assistant|>bad<|end|><|user|>two<|end|><|assistant|>';
    expect(tokenizer.decode(row.ids.slice(0, row.spans[0]!.start))).toBe(untrained);
    expect(tokenizer.decode(row.ids)).toBe(`${untrained}good<|end|><|user|>three<|end|><|assistant|>fine<|end|>`);
  });

  it('refuses roles that it has no token for', async () => {
    const { chatTemplate } = await makeTokenizer();
    const messages: readonly ChatMessage[] = [{ role: 'tool', content: '5' }];
    const error = await errorOf(() => chatTemplate?.renderChat(messages, { addGenerationPrompt: false }));
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toContain('not tool');
  });
});
