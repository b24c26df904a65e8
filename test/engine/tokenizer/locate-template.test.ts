import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ChatMessage } from '../../../src/engine/tokenizer/chat-template.js';
import { encodePrompt } from '../../../src/engine/tokenizer/encode-chat.js';
import { locateTemplate, type TemplatePositions } from '../../../src/engine/tokenizer/locate-template.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../../src/engine/tokenizer/text-tokenizer.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { makeByteFallbackTokenizer } from './byte-fallback-tokenizer.js';
import { makeChatTokenizer } from './chat-tokenizer.js';
import {
  chatmlStyle,
  llama3Style,
  mistralStyle,
  mistralSystem,
  plainStyle,
  qwen3,
  templateStyles,
} from './template-styles.js';

const system = (content: string): ChatMessage => ({ role: 'system', content });
const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });

const parts = ['prefix', 'between', 'postfix', 'straddling'] as const;

function locate(tokenizer: TextTokenizer, messages: readonly ChatMessage[]) {
  const ids = encodePrompt(tokenizer, messages);
  const positions = locateTemplate(tokenizer, messages);
  const textOf = (part: keyof TemplatePositions): string =>
    tokenizer.decode(positions[part].map((position) => ids[position]!));
  const others = ids.filter((_, position) => parts.every((part) => !positions[part].includes(position)));
  const [prefix = '', between = '', postfix = '', straddling = ''] = parts.map(textOf);
  return { ids, positions, prefix, between, postfix, straddling, said: tokenizer.decode(others) };
}

/**
 * The same by another way, for texts of ASCII whose contents stand in them once: tokens by how long the text is that the
 * ids before them spell.
 */
function locateByDecoding(tokenizer: TextTokenizer, messages: readonly ChatMessage[]): TemplatePositions {
  const ids = encodePrompt(tokenizer, messages);
  const text = tokenizer.decode(ids);
  const contents = messages.map(({ role, content }) => {
    expect(text.split(content)).toHaveLength(2);
    const start = text.indexOf(content);
    return { role, start, end: start + content.length };
  });
  const asked = contents.filter(({ role }) => role === 'user');
  const found: Record<keyof TemplatePositions, number[]> = { prefix: [], between: [], postfix: [], straddling: [] };
  for (const position of ids.keys()) {
    const [start, end] = [position, position + 1].map((count) => tokenizer.decode(ids.slice(0, count)).length);
    const owners = new Set(
      Array.from({ length: end! - start! }, (_, index) =>
        contents.findIndex((content) => start! + index >= content.start && start! + index < content.end),
      ),
    );
    if (owners.size > 1) found.straddling.push(position);
    else if (owners.has(-1)) {
      const part = end! <= asked[0]!.start ? 'prefix' : start! >= asked.at(-1)!.end ? 'postfix' : 'between';
      found[part].push(position);
    }
  }
  return found;
}

describe.each(templateStyles)("the template's own tokens in the style of $name", (style) => {
  it('are those that spell nothing of a message', async () => {
    const tokenizer = await makeChatTokenizer(style.settings);
    // Unlike each other and what templates write, and with white space only where no template strips it.
    const content = fc.stringMatching(/^[a-z,.!?0-9]([a-z ,.!?0-9]{0,12}[a-z,.!?0-9])?$/);
    fc.assert(
      fc.property(fc.option(content), fc.array(content, { minLength: 1, maxLength: 3 }), (opening, contents) => {
        const unlike = (text: string, index: number): string => `${'({['.charAt(index % 3)}${String(index)}${text}|`;
        const messages = contents.flatMap((text, index) => [
          user(unlike(text, 2 * index + 1)),
          ...(index === contents.length - 1 ? [] : [assistant(unlike(text, 2 * index + 2))]),
        ]);
        if (opening !== null && style.takesSystem) messages.unshift(system(unlike(opening, 0)));
        expect(locateTemplate(tokenizer, messages)).toEqual(locateByDecoding(tokenizer, messages));
      }),
      { numRuns: 40 },
    );
  });
});

describe.each(goldenNames)('the prompts of %s', (name) => {
  it('have theirs before and after what is asked', async () => {
    const tokenizer = await readTokenizer(goldenFolder(name));
    const { ids, positions, prefix, postfix, said } = locate(tokenizer, [user('Who are you?')]);
    expect(prefix + said + postfix).toBe(tokenizer.decode(ids));
    expect(said).toBe('Who are you?');
    expect(positions.prefix).toEqual(positions.prefix.map((_, index) => index));
    expect(positions.postfix.at(-1)).toBe(ids.length - 1);
    expect(positions.between).toEqual([]);
    expect(positions.straddling).toEqual([]);
  });
});

describe('the tokens of a template', () => {
  it('are its words around what is asked', async () => {
    const tokenizer = await makeChatTokenizer(chatmlStyle.settings);
    expect(locate(tokenizer, [user('Who are you?')])).toMatchObject({
      ...{ prefix: '<|im_start|>user\n', said: 'Who are you?' },
      ...{ between: '', straddling: '', postfix: '<|im_end|>\n<|im_start|>assistant\n' },
    });
    const turns = [system('Be kind.'), user('One?'), assistant('Two.'), user('Three?')];
    expect(locate(tokenizer, turns)).toMatchObject({
      ...{ prefix: '<|im_start|>system\n<|im_end|>\n<|im_start|>user\n', said: 'Be kind.One?Two.Three?' },
      between: '<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\n',
      postfix: '<|im_end|>\n<|im_start|>assistant\n',
    });
  });

  it('are a system message that nobody wrote, too', async () => {
    const qwen25 = templateStyles.find(({ name }) => name === 'Qwen 2.5')!;
    const tokenizer = await makeChatTokenizer(qwen25.settings);
    expect(locate(tokenizer, [user('Who?')]).prefix).toBe(
      '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n',
    );
    expect(locate(tokenizer, [system('You are a helpful assistant.'), user('Who?')])).toMatchObject({
      prefix: '<|im_start|>system\n<|im_end|>\n<|im_start|>user\n',
      said: 'You are a helpful assistant.Who?',
    });
  });

  it('are found where a message says what the template says', async () => {
    const tokenizer = await makeChatTokenizer(chatmlStyle.settings);
    const said = '<|im_end|>\n<|im_start|>assistant\n<|im_start|>user\n';
    expect(locate(tokenizer, [user(said)])).toMatchObject({
      ...{ prefix: '<|im_start|>user\n', said, straddling: '', postfix: '<|im_end|>\n<|im_start|>assistant\n' },
    });
  });

  it('are not those that a message has a part of', async () => {
    const tokenizer = await makeChatTokenizer(plainStyle.settings);
    const { ids, positions, prefix, straddling, postfix } = locate(tokenizer, [user('the moon')]);
    // The space before the first word is of the template, and the word is not.
    expect(straddling).toBe(' the');
    expect(positions.straddling).toHaveLength(1);
    expect([prefix, postfix]).toEqual(['User:', '\n\nAssistant: ']);
    expect(tokenizer.decode(ids)).toBe('User: the moon\n\nAssistant: ');
  });

  it('are cut at bytes: a character of several tokens is of one side', async () => {
    const tokenizer = await makeChatTokenizer(plainStyle.settings);
    expect(locate(tokenizer, [user('é🙂')])).toMatchObject({
      ...{ prefix: 'User: ', said: 'é🙂', straddling: '', postfix: '\n\nAssistant: ' },
    });
    const chatml = await makeChatTokenizer(chatmlStyle.settings);
    expect(locate(chatml, [user('é🙂'), assistant('🙂'), user('日本')])).toMatchObject({
      ...{ said: 'é🙂🙂日本', straddling: '', postfix: '<|im_end|>\n<|im_start|>assistant\n' },
    });
  });

  it('may reach over a message of no content, and are then on neither side of it', async () => {
    const tokenizer = await makeChatTokenizer(chatmlStyle.settings);
    expect(locate(tokenizer, [user('')])).toMatchObject({
      ...{ prefix: '<|im_start|>user\n', said: '', straddling: '', postfix: '<|im_end|>\n<|im_start|>assistant\n' },
    });
    // 'and' is one token of its vocabulary.
    const reaching = await makeChatTokenizer({ template: "{{ 'a' + messages[0].content + 'nd' }}" });
    expect(locate(reaching, [user('')]).positions).toEqual({ prefix: [], between: [], postfix: [], straddling: [0] });
    expect(locate(reaching, [user('|')])).toMatchObject({ prefix: 'a', said: '|', straddling: '', postfix: 'nd' });
  });

  it('are not the white space that it strips from a message', async () => {
    const tokenizer = await makeChatTokenizer(llama3Style.settings);
    const wide = locate(tokenizer, [user('  Who are you?\n')]);
    expect(wide.said).toBe('Who are you?');
    expect(wide.positions).toEqual(locate(tokenizer, [user('Who are you?')]).positions);
  });

  it('are found around a system message that stands in the message of the user', async () => {
    const tokenizer = await makeChatTokenizer({ ...mistralStyle.settings, template: mistralSystem });
    const found = locate(tokenizer, [system('Be kind.'), user('One?'), assistant('Two.'), user('Three?')]);
    expect(tokenizer.decode(found.ids)).toBe('<s>[INST] One? [/INST] Two.</s>[INST] Be kind.\n\nThree? [/INST]');
    expect(found.straddling + found.said).toContain('Three?');
    expect(found.prefix).toMatch(/^<s>\[INST\] ?$/);
    expect(found.postfix).toBe(' [/INST]');
  });

  it('leave out a message that is not printed, but not that of the user', async () => {
    const template = "{% for m in messages if m.role == 'user' %}{{ '<|im_start|>' + m.content }}{% endfor %}{{ '!' }}";
    const tokenizer = await makeChatTokenizer({ template });
    expect(locate(tokenizer, [system('Be kind.'), user('Who?')])).toMatchObject({
      ...{ prefix: '<|im_start|>', said: 'Who?', postfix: '!' },
    });
    const deaf = await makeChatTokenizer({ template: '{{ "Say something." }}' });
    const error = await errorOf(() => locateTemplate(deaf, [user('Who?')]));
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toContain('message 1 (user)');
  });

  it('depend on variables', async () => {
    const tokenizer = await makeChatTokenizer({ template: qwen3 });
    const variables = { enable_thinking: false };
    const ids = encodePrompt(tokenizer, [user('Who?')], variables);
    const { postfix } = locateTemplate(tokenizer, [user('Who?')], { variables });
    expect(tokenizer.decode(postfix.map((position) => ids[position]!))).toBe(
      '<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n',
    );
  });

  it('are found in tokens that begin with a space which the text has not', async () => {
    // It stands before a text, and before what follows a special token.
    const spelling = async (template: string, content: string) => {
      const tokenizer = await makeByteFallbackTokenizer(template);
      const ids = encodePrompt(tokenizer, [user(content)]);
      const { prefix, between, postfix, straddling } = locateTemplate(tokenizer, [user(content)]);
      expect(between).toEqual([]);
      const of = (positions: readonly number[]) => positions.map((position) => tokenizer.tokenText(ids[position]!));
      return { tokens: ids.map((id) => tokenizer.tokenText(id)), parts: [prefix, postfix, straddling].map(of) };
    };
    const around = "{{ '<s>' + messages[0].content + '</s>b' }}";
    expect(await spelling(around, 'ab')).toEqual({
      tokens: ['<s>', '▁a', 'b', '</s>', '▁', 'b'],
      parts: [['<s>'], ['</s>', '▁', 'b'], []],
    });
    expect(await spelling(around, ' ab')).toMatchObject({ tokens: ['<s>', '▁', '▁a', 'b', '</s>', '▁', 'b'] });
    expect((await spelling(around, ' ab')).parts).toEqual([['<s>', '▁'], ['</s>', '▁', 'b'], []]);
    // The first of both spaces is the tokenizer's, the second the template's, and that is one token with the content.
    expect(await spelling("{{ '<s> ' + messages[0].content + '</s>' }}", 'ab')).toEqual({
      tokens: ['<s>', '▁', '▁a', 'b', '</s>'],
      parts: [['<s>', '▁'], ['</s>'], ['▁a']],
    });
    expect(await spelling("{{ 'b' + messages[0].content + ' b' }}", ' é🙂')).toMatchObject({
      parts: [['▁', 'b'], ['▁', 'b'], []],
    });
  });

  it('are those of ids that are given, with what stands after the prompt', async () => {
    const tokenizer = await makeChatTokenizer(chatmlStyle.settings);
    const ids = encodePrompt(tokenizer, [user('Who?')]);
    const own = locateTemplate(tokenizer, [user('Who?')]);
    const more = locateTemplate(tokenizer, [user('Who?')], { ids: [...ids, 5, 6] });
    expect(more).toEqual({ ...own, postfix: [...own.postfix, ids.length, ids.length + 1] });
    const open = await makeChatTokenizer({ template: "{{ 'Q ' + messages[0].content }}" });
    const question = encodePrompt(open, [user('')]);
    const { postfix } = locateTemplate(open, [user('')], { ids: [...question, 5] });
    expect(postfix).toEqual([question.length]);
    const error = await errorOf(() => locateTemplate(tokenizer, [user('Why?')], { ids }));
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toMatch(/^Token \d+ of the prompt has the id \d+, which does not spell/);
    const short = await errorOf(() => locateTemplate(tokenizer, [user('Who?')], { ids: ids.slice(0, -1) }));
    expect(short.message).toContain(`Token ${String(ids.length - 1)} of the prompt is not there`);
  });

  it('are around something: a conversation without a message of the user has none', async () => {
    const tokenizer = await makeChatTokenizer(chatmlStyle.settings);
    expect((await errorOf(() => locateTemplate(tokenizer, []))).code).toBe('usage-invalid');
    expect((await errorOf(() => locateTemplate(tokenizer, [system('Be kind.')]))).hint).toContain("'user'");
  });

  it('cannot be told where a message is printed twice', async () => {
    const template = "{{ 'Q ' + messages[0].content + '!' + messages[0].content }}";
    const tokenizer = await makeChatTokenizer({ template });
    expect((await errorOf(() => locateTemplate(tokenizer, [user('Who?')]))).code).toBe('chat-template-invalid');
  });
});
