import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ChatMessage } from '../../../src/engine/tokenizer/chat-template.js';
import { encodePrompt, encodeTrainingRow, type EncodedRow } from '../../../src/engine/tokenizer/encode-chat.js';
import { stripLikePython } from '../../../src/engine/tokenizer/python-rules.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../../src/engine/tokenizer/text-tokenizer.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { makeChatTokenizer } from './chat-tokenizer.js';
import {
  chatmlStyle,
  generationStyle,
  llama3Style,
  mistralStyle,
  mistralSystem,
  qwen3,
  templateStyles,
  type TemplateStyle,
} from './template-styles.js';

interface ChatReference {
  readonly chat: readonly { readonly messages: readonly ChatMessage[]; readonly with_generation: string }[];
}

interface GoldenReference {
  readonly input_ids: readonly (readonly number[])[];
  readonly attention_mask: readonly (readonly number[])[];
  readonly loss_mask: readonly (readonly number[])[];
  readonly greedy_prompt: readonly number[];
}

async function readJson(folder: string, name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, name), 'utf8'));
}

const goldens = join(goldenFolder('qwen2-bias'), '..');
const { chat } = (await readJson(goldens, 'tokenizer-reference.json')) as ChatReference;

const system = (content: string): ChatMessage => ({ role: 'system', content });
const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });

const tokenizers = new Map<string, TextTokenizer>();

async function tokenizerOf(style: TemplateStyle): Promise<TextTokenizer> {
  const known = tokenizers.get(style.name);
  if (known !== undefined) return known;
  const tokenizer = await makeChatTokenizer(style.settings);
  tokenizers.set(style.name, tokenizer);
  return tokenizer;
}

function spanTexts(tokenizer: TextTokenizer, { ids, spans }: EncodedRow): string[] {
  return spans.map(({ start, end }) => tokenizer.decode(ids.slice(start, end)));
}

/** The ids that are trained on, from the weights alone. */
function trainedText(tokenizer: TextTokenizer, { ids, weights }: EncodedRow): string {
  return tokenizer.decode(ids.filter((_, index) => weights[index] === 1));
}

describe.each(goldenNames)('the golden rows of %s', (name) => {
  it('have the reference ids and masks', async () => {
    const tokenizer = await readTokenizer(goldenFolder(name));
    const reference = (await readJson(goldenFolder(name), 'reference.json')) as GoldenReference;
    expect(chat.length).toBe(reference.input_ids.length);
    for (const [row, { messages }] of chat.entries()) {
      const length = reference.attention_mask[row]!.reduce((sum, present) => sum + present, 0);
      for (const loss of ['answers', 'weighted'] as const) {
        const { ids, weights } = encodeTrainingRow(tokenizer, messages, { loss });
        expect(ids).toEqual(reference.input_ids[row]!.slice(0, length));
        expect(weights).toEqual(reference.loss_mask[row]!.slice(0, length));
      }
    }
    expect(encodePrompt(tokenizer, chat[0]!.messages.slice(0, -1))).toEqual(reference.greedy_prompt);
  });

  it('render to the reference texts', async () => {
    const tokenizer = await readTokenizer(goldenFolder(name));
    for (const { messages, with_generation: prompt } of chat) {
      expect(tokenizer.decode(encodePrompt(tokenizer, messages.slice(0, -1)))).toBe(prompt);
    }
  });
});

// Texts that have made trouble: of the templates themselves, equal to each other, empty, with white space at the ends.
const content = fc.oneof(
  fc.constantFrom('', ' ', '\n', 'user', 'assistant\n', 'Assistant: ', '[INST]', ' [/INST]', 'a', 'a ', '\n\na', '🙂'),
  fc.constantFrom('{{ bos_token }}', '{% generation %}', '<think>', 'system\nYou are', 'Yes.', "'", '\\n', '\uE000'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);
const turns = fc.array(fc.record({ question: content, answer: content }), { minLength: 1, maxLength: 4 });

describe.each(templateStyles)('rows in the style of $name', (style) => {
  function makeConversation(
    opening: string | null,
    exchanges: readonly { readonly question: string; readonly answer: string }[],
  ): readonly ChatMessage[] {
    const messages = exchanges.flatMap(({ question, answer }) => [user(question), assistant(answer)]);
    return opening !== null && style.takesSystem ? [system(opening), ...messages] : messages;
  }

  it('train exactly on the answers', async () => {
    const tokenizer = await tokenizerOf(style);
    fc.assert(
      fc.property(fc.option(content), turns, (opening, exchanges) => {
        fc.pre(exchanges.some(({ answer }) => style.answer(answer) !== ''));
        const row = encodeTrainingRow(tokenizer, makeConversation(opening, exchanges), { loss: 'answers' });
        const expected = exchanges.map(({ answer }) => style.answer(answer)).filter((text) => text !== '');
        expect(spanTexts(tokenizer, row)).toEqual(expected);
        expect(trainedText(tokenizer, row)).toBe(expected.join(''));
        expect(row.weights).toHaveLength(row.ids.length);
        expect(row.weights.at(-1)).toBe(1);
      }),
      { numRuns: 60 },
    );
  });

  it('have the prompt that sampling uses before every answer', async () => {
    const tokenizer = await tokenizerOf(style);
    const areApart = (exchanges: readonly { readonly answer: string }[]): boolean =>
      style.name !== 'plain text' && exchanges.every(({ answer }) => stripLikePython(answer, 'strip') === answer);
    fc.assert(
      fc.property(fc.option(content), turns, (opening, exchanges) => {
        fc.pre(exchanges.some(({ answer }) => style.answer(answer) !== ''));
        const messages = makeConversation(opening, exchanges);
        const { ids, spans } = encodeTrainingRow(tokenizer, messages, { loss: 'answers' });
        const firstAnswer = messages.findIndex(({ role }) => role === 'assistant');
        for (const { message, start } of spans) {
          const prompt = encodePrompt(tokenizer, messages.slice(0, message));
          const context = ids.slice(0, start);
          expect(tokenizer.decode(context)).toBe(tokenizer.decode(prompt));
          // Earlier answers stand apart in a row. A prompt may merge their ends with the template's text.
          if (message === firstAnswer || areApart(exchanges)) expect(context).toEqual(prompt);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('give the text of the conversation back', async () => {
    const tokenizer = await tokenizerOf(style);
    const messages = makeConversation('Be brief.', [
      { question: 'Hi?', answer: 'Hello.' },
      { question: 'Hi?', answer: 'Hello.' },
    ]);
    const text = tokenizer.chatTemplate!.renderChat(messages, { addGenerationPrompt: false });
    const { ids } = encodeTrainingRow(tokenizer, messages, { loss: 'answers' });
    expect(text.trimEnd()).toBe(tokenizer.decode(ids).trimEnd());
    const all = encodeTrainingRow(tokenizer, messages, { loss: 'all' });
    expect(all.ids).toEqual(tokenizer.encode(text));
    expect(all.weights).toEqual(all.ids.map((_, index) => (index === 0 ? 0 : 1)));
    expect(all.spans).toEqual([]);
  });
});

describe('particular templates', () => {
  it('Qwen 2.5: the default system message belongs to the prompt', async () => {
    const style = templateStyles.find(({ name }) => name === 'Qwen 2.5')!;
    const tokenizer = await tokenizerOf(style);
    const row = encodeTrainingRow(tokenizer, [user('a'), assistant('b')], { loss: 'answers' });
    expect(tokenizer.decode(row.ids)).toBe(
      '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\na<|im_end|>\n' +
        '<|im_start|>assistant\nb<|im_end|>',
    );
  });

  it('Mistral: a system message that only prompts show is there in training, too', async () => {
    const tokenizer = await makeChatTokenizer({ ...mistralStyle.settings, template: mistralSystem });
    const messages = [system('Sys'), user('one'), assistant('1'), user('two'), assistant('2')];
    const row = encodeTrainingRow(tokenizer, messages, { loss: 'answers' });
    expect(tokenizer.decode(row.ids)).toBe('<s>[INST] one [/INST] 1</s>[INST] Sys\n\ntwo [/INST] 2</s>');
    expect(spanTexts(tokenizer, row)).toEqual([' 1</s>', ' 2</s>']);
    expect(row.ids.slice(0, row.spans[1]!.start)).toEqual(encodePrompt(tokenizer, messages.slice(0, -1)));
    const single = encodeTrainingRow(tokenizer, messages.slice(0, 3), { loss: 'answers' });
    expect(tokenizer.decode(single.ids)).toBe('<s>[INST] Sys\n\none [/INST] 1</s>');
  });

  it('Qwen 3: the model has to write its thinking block, but no dropped thoughts', async () => {
    const tokenizer = await makeChatTokenizer({ ...chatmlStyle.settings, template: qwen3 });
    const messages = [user('a'), assistant('<think>\nhm\n</think>\n\nb'), user('c')];
    const plain = encodeTrainingRow(tokenizer, [...messages, assistant(' d')], { loss: 'answers' });
    expect(spanTexts(tokenizer, plain)).toEqual(['b<|im_end|>', '<think>\n\n</think>\n\n d<|im_end|>']);
    const thought = [...messages, assistant('<think>\nwell\n</think>\n\nd')];
    const row = encodeTrainingRow(tokenizer, thought, { loss: 'answers' });
    expect(spanTexts(tokenizer, row)[1]).toBe('<think>\nwell\n</think>\n\nd<|im_end|>');
    expect(row.ids.slice(0, row.spans[1]!.start)).toEqual(encodePrompt(tokenizer, messages));
  });

  it('Qwen 3: variables reach prompt and row alike', async () => {
    const tokenizer = await makeChatTokenizer({ ...chatmlStyle.settings, template: qwen3 });
    const variables = { enable_thinking: false };
    const row = encodeTrainingRow(tokenizer, [user('a'), assistant('b')], { loss: 'answers', variables });
    expect(spanTexts(tokenizer, row)).toEqual(['b<|im_end|>']);
    expect(row.ids.slice(0, row.spans[0]!.start)).toEqual(encodePrompt(tokenizer, [user('a')], variables));
  });

  it('generation blocks: the author decides, but the end of the turn is learned', async () => {
    const template =
      "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}<|im_start|>assistant\n{{ m.content }}" +
      '{% endgeneration %}<|im_end|>\n{% else %}<|im_start|>user\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}' +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    const tokenizer = await makeChatTokenizer({ ...chatmlStyle.settings, template });
    const messages = [user('a'), assistant('\nb'), user('c'), assistant('d')];
    const row = encodeTrainingRow(tokenizer, messages, { loss: 'answers' });
    expect(spanTexts(tokenizer, row)).toEqual([
      '<|im_start|>assistant\n\nb<|im_end|>',
      '<|im_start|>assistant\nd<|im_end|>',
    ]);
    const prompt = encodePrompt(tokenizer, [user('a')]);
    expect(row.ids.slice(0, prompt.length)).toEqual(prompt);
  });

  it('generation blocks: what stands in a block is not extended to the next turn', async () => {
    const template =
      "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>\n\n" +
      '{% endgeneration %}{% else %}<|im_start|>{{ m.content }}{% endif %}{% endfor %}';
    const tokenizer = await makeChatTokenizer({ ...chatmlStyle.settings, template });
    const messages = [user('a'), assistant('b'), user('c'), assistant('d')];
    const row = encodeTrainingRow(tokenizer, messages, { loss: 'answers' });
    expect(spanTexts(tokenizer, row)).toEqual(['b<|im_end|>\n\n', 'd<|im_end|>\n\n']);
  });

  it('an answer that would merge with its header stands apart from it', async () => {
    const tokenizer = await tokenizerOf(chatmlStyle);
    const row = encodeTrainingRow(tokenizer, [user('x'), assistant(' the harbor')], { loss: 'answers' });
    const prompt = encodePrompt(tokenizer, [user('x')]);
    expect(row.ids).toEqual([...prompt, ...tokenizer.encode(' the harbor<|im_end|>')]);
    const template = "{% for m in messages %}{{ m.role + ': t' + m.content }}{% endfor %}";
    const merging = await makeChatTokenizer({ template: `${template}{% if add_generation_prompt %}a: t{% endif %}` });
    const merged = encodeTrainingRow(merging, [{ role: 'a', content: '' }, assistant('he')], { loss: 'answers' });
    expect(spanTexts(merging, merged)).toEqual(['he']);
  });

  it('long conversations stay linear: the ids are those of the whole text', async () => {
    const tokenizer = await tokenizerOf(llama3Style);
    const messages = Array.from({ length: 60 }, (_, index) =>
      index % 2 === 0 ? user(`Question ${index}?`) : assistant(`The harbor, ${index}.`),
    );
    const { ids } = encodeTrainingRow(tokenizer, messages, { loss: 'answers' });
    const text = tokenizer.chatTemplate!.renderChat(messages, { addGenerationPrompt: false });
    expect(ids).toEqual(tokenizer.encode(text));
  });
});

describe('weights of messages', () => {
  const messages: readonly ChatMessage[] = [
    user('a'),
    { role: 'assistant', content: 'one', weight: 0 },
    user('b'),
    assistant('two'),
    user('c'),
    { role: 'assistant', content: 'three', weight: 1 },
    user('d'),
    { role: 'assistant', content: 'four', weight: 0 },
  ];

  it.each([chatmlStyle, generationStyle])('choose the answers: $name', async (style) => {
    const tokenizer = await tokenizerOf(style);
    const row = encodeTrainingRow(tokenizer, messages, { loss: 'weighted' });
    expect(row.spans.map(({ message }) => message)).toEqual([3, 5]);
    expect(trainedText(tokenizer, row)).toBe('two<|im_end|>three<|im_end|>');
    expect(tokenizer.decode(row.ids).endsWith('three<|im_end|>')).toBe(true);
    const answers = encodeTrainingRow(tokenizer, messages, { loss: 'answers' });
    expect(answers.spans).toHaveLength(4);
    expect(row.ids).toEqual(answers.ids.slice(0, row.ids.length));
  });

  it('are refused on other roles, and where they are no weights', async () => {
    const tokenizer = await tokenizerOf(chatmlStyle);
    const onUser = [{ role: 'user', content: 'a', weight: 1 } as const, assistant('b')];
    const error = await errorOf(() => encodeTrainingRow(tokenizer, onUser, { loss: 'weighted', row: 7 }));
    expect(error.code).toBe('rows-invalid');
    expect(error.message).toContain('Row 7 has a weight on message 1');
    expect(encodeTrainingRow(tokenizer, onUser, { loss: 'answers' }).spans).toHaveLength(1);
    // As it comes from a file that was not checked.
    const odd = { role: 'assistant', content: 'b', weight: 0.5 } as unknown as ChatMessage;
    expect((await errorOf(() => encodeTrainingRow(tokenizer, [user('a'), odd], { loss: 'weighted' }))).code).toBe(
      'rows-invalid',
    );
  });
});

describe('rows that cannot be used', () => {
  it('have no token that is trained on', async () => {
    const tokenizer = await tokenizerOf(chatmlStyle);
    const unweighted: ChatMessage = { role: 'assistant', content: 'b', weight: 0 };
    for (const [messages, loss] of [
      [[user('a')], 'answers'],
      [[], 'answers'],
      [[], 'all'],
      [[user('a'), unweighted], 'weighted'],
    ] as const) {
      const error = await errorOf(() => encodeTrainingRow(tokenizer, messages, { loss, row: 3 }));
      expect(error.code).toBe('rows-invalid');
      expect(error.message).toBe('Row 3 has no token that is trained on.');
    }
  });

  it('consist of one token, which nothing predicts', async () => {
    const tokenizer = await makeChatTokenizer({ template: '{{ messages[0].content }}' });
    expect((await errorOf(() => encodeTrainingRow(tokenizer, [assistant('a')], { loss: 'answers' }))).code).toBe(
      'rows-invalid',
    );
    expect(encodeTrainingRow(tokenizer, [assistant('ab')], { loss: 'answers' }).weights).toEqual([0, 1]);
  });

  it('come from a model without a template', async () => {
    const tokenizer = await makeChatTokenizer({});
    expect((await errorOf(() => encodePrompt(tokenizer, [user('a')]))).code).toBe('chat-template-missing');
    expect((await errorOf(() => encodeTrainingRow(tokenizer, [], { loss: 'all' }))).code).toBe('chat-template-missing');
  });

  it('are refused by the template', async () => {
    const tokenizer = await tokenizerOf(mistralStyle);
    const error = await errorOf(() => encodeTrainingRow(tokenizer, [assistant('a')], { loss: 'answers' }));
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toContain('must alternate');
  });

  it.each([
    ['prints an answer twice', '{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}'],
    ['prints no answer', '{% for m in messages %}{{ m.role }}{% endfor %}'],
    ['changes an answer', '{% for m in messages %}{{ m.content[1:] }}{% endfor %}'],
    ['leaves out empty answers', '{% for m in messages %}{% if m.content %}<{{ m.content }}>{% endif %}{% endfor %}'],
    ['sorts', "{{ messages | map(attribute='content') | sort | join }}{{ messages | length }}"],
  ])('have a template that %s', async (_, template) => {
    const tokenizer = await makeChatTokenizer({ template });
    const messages = [user('a'), assistant('x'), user('b'), assistant('')];
    const error = await errorOf(() => encodeTrainingRow(tokenizer, messages, { loss: 'answers', row: 12 }));
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toMatch(/^Row 12: the (text|prompt) of message [24] \(assistant\)/);
  });

  it('have a template that marks too few answers', async () => {
    const template =
      '{% for m in messages %}{% if loop.last %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}';
    const tokenizer = await makeChatTokenizer({ template });
    const messages = [user('a'), assistant('x'), user('b'), assistant('y')];
    const error = await errorOf(() => encodeTrainingRow(tokenizer, messages, { loss: 'answers', row: 2 }));
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toBe('Row 2: the chat template marks 1 answers, but there are 2 assistant messages.');
  });

  it('have a prompt that is another one once it is answered', async () => {
    const template =
      "{% if messages[-1].role == 'assistant' %}Q:{% else %}?{% endif %}{{ messages[0].content }}" +
      "{% if messages[-1].role == 'assistant' %} A:{{ messages[-1].content }}{% endif %}";
    const tokenizer = await makeChatTokenizer({ template });
    const error = await errorOf(() =>
      encodeTrainingRow(tokenizer, [user('a'), assistant('x')], { loss: 'answers', row: 1 }),
    );
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toContain('message 2 (assistant) differs');
  });
});
