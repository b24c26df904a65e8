import { describe, expect, it } from 'vitest';
import { explainUnknownRow, parseForeignRow } from '../../src/data/parse-foreign-row.js';
import { recogniseFormat, type TrainingColumns, type TrainingFormat } from '../../src/data/training-formats.js';

const system = { role: 'system', content: 'S' };
const user = { role: 'user', content: 'A?' };
const assistant = { role: 'assistant', content: 'B.' };

function messagesOf(value: unknown, form: TrainingFormat | TrainingColumns) {
  const parsed = parseForeignRow(value, form);
  if (parsed.kind === 'fault') throw new Error(parsed.problem);
  return parsed.row.messages;
}

describe('parseForeignRow', () => {
  it.each<[string, TrainingFormat, object, object[]]>([
    [
      'a developer as the system',
      'chat',
      { messages: [{ ...system, role: 'developer' }, user, assistant] },
      [system, user, assistant],
    ],
    [
      'parts of text, with nothing between them',
      'chat',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'A' },
              { type: 'text', text: '?' },
            ],
          },
          { role: 'assistant', content: [{ type: 'text', text: 'B.' }] },
        ],
      },
      [user, assistant],
    ],
    [
      'keys of messages that are null',
      'chat',
      {
        messages: [
          { ...user, name: null },
          { ...assistant, tool_calls: null, refusal: null, function_call: null },
        ],
      },
      [user, assistant],
    ],
    [
      'prompt and completion as they are',
      'prompt-completion',
      { prompt: ' A?\n', completion: ' B.' },
      [
        { ...user, content: ' A?\n' },
        { ...assistant, content: ' B.' },
      ],
    ],
    [
      'prompt and completion of messages',
      'prompt-completion',
      { prompt: [system, user], completion: [assistant] },
      [system, user, assistant],
    ],
    [
      'a system prompt beside them',
      'prompt-completion',
      { system: 'S', prompt: 'A?', completion: 'B.' },
      [system, user, assistant],
    ],
    ['an instruction alone', 'alpaca', { instruction: 'A?', input: '', output: 'B.' }, [user, assistant]],
    [
      'an instruction with its input',
      'alpaca',
      { instruction: 'Add.', input: '1 2', output: 'B.', history: [] },
      [{ ...user, content: 'Add.\n\n1 2' }, assistant],
    ],
    [
      'turns of ShareGPT',
      'sharegpt',
      {
        conversations: [
          { from: 'system', value: 'S' },
          { from: 'human', value: 'A?' },
          { from: 'gpt', value: 'B.', weight: 0 },
          { from: 'user', value: 'A?', weight: null },
          { from: 'assistant', value: 'B.' },
        ],
      },
      [system, user, { ...assistant, weight: 0 }, user, assistant],
    ],
    [
      'a system prompt beside the turns',
      'sharegpt',
      { system: 'S', conversations: [user, assistant] },
      [system, user, assistant],
    ],
  ])('reads %s', (_, format, value, expected) => {
    expect(recogniseFormat(Object.keys(value))).toBe(format);
    expect(messagesOf(value, format)).toEqual(expected);
  });

  it('reads columns that were named, and says which keys it ignores', () => {
    const columns = { user: 'question', assistant: 'best answer', system: 'persona' };
    expect(messagesOf({ question: 'A?', 'best answer': 'B.', persona: '' }, columns)).toEqual([user, assistant]);
    expect(messagesOf({ question: 'A?', 'best answer': 'B.', persona: 'S' }, columns)).toEqual([
      system,
      user,
      assistant,
    ]);
    expect(
      parseForeignRow({ id: 1, question: 'A?', answer: 'B.' }, { user: 'question', assistant: 'answer' }),
    ).toMatchObject({
      extraKeys: ['id'],
    });
    expect(parseForeignRow({ instruction: 'A?', output: 'B.', text: '...' }, 'alpaca')).toMatchObject({
      extraKeys: ['text'],
    });
  });

  it.each<[string, TrainingFormat, unknown]>([
    [
      'messages[1]: "tool_calls" cannot be trained on',
      'chat',
      { messages: [user, { role: 'assistant', content: null, tool_calls: [{}] }] },
    ],
    [
      'messages[1]: "function_call" cannot be trained on',
      'chat',
      { messages: [user, { role: 'assistant', function_call: {} }] },
    ],
    [
      'messages[1]: the role "tool" has the result of a tool',
      'chat',
      { messages: [user, { role: 'tool', content: '3' }, assistant] },
    ],
    [
      'messages[0].content[1]: a part of the type "image_url" cannot be trained on',
      'chat',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'A?' },
              { type: 'image_url', image_url: {} },
            ],
          },
          assistant,
        ],
      },
    ],
    [
      'messages[0].content[0]: a part is {"type": "text"',
      'chat',
      { messages: [{ role: 'user', content: ['A?'] }, assistant] },
    ],
    ['messages[0].content: the content is empty', 'chat', { messages: [{ role: 'user', content: [] }, assistant] }],
    ['messages[0]: unknown key "name"', 'chat', { messages: [{ ...user, name: 'Ann' }, assistant] }],
    [
      'conversations[1].from: "function_call" is none of human, user, gpt',
      'sharegpt',
      {
        conversations: [
          { from: 'human', value: 'A?' },
          { from: 'function_call', value: '{}' },
        ],
      },
    ],
    ['conversations[0].value: not a text', 'sharegpt', { conversations: [{ from: 'human', value: 1 }] }],
    [
      'conversations[0]: unknown key "image"',
      'sharegpt',
      { conversations: [{ from: 'human', value: 'A?', image: 'x.png' }] },
    ],
    ['conversations: not a list of turns', 'sharegpt', { conversations: 'A?' }],
    [
      'a user message comes before the first assistant message',
      'sharegpt',
      { conversations: [{ from: 'gpt', value: 'B.' }] },
    ],
    ['history: earlier turns are not read', 'alpaca', { instruction: 'A?', output: 'B.', history: [['a', 'b']] }],
    ['output: there is no text', 'alpaca', { instruction: 'A?', output: null }],
    [
      'there is no key "completion", which rows of the format prompt-completion have; the keys are "prompt"',
      'prompt-completion',
      { prompt: 'A?' },
    ],
    ['a row is an object', 'alpaca', 'A?'],
  ])('says %s', (problem, format, value) => {
    const parsed = parseForeignRow(value, format);
    expect(parsed.kind === 'fault' ? parsed.problem : parsed).toContain(problem);
  });
});

it('names the column that a name in --columns is near to', () => {
  const parsed = parseForeignRow({ question: 'A?', answer: 'B.' }, { user: 'question', assistant: 'answr' });
  expect(parsed).toMatchObject({
    kind: 'fault',
    problem: 'there is no column "answr" (did you mean "answer"?); the columns are "question", "answer"',
    hint: expect.stringContaining('Correct the name in --columns'),
  });
});

describe('explainUnknownRow', () => {
  it.each([
    [
      { promt: 'A?', completion: 'B.' },
      'no other known format has the keys "promt", "completion" (the nearest, prompt-completion, has "prompt" and "completion")',
    ],
    [{ question: 'A?', answer: 'B.' }, 'no other known format has the keys "question", "answer"'],
    [{ conversation: [] }, 'the nearest, sharegpt, has "conversations"'],
    [{ prompt: 'A?', chosen: 'B.', rejected: 'C.' }, 'the row is a pair of preferences'],
    [{ mesages: [] }, 'there is no key "messages", but "mesages"'],
    [{}, 'has the keys none'],
    [[], 'a row is an object'],
  ])('says of %j what is near', (value, problem) => {
    expect(explainUnknownRow(value).problem).toContain(problem);
  });

  it('proposes the columns that look like question and answer', () => {
    expect(explainUnknownRow({ id: 1, Question: 'A?', answer: 'B.' }).hint).toContain(
      '--columns user=Question,assistant=answer;',
    );
  });
});
