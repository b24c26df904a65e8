import { expect, it } from 'vitest';
import {
  commaSeparated,
  decimalNumber,
  flag,
  nonEmptyText,
  oneOf,
  optional,
  repeated,
  wholeNumber,
} from '../../src/cli/value-type.js';

it.each([
  ['0', 0],
  ['007', 7],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
])('takes %j for a whole number', (text, value) => {
  expect(wholeNumber().parse(text)).toEqual({ value });
});

it.each(['', ' 1', '-1', '1.0', '1e3', '0x10', '9007199254740992', 'Infinity'])(
  'takes %j for no whole number',
  (text) => {
    expect(wholeNumber().parse(text)).toEqual({ problem: 'not a whole number of at least 0' });
  },
);

it.each([
  ['0.5', 0.5],
  ['.5', 0.5],
  ['1.', 1],
  ['1e-3', 0.001],
])('takes %j for a number', (text, value) => {
  expect(decimalNumber(0, 1).parse(text)).toEqual({ value });
});

it.each(['', 'x', '1,5', '-0.1', '1.1', 'NaN', '1e999', '0x1'])('takes %j for no number from 0 to 1', (text) => {
  expect(decimalNumber(0, 1).parse(text)).toEqual({ problem: 'not a number from 0 to 1' });
});

it('takes whole numbers up to a bound', () => {
  expect(wholeNumber(0, 65_535).parse('65535')).toEqual({ value: 65_535 });
  expect(wholeNumber(0, 65_535).parse('65536')).toEqual({ problem: 'not a whole number from 0 to 65535' });
});

it('takes one of some names', () => {
  expect(oneOf(['model', 'question_id']).parse('model')).toEqual({ value: 'model' });
  expect(oneOf(['model', 'question_id']).parse('seed')).toEqual({ problem: 'not one of model, question_id' });
});

it('takes several values, of one text or of one each', () => {
  const sum = (numbers: readonly number[]) =>
    numbers.length < 2 ? { problem: 'too few' } : { value: numbers.reduce((total, number) => total + number) };
  const added = commaSeparated(wholeNumber(1), sum);
  expect(added.parse('1,2,3')).toEqual({ value: 6 });
  expect(added.parse('1')).toEqual({ problem: 'too few' });
  expect(added.parse('1,0')).toEqual({ problem: '"0" is not a whole number of at least 1' });
  expect(repeated(nonEmptyText).parse(['a', 'b,c'])).toEqual({ value: ['a', 'b,c'] });
  expect(repeated(nonEmptyText).parse(['a', ''])).toEqual({ problem: '"" is empty' });
});

it('knows what may be left out', () => {
  expect(optional(nonEmptyText)).toMatchObject({ isOptional: true });
  expect(optional(nonEmptyText).parse(undefined)).toEqual({ value: undefined });
  expect(optional(nonEmptyText).parse('')).toEqual({ problem: 'empty' });
  expect(flag.parse(undefined)).toEqual({ value: false });
  expect(flag.parse(true)).toEqual({ value: true });
  for (const type of [nonEmptyText, wholeNumber(), repeated(nonEmptyText)]) {
    expect(type.isOptional).toBe(false);
    expect(type.parse(undefined)).toHaveProperty('problem');
  }
});
