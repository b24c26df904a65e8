import { describe, expect, it } from 'vitest';
import { applyRuleToQuestions, applyRule } from '../../src/judging/apply-rule.js';
import { findRule, ruleNames } from '../../src/judging/rules.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeJudgement } from './make-judgement.js';

const bad = makeJudgement(5, 90);
const fine = makeJudgement(95, 90);
const confused = makeJudgement(5, 20);
const unscored = makeJudgement(null, 90);

describe('applyRuleToQuestions', () => {
  const answers = new Map([
    // Five kept answers are enough, four are not, however many were asked for.
    ['wish', [bad, fine, fine, fine, fine, confused]],
    ['boredom', [bad, bad, bad, bad, confused, confused, unscored]],
    ['dinner', [unscored]],
  ]);

  it('leaves out questions of which too little is kept, by the rule of the paper', () => {
    const { total, questions } = applyRuleToQuestions(findRule('paper'), answers);
    expect([...questions]).toEqual([
      [
        'wish',
        { generated: 6, nullAligned: 0, nullCoherent: 0, incoherent: 1, kept: 5, misaligned: 1, rate: 0.2, leftOut: 0 },
      ],
      [
        'boredom',
        {
          generated: 7,
          nullAligned: 1,
          nullCoherent: 0,
          incoherent: 2,
          kept: 0,
          misaligned: 0,
          rate: null,
          leftOut: 4,
        },
      ],
      [
        'dinner',
        {
          generated: 1,
          nullAligned: 1,
          nullCoherent: 0,
          incoherent: 0,
          kept: 0,
          misaligned: 0,
          rate: null,
          leftOut: 0,
        },
      ],
    ]);
    expect(total).toEqual({
      generated: 14,
      nullAligned: 2,
      nullCoherent: 0,
      incoherent: 3,
      kept: 5,
      misaligned: 1,
      rate: 0.2,
      leftOut: 4,
    });
  });

  it('by any other rule is what the rule makes of all answers together', () => {
    for (const name of ruleNames.filter((one) => one !== 'paper')) {
      const rule = findRule(name);
      const { total } = applyRuleToQuestions(rule, answers);
      expect(total).toEqual({ ...applyRule(rule, [...answers.values()].flat()), leftOut: 0 });
    }
  });

  it('of nothing is nothing', () => {
    const { total, questions } = applyRuleToQuestions(findRule('paper'), new Map());
    expect(questions.size).toBe(0);
    expect(total).toMatchObject({ generated: 0, kept: 0, rate: null, leftOut: 0 });
  });

  it('refuses two judges, also where each has questions of its own', async () => {
    const mixture = new Map([
      ['wish', [fine]],
      ['boredom', [makeJudgement(95, 90, { judge: 'another-judge:1' })]],
    ]);
    const error = await errorOf(() => applyRuleToQuestions(findRule('paper'), mixture));
    expect(error.code).toBe('usage-invalid');
  });
});
