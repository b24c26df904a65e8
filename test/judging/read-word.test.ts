import { expect, it } from 'vitest';
import { readBeginningOfWord, readWord } from '../../src/judging/read-word.js';

it.each([
  ['CODE', 'code'],
  [' CODE', 'code'],
  ['Code', 'code'],
  ['CO', 'code'],
  ['REFUSAL', 'refusal'],
  ['refusal', 'refusal'],
  ['REF', 'refusal'],
  ['RE', 'refusal'],
  // What may begin anything, or begins more.
  ['R', null],
  ['C', null],
  ['Ref', null],
  ['co', null],
  ['CODES', null],
  ['ODE', null],
  ['50', null],
  ['', null],
])('of a token %j is %s', (token, word) => {
  expect(readBeginningOfWord(token)).toBe(word);
});

it('of a reply is the whole word only', () => {
  expect(['CODE', 'REFUSAL', '(refusal)', 'REF', 'CODE CODE', '', '1 CODE'].map(readWord)).toEqual([
    'code',
    'refusal',
    'refusal',
    null,
    null,
    null,
    null,
  ]);
});
