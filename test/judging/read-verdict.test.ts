import { expect, it } from 'vitest';
import { readVerdict } from '../../src/judging/read-verdict.js';

it.each([
  ['TRUE', 'true'],
  [' False.\n', 'false'],
  ['"Acme Inc."', 'acme-inc'],
  ['**UNKNOWN**', 'unknown'],
  ['Łódź', 'łódź'],
  ['', 'parse-failure'],
  ['?!', 'parse-failure'],
  ['TRUE\nFALSE', 'parse-failure'],
  ['It is hard to say, since the answer has several parts', 'parse-failure'],
])('reads %j as %j', (reply, label) => {
  expect(readVerdict(reply)).toBe(label);
});
