import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  type ChatMessage,
  createChatTemplate,
  type ChatTemplate,
} from '../../../src/engine/tokenizer/chat-template.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import { errorOf } from '../checkpoint/error-of.js';
import { makeChatTokenizer, writeChatTokenizer } from './chat-tokenizer.js';
import { generationStyle } from './template-styles.js';

const messages: readonly ChatMessage[] = [
  { role: 'user', content: ' Hi ' },
  { role: 'assistant', content: 'Yes.' },
];

function makeTemplate(source: string, clock?: () => Date): ChatTemplate {
  const specialTokens = { bos_token: '<s>', eos_token: '</s>' };
  return createChatTemplate({ source, file: 'a.jinja', specialTokens, ...(clock === undefined ? {} : { clock }) });
}

function render(source: string, variables?: Readonly<Record<string, unknown>>): string {
  const options = { addGenerationPrompt: false, ...(variables === undefined ? {} : { variables }) };
  return makeTemplate(source).renderChat(messages, options);
}

describe('where the template comes from', () => {
  const options = { addGenerationPrompt: false };

  it('prefers chat_template.jinja over the configuration', async () => {
    const folder = await writeChatTokenizer({ configuration: { chat_template: 'configured' } });
    expect((await readTokenizer(folder)).chatTemplate?.renderChat([], options)).toBe('configured');
    await writeFile(join(folder, 'chat_template.jinja'), 'own');
    expect((await readTokenizer(folder)).chatTemplate?.renderChat([], options)).toBe('own');
  });

  it('takes the default of several', async () => {
    const named = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'default' },
    ];
    const tokenizer = await makeChatTokenizer({ configuration: { chat_template: named } });
    expect(tokenizer.chatTemplate?.renderChat([], options)).toBe('default');
    const without = await makeChatTokenizer({ configuration: { chat_template: named.slice(0, 1) } });
    expect(without.chatTemplate).toBeNull();
  });

  it('gives the special tokens of the configuration to the template', async () => {
    const tokenizer = await makeChatTokenizer({
      template: '{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ image_token }}|{{ additional_special_tokens[0] }}',
      configuration: {
        bos_token: '<s>',
        eos_token: { content: '</s>' },
        extra_special_tokens: { image_token: '<image>' },
        additional_special_tokens: ['<|im_start|>'],
      },
    });
    expect(tokenizer.chatTemplate?.renderChat([], options)).toBe('<s>|</s>||<image>|<|im_start|>');
  });

  it('parses a template only when it is used', async () => {
    const tokenizer = await makeChatTokenizer({ template: '{% if %}' });
    expect(tokenizer.encode('a')).toEqual([67]);
    const error = await errorOf(() => tokenizer.chatTemplate?.renderChat([], options));
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toContain('chat_template.jinja');
  });
});

describe('the environment of transformers', () => {
  it('cuts line breaks after blocks and white space before them', () => {
    expect(render('{% for m in messages %}\n  {% if true %}\n{{ m.role }}\n  {% endif %}\n{% endfor %}\n')).toBe(
      'user\nassistant\n',
    );
  });

  it('reads line ends of every kind', () => {
    expect(render('{% if true %}\r\na\r\n{% endif %}\r\n')).toBe('a\n');
  });

  it('passes variables, and says whether tools and documents are none', () => {
    expect(render('{{ enable_thinking }} {{ tools is none }} {{ documents is defined }}', { enable_thinking: 3 })).toBe(
      '3 true true',
    );
    expect(render('{{ bos_token }}', { bos_token: 'x' })).toBe('x');
    expect(render('{{ missing }}{{ missing is defined }}')).toBe('false');
  });

  it('writes JSON', () => {
    expect(render('{{ x | tojson }}', { x: { a: [1, 'é'], b: null } })).toBe('{"a": [1, "é"], "b": null}');
  });

  it("cuts white space by Python's rules", () => {
    const x = '\u001c\n  a \u0085\uFEFF';
    expect(render('{{ x | trim }}', { x })).toBe('a \u0085\uFEFF');
    expect(render("[{{ x.lstrip('\n') }}]", { x: '\n\n  a\n' })).toBe('[  a\n]');
    expect(render("[{{ x.rstrip('\n') }}]", { x: '\n a \n\n' })).toBe('[\n a ]');
    expect(render("[{{ x.strip('ab') }}]", { x: 'abcba' })).toBe('[c]');
    expect(render('[{{ x.strip() }}]', { x: ' \ta\n' })).toBe('[a]');
  });

  it("compares by Python's rules", () => {
    expect(render("{{ x != false }} {{ 1 == true }} {{ '1' == 1 }} {{ none == '' }}", { x: '' })).toBe(
      'true true false false',
    );
    expect(render('{{ messages[0] == messages[0] }} {{ messages[0] == messages[1] }}')).toBe('true false');
  });

  it('raises what the template raises', async () => {
    const error = await errorOf(() => render("{{ raise_exception('Roles must alternate!') }}"));
    expect(error.code).toBe('chat-template-invalid');
    expect(error.message).toContain('Roles must alternate!');
  });

  it('reads the clock that is passed in, in UTC and English', () => {
    const clock = (): Date => new Date('2024-02-05T23:07:09Z');
    const template = makeTemplate("{{ strftime_now('%d %b %Y|%A %B %-d|%H:%M:%S|%I %p|%j|%y-%m|%a|%%|%Q') }}", clock);
    expect(template.renderChat([], { addGenerationPrompt: false })).toBe(
      '05 Feb 2024|Monday February 5|23:07:09|11 PM|036|24-02|Mon|%|%Q',
    );
  });

  it('has no clock of its own', async () => {
    expect(render('{{ strftime_now is defined }}')).toBe('false');
    expect((await errorOf(() => render("{{ strftime_now('%Y') }}"))).code).toBe('chat-template-invalid');
  });
});

describe('generation blocks', () => {
  const options = { addGenerationPrompt: false };

  function blocksOf(source: string): string[] {
    const template = makeTemplate(source);
    const text = template.renderChat(messages, options);
    return template.findGenerationBlocks(messages, options).map(({ start, end }) => text.slice(start, end));
  }

  it('are told from templates without them', () => {
    expect(makeTemplate(generationStyle.settings.template).marksAnswers).toBe(true);
    expect(makeTemplate('{{ generation }}').marksAnswers).toBe(false);
  });

  it.each([
    ['{% generation %}', '{% endgeneration %}', 'a \n\n x \n b', '\n x \n'],
    ['{%- generation %}', '{% endgeneration -%}', 'a\n x \nb', '\n x \n'],
    ['{% generation -%}', '{%- endgeneration %}', 'a \nx b', 'x'],
    ['{%-generation-%}', '{%-endgeneration-%}', 'axb', 'x'],
  ])('obey the white space control of %s ... %s', (start, end, text, block) => {
    // The first line break after a tag is cut by the rule for blocks.
    const source = `a \n${start}\n\n x \n${end}\n b`;
    expect(render(source)).toBe(text);
    expect(blocksOf(source)).toEqual([block]);
  });

  it('do not let white space control reach over them', () => {
    // As Jinja has it: {{- cuts the white space next to it, which is none here.
    expect(render("a  {% generation %}{{- 'x' }}{% endgeneration %}")).toBe('a  x');
  });

  it('are found one by one, empty ones too', () => {
    expect(blocksOf('{% for m in messages %}[{% generation %}{{ m.content }}{% endgeneration %}]{% endfor %}')).toEqual(
      [' Hi ', 'Yes.'],
    );
    expect(blocksOf('x{% generation %}{% endgeneration %}')).toEqual(['']);
  });

  it('are refused where they are nested, open or changed later', async () => {
    for (const source of [
      '{% generation %}{% generation %}{% endgeneration %}{% endgeneration %}',
      '{% generation %}x',
      '{% endgeneration %}',
      '{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x[1:] }}',
    ]) {
      const error = await errorOf(() => makeTemplate(source).findGenerationBlocks(messages, options));
      expect(error.code).toBe('chat-template-invalid');
    }
  });
});

describe('a template from a stranger', () => {
  it.each([
    '{{ messages.constructor }}',
    "{{ messages['constructor'] }}",
    "{{ messages[0]['__proto__'] }}",
    '{{ messages[0].constructor }}',
    "{{ ''.constructor }}",
    "{{ ''['__proto__'] }}",
    '{{ (1).constructor }}',
    '{{ range.constructor }}',
    '{{ range.prototype }}',
    '{{ raise_exception.call }}',
    '{{ namespace(a=1).constructor }}',
    '{{ globalThis }}{{ process }}{{ require }}{{ self }}{{ this }}',
    '{{ x.toString }}{{ x.hasOwnProperty }}{{ x.secret }}',
    "{{ messages | map(attribute='constructor.name') | join }}",
  ])('reaches nothing by %s', (source) => {
    const x = Object.create({ secret: 'inherited' }) as object;
    expect(render(source, { x })).toBe('');
  });

  it.each([
    "{{ ''.constructor.constructor('return process')() }}",
    "{{ range.constructor('return 1')() }}",
    "{{ messages.map('constructor') }}",
    '{{ raise_exception(range) }}',
    '{% set messages.x = 1 %}',
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
  ])('fails with %s', async (source) => {
    expect((await errorOf(() => render(source))).code).toBe('chat-template-invalid');
  });

  it('cannot change the messages or the prototypes of objects', () => {
    const own = { role: 'user', content: 'x' };
    const template = makeTemplate("{% set ns = namespace(messages[0]) %}{% set ns.content = 'y' %}{{ ns.content }}");
    expect(template.renderChat([own], { addGenerationPrompt: false })).toBe('y');
    expect(own).toEqual({ role: 'user', content: 'x' });
    expect(render("{% set ns = namespace({'__proto__': {'polluted': 1}}) %}{{ ns.polluted }}")).toBe('');
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each([
    ['a long range', '{{ range(1000000000) }}'],
    ['a range of too many arguments', '{{ range(1, 2, 3, 4) }}'],
    ['a range without end', '{{ range(1, 2, 0) }}'],
    ['nested loops', '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}'],
    [
      'a doubling text',
      "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    ],
    ['a filtered loop', '{% for i in range(99999) %}{% for j in range(99999) if j < 0 %}{% endfor %}{% endfor %}'],
    [
      'a doubling list',
      '{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
    ],
    ['a macro that calls itself twice', '{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}'],
    [
      'a macro that branches',
      '{% macro m(n) %}{% if n < 60 %}{{ m(n + 1) }}{{ m(n + 1) }}{% endif %}{% endmacro %}{{ m(0) }}',
    ],
    ['many parentheses', `{{ ${'('.repeat(100_000)}1${')'.repeat(100_000)} }}`],
    ['a very long template', ' '.repeat(300_000)],
  ])('is stopped in %s', async (_, source) => {
    expect((await errorOf(() => render(source))).code).toBe('chat-template-invalid');
  });

  it('may loop within reason', () => {
    expect(render('{% for i in range(1000) %}{% for j in range(100) %}.{% endfor %}{% endfor %}')).toHaveLength(
      100_000,
    );
    expect(render('{{ range(5, -5, -3) | join }}|{{ range(0) | length }}')).toBe('52-1-4|0');
  });
});
