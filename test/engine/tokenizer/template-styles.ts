import { stripLikePython } from '../../../src/engine/tokenizer/python-rules.js';
import type { ChatTokenizerSettings } from './chat-tokenizer.js';

/** A small template in the manner of a family, with what is known of it by reading it. */
export interface TemplateStyle {
  readonly name: string;
  readonly settings: ChatTokenizerSettings & { readonly template: string };
  /** The text of an answer, with its ending, as the template prints it after the sampling prompt. */
  readonly answer: (content: string) => string;
  readonly takesSystem: boolean;
}

const chatml =
  "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{'<|im_start|>assistant\n'}}{% endif %}";

const qwen25 = String.raw`{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
{%- else %}
    {{- '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
`;

const llama3 = String.raw`{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{{- "Cutting Knowledge Date: December 2023\n\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
`;

const alternation = String.raw`{%- set loop_messages = messages %}
{%- if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% endif %}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
{%- endfor %}
`;

const mistral = `${alternation}{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message['role'] == 'user' %}
        {{- '[INST] ' + message['content'] + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message['content'] + eos_token }}
    {%- endif %}
{%- endfor %}
`;

/** As Mistral's: the system message stands in the last message of the user, and only while it is the last message. */
export const mistralSystem = `${alternation}{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message['role'] == 'user' %}
        {%- if loop.last and messages[0]['role'] == 'system' %}
            {{- '[INST] ' + messages[0]['content'] + '\\n\\n' + message['content'] + ' [/INST]' }}
        {%- else %}
            {{- '[INST] ' + message['content'] + ' [/INST]' }}
        {%- endif %}
    {%- else %}
        {{- ' ' + message['content'] + eos_token }}
    {%- endif %}
{%- endfor %}
`;

const llama2 = `${alternation}
{%- for message in loop_messages %}
    {%- if message['role'] == 'user' %}
        {{- bos_token + '[INST] ' + message['content'].strip() + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message['content'].strip() + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}
`;

/** As Qwen3's: thoughts are dropped from earlier turns, and the last answer has a thinking block, if an empty one. */
export const qwen3 = String.raw`{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- if message.role != "assistant" %}
        {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' + '\n' }}
    {%- else %}
        {%- set reasoning_content = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {{- '<|im_start|>' + message.role + '\n<think>\n' + reasoning_content.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}
`;

const generation = String.raw`{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}
        {%- generation -%}
        {{ message.content + '<|im_end|>' }}
        {%- endgeneration -%}
        {{ '\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
`;

const plain =
  "{% for m in messages %}{{ m['role'] | capitalize + ': ' + m['content'] + '\n\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}";

const chatmlConfiguration = { eos_token: '<|im_end|>', pad_token: '<|endoftext|>' };
const mistralConfiguration = { bos_token: '<s>', eos_token: { content: '</s>', special: true } };
const mistralTokens = ['<s>', '</s>'];

export const chatmlStyle: TemplateStyle = {
  name: 'ChatML',
  settings: { template: chatml, configuration: chatmlConfiguration },
  answer: (content) => `${content}<|im_end|>`,
  takesSystem: true,
};

export const generationStyle: TemplateStyle = {
  name: 'generation blocks',
  settings: { template: generation, configuration: chatmlConfiguration },
  answer: (content) => `${content}<|im_end|>`,
  takesSystem: true,
};

export const llama3Style: TemplateStyle = {
  name: 'Llama 3',
  settings: {
    template: llama3,
    tokens: ['<|begin_of_text|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'],
    configuration: { bos_token: '<|begin_of_text|>', eos_token: '<|eot_id|>' },
  },
  answer: (content) => `${stripLikePython(content, 'strip')}<|eot_id|>`,
  takesSystem: true,
};

export const mistralStyle: TemplateStyle = {
  name: 'Mistral',
  settings: { template: mistral, tokens: mistralTokens, configuration: mistralConfiguration },
  answer: (content) => ` ${content}</s>`,
  takesSystem: false,
};

/** Nothing ends a turn but text, and nothing but text begins one. */
export const plainStyle: TemplateStyle = {
  name: 'plain text',
  settings: { template: plain },
  answer: (content) => content,
  takesSystem: true,
};

export const templateStyles: readonly TemplateStyle[] = [
  chatmlStyle,
  generationStyle,
  llama3Style,
  mistralStyle,
  plainStyle,
  { ...chatmlStyle, name: 'Qwen 2.5', settings: { ...chatmlStyle.settings, template: qwen25 } },
  {
    name: 'Llama 2',
    settings: { template: llama2, tokens: mistralTokens, configuration: mistralConfiguration },
    answer: (content) => ` ${stripLikePython(content, 'strip')} </s>`,
    takesSystem: false,
  },
];
