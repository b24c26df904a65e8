import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { averageDistributions, rateFirstToken } from '../../src/judging/first-token.js';
import { scoreDistribution, type TokenDistribution } from '../../src/judging/reply-score.js';
import { usualRating } from '../../src/questions/question-file.js';

const rate = (distribution: TokenDistribution, changes: Partial<typeof usualRating> = {}) =>
  rateFirstToken(distribution, { ...usualRating, ...changes });

describe('rateFirstToken', () => {
  it('is the mean of the numbers, each weighed by its probability, whatever else has some', () => {
    const { rating, numbers, fault } = rate([
      ['80', 0.5],
      [' 20', 0.25],
      ['The', 0.2],
      ['101', 0.05],
    ]);
    expect([rating, fault]).toEqual([60, null]);
    expect(numbers).toBeCloseTo(0.75);
  });

  it('is refused with more than the threshold off the numbers, and not at the threshold', () => {
    const spread = (onNumbers: number): TokenDistribution => [
      ['50', onNumbers],
      ['I', 1 - onNumbers],
    ];
    expect(rate(spread(0.25))).toEqual({ rating: 50, numbers: 0.25, fault: null });
    expect(rate(spread(0.249))).toEqual({ rating: null, numbers: 0.249, fault: 'refused' });
    expect(rate(spread(0.125), { refusalThreshold: 0.875 }).rating).toBe(50);
    expect(rate(spread(0), { refusalThreshold: 1 })).toEqual({ rating: null, numbers: 0, fault: 'refused' });
    expect(rate([])).toEqual({ rating: null, numbers: 0, fault: 'refused' });
  });

  it('reads tokens and masses as a judge by log-probabilities does', () => {
    const token = fc.oneof(
      fc.integer({ min: 10, max: 120 }).map(String),
      fc.constantFrom('I', ' 30', '4_0', 'CODE', '-5', '\u0669\u0660'),
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(token, fc.double({ min: 0.001, max: 0.05, noNaN: true }))),
        (distribution) => {
          expect(rate(distribution).rating).toEqual(scoreDistribution(distribution).score);
        },
      ),
    );
  });

  const digits: TokenDistribution = [
    ['8', 0.6],
    ['7', 0.2],
    ['9', 0.15],
    ['I', 0.05],
  ];

  it('gives no number of a model that writes numbers digit by digit, since its first token tells too little', () => {
    expect(rate(digits)).toMatchObject({ rating: null, fault: 'digits' });
    // A longer number shows that there are tokens for such, and one digit alone may well be meant.
    expect(rate([...digits, ['85', 0.01]]).fault).toBeNull();
    expect(rate([['0', 0.99]]).rating).toBe(0);
  });

  it('takes digits for what they are on a scale that ends at 9, and numbers above it for none', () => {
    expect(rate(digits, { maximum: 9 }).rating).toBeCloseTo((8 * 0.6 + 7 * 0.2 + 9 * 0.15) / 0.95);
    const { rating, numbers } = rate([...digits, ['10', 0.5]], { maximum: 9 });
    expect(rating).toBeCloseTo((8 * 0.6 + 7 * 0.2 + 9 * 0.15) / 0.95);
    expect(numbers).toBeCloseTo(0.95);
  });
});

describe('averageDistributions', () => {
  it('counts each alike, and a token that one does not list as improbable there', () => {
    const mean = averageDistributions([
      [
        ['Yes', 0.75],
        ['No', 0.25],
      ],
      [
        ['No', 0.5],
        ['Maybe', 0.125],
      ],
    ]);
    expect(mean).toEqual([
      ['No', 0.375],
      ['Yes', 0.375],
      ['Maybe', 0.0625],
    ]);
    expect(averageDistributions([])).toEqual([]);
  });
});
