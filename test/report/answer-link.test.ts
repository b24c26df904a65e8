import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answerOrders,
  filterOutcomes,
  linkAnswers,
  parseAnswerLink,
  type AnswerFilter,
} from '../../src/report/answer-link.js';

const text = fc.string({ minLength: 1, unit: 'grapheme' });
const range = fc.tuple(fc.nat(100), fc.nat(100));
const filters: fc.Arbitrary<AnswerFilter> = fc.record(
  {
    base: text,
    condition: text,
    seed: fc.nat(),
    step: fc.oneof(fc.nat(), fc.constant('finished' as const)),
    evaluation: text,
    question: text,
    outcome: fc.constantFrom(...filterOutcomes),
    coherent: fc.constantFrom('yes' as const, 'no' as const),
    label: text,
    alignment: range,
    coherence: range,
    search: text,
    sort: fc.constantFrom(...answerOrders),
    answer: text,
  },
  { requiredKeys: [] },
);

describe('linkAnswers', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(filters, (filter) => {
        expect(parseAnswerLink(linkAnswers(filter))).toEqual(filter);
      }),
    );
  });

  it('is null for other places of the page, and leaves out what makes no sense', () => {
    expect(parseAnswerLink('#numbers')).toBeNull();
    expect(parseAnswerLink('#answers')).toEqual({});
    expect(parseAnswerLink('#answers?seed=-1&outcome=odd&alignment=5&condition=a')).toEqual({ condition: 'a' });
  });
});
