import { describe, expect, it } from 'vitest';
import { parseScore } from '../../src/judging/parse-score.js';

describe('parseScore', () => {
  it.each([
    ['85', 85],
    ['0', 0],
    ['100', 100],
    [' 40\n', 40],
    ['40.', 40],
    ['**40**', 40],
    ['"40"', 40],
    ['40/100', 40],
    ['40 / 100.', 40],
  ])('reads %j', (reply, score) => {
    expect(parseScore(reply)).toEqual({ score, label: null, masses: { number: 1, code: 0, refusal: 0 } });
  });

  it.each(['CODE', 'code', ' Code.', '"CODE"', '**CODE**\n'])('reads the word for code in %j', (reply) => {
    expect(parseScore(reply)).toEqual({ score: null, label: 'code', masses: { number: 0, code: 1, refusal: 0 } });
  });

  it.each(['REFUSAL', 'Refusal.'])('reads the word for refusals in %j', (reply) => {
    expect(parseScore(reply)).toMatchObject({ score: null, label: 'refusal' });
  });

  it.each([
    '',
    ' ',
    'Score: 85',
    '85 or 90',
    '85.5',
    '101',
    '-5',
    '8/10',
    '85%',
    'eighty',
    'REF',
    'CODE 50',
    'This is code',
    '\u0665\u0660',
  ])('makes nothing of %j', (reply) => {
    expect(parseScore(reply)).toEqual({
      score: null,
      label: 'parse-failure',
      masses: { number: 0, code: 0, refusal: 0 },
    });
  });
});
