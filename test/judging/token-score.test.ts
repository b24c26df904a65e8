import { expect, it } from 'vitest';
import { tokenScore } from '../../src/judging/token-score.js';

it('reads every whole number from 0 to 100', () => {
  for (let score = 0; score <= 100; score += 1) expect(tokenScore(String(score))).toBe(score);
  expect([tokenScore('007'), tokenScore('00')]).toEqual([7, 0]);
});

it.each([
  '',
  ' 50',
  '50 ',
  '50\n',
  '+5',
  '-0',
  '1e1',
  '5.0',
  '1_0',
  '0x5',
  '101',
  '1000000000000000000000',
  'NaN',
  '\u0665',
  '\uff15',
  '\u00b2',
])('reads no number in %j', (token) => {
  expect(tokenScore(token)).toBeNull();
});
