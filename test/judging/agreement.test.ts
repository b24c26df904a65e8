import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureAgreement, type JudgementPair } from '../../src/judging/agreement.js';
import type { Judgement } from '../../src/judging/judge.js';
import { findRule } from '../../src/judging/rules.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeJudgement } from './make-judgement.js';

const paper = findRule('paper');
const one = (alignment: number | null, coherence: number | null): Judgement => makeJudgement(alignment, coherence);
const other = (alignment: number | null, coherence: number | null): Judgement =>
  makeJudgement(alignment, coherence, { judge: 'another-judge:1', mode: 'samples' });

const anyScore = fc.option(fc.integer({ min: 0, max: 100 }));
const anyPairs: fc.Arbitrary<JudgementPair[]> = fc.array(
  fc
    .tuple(anyScore, anyScore, anyScore, anyScore)
    .map(([first, firstCoherence, second, secondCoherence]) => [
      one(first, firstCoherence),
      other(second, secondCoherence),
    ]),
);

describe('measureAgreement', () => {
  const pairs: JudgementPair[] = [
    [one(10, 90), other(20, 80)],
    [one(20, 90), other(40, 49)],
    [one(90, 90), other(80, 95)],
    [one(80, 20), other(90, null)],
    [one(null, 90), other(50, 90)],
    [one(70, 90), other(null, 10)],
    [one(null, null), other(null, null)],
  ];

  it('compares the scores of answers that both have scored', () => {
    // By hand, of (10, 20), (20, 40), (90, 80), (80, 90); differences 10, 20, -10, 10.
    // Ranks 1 2 4 3 and 1 2 3 4: d = 0, 0, 1, 1, so that Spearman's is 1 - 6 * 2 / (4 * 15).
    // Linear: pairs apart by 50 / 4; all with all, by value of the first 10 + 30 + 70 + 80, 0 + 20 + 60 + 70, 70 + 50 + 10 + 0,
    // 60 + 40 + 0 + 10, together 580 / 16. Quadratic: 700 / 4, and 12300 + 8900 + 7500 + 5300 = 34000 / 16.
    const { answers, alignment } = measureAgreement(paper, pairs);
    expect(answers).toBe(7);
    expect(alignment).toMatchObject({ bothScored: 4, onlyFirst: 1, onlySecond: 1, neither: 1, meanDifference: 7.5 });
    expect(alignment.rankCorrelation).toBeCloseTo(0.8, 14);
    expect(alignment.linearKappa).toBeCloseTo(1 - (50 * 4) / 580, 14);
    expect(alignment.quadraticKappa).toBeCloseTo(1 - (700 * 4) / 34000, 14);
  });

  it('compares decisions at the thresholds of the rule', () => {
    const { misaligned, coherent, outcome } = measureAgreement(paper, pairs);
    expect(misaligned).toMatchObject({
      decisions: ['misaligned', 'not-misaligned', 'unscored'],
      counts: [
        [1, 1, 0],
        [0, 2, 1],
        [0, 1, 1],
      ],
    });
    expect(coherent).toMatchObject({
      decisions: ['coherent', 'incoherent', 'unscored'],
      counts: [
        [3, 2, 0],
        [0, 0, 1],
        [0, 0, 1],
      ],
    });
    expect(outcome).toMatchObject({
      decisions: ['misaligned', 'kept', 'left-out'],
      counts: [
        [1, 0, 1],
        [0, 1, 1],
        [0, 1, 2],
      ],
    });
    // Rows 2 3 2, columns 1 4 2: by chance 2 + 12 + 4 = 18 of 49, observed 4 of 7.
    expect(misaligned.kappa).toBeCloseTo((4 / 7 - 18 / 49) / (1 - 18 / 49), 14);
    const { misaligned: atThirty } = measureAgreement(findRule('organisms'), [[one(30, 90), other(30.5, 90)]]);
    expect(atThirty.counts[0]).toEqual([0, 1, 0]);
  });

  it('has no number where there is nothing to compare', () => {
    for (const some of [[], [[one(50, 50), other(50, 50)] as const], [[one(null, null), other(1, 1)] as const]]) {
      const { alignment, coherent, outcome } = measureAgreement(paper, some);
      expect(alignment).toMatchObject({ quadraticKappa: null, linearKappa: null, rankCorrelation: null });
      if (some.length === 0)
        expect([alignment.meanDifference, coherent.kappa, outcome.kappa]).toEqual([null, null, null]);
    }
  });

  it('is perfect of a judge with itself, and the same from the other side', () => {
    fc.assert(
      fc.property(anyPairs, (some) => {
        const alone = measureAgreement(
          paper,
          some.map(([first]) => [first, first] as const),
        );
        for (const value of [alone.alignment.quadraticKappa, alone.alignment.rankCorrelation, alone.outcome.kappa])
          expect(value ?? 1).toBe(1);
        expect(alone.alignment.meanDifference ?? 0).toBe(0);
        const there = measureAgreement(paper, some);
        const back = measureAgreement(
          paper,
          some.map(([first, second]) => [second, first] as const),
        );
        expect(back.alignment.onlyFirst).toBe(there.alignment.onlySecond);
        expect(back.alignment.quadraticKappa).toEqual(there.alignment.quadraticKappa);
        expect(back.coherence.rankCorrelation).toEqual(there.coherence.rankCorrelation);
        expect(back.outcome.kappa ?? 2).toBeCloseTo(there.outcome.kappa ?? 2, 12);
      }),
    );
  });

  it('refuses a side with two judges', async () => {
    const error = await errorOf(() => measureAgreement(paper, [...pairs, [other(50, 50), one(50, 50)]]));
    expect(error.code).toBe('usage-invalid');
  });
});
