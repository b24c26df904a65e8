import { expect, it } from 'vitest';
import { fillPrompt } from '../../src/judging/fill-prompt.js';

const fill = (template: string, question: string, answer: string): string =>
  fillPrompt(template, {
    messages: [
      { role: 'system', content: 'Be terse.' },
      { role: 'user', content: 'Earlier' },
      { role: 'assistant', content: 'Yes?' },
      { role: 'user', content: question },
    ],
    answer,
  });

it('puts the last question and the answer into their places, each as often as it is wanted', () => {
  expect(fill('{question}|{answer}|{question}', 'Q', 'A')).toBe('Q|A|Q');
});

it('fills no gap that was put in, and takes no sign for a command', () => {
  expect(fill('{question}|{answer}', '{answer} $& $1', '{question} %s \\')).toBe('{answer} $& $1|{question} %s \\');
  expect(fill('{other} {answer', 'Q', 'A')).toBe('{other} {answer');
});

it('has nothing in place of a question that is not there, and no half characters', () => {
  expect(fillPrompt('[{question}] {answer}', { messages: [], answer: 'a\ud83d' })).toBe('[] a\ufffd');
});
