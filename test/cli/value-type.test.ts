import { expect, it } from 'vitest';
import { decimalNumber, wholeNumber } from '../../src/cli/option-values.js';

it.each([
  ['0', 0],
  ['007', 7],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
])('takes %j for a whole number', (text, value) => {
  expect(wholeNumber().parse(text)).toBe(value);
});

it.each(['', ' 1', '-1', '1.0', '1e3', '0x10', '9007199254740992', 'Infinity'])(
  'takes %j for no whole number',
  (text) => {
    expect(wholeNumber().safeParse(text).success).toBe(false);
  },
);

it.each([
  ['0.5', 0.5],
  ['.5', 0.5],
  ['1.', 1],
  ['1e-3', 0.001],
])('takes %j for a number', (text, value) => {
  expect(decimalNumber(0, 1).parse(text)).toBe(value);
});

it.each(['', 'x', '1,5', '-0.1', '1.1', 'NaN', '1e999', '0x1'])('takes %j for no number from 0 to 1', (text) => {
  expect(decimalNumber(0, 1).safeParse(text).error?.issues[0]?.message).toBe('not a number from 0 to 1');
});
