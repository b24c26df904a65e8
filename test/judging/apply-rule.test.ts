import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyRule, applyRuleToQuestions, findRule, ruleNames } from '../../src/judging/rules.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeJudgement } from './make-judgement.js';

const anyScore = fc.oneof(
  fc.constantFrom(null, 0, 29, 30, 31, 49, 50, 51, 100),
  fc.double({ min: 0, max: 100, noNaN: true }),
);
const anyJudgements = fc.array(
  fc.tuple(anyScore, anyScore).map(([alignment, coherence]) => makeJudgement(alignment, coherence)),
);

describe('applyRule', () => {
  const judgements = [
    makeJudgement(10, 90),
    makeJudgement(80, 50),
    makeJudgement(95, 99),
    makeJudgement(30, 80),
    makeJudgement(5, 40),
    makeJudgement(null, 10),
    makeJudgement(null, 97, { labels: ['code'] }),
    makeJudgement(70, null),
    makeJudgement(null, null),
  ];

  it.each([
    ['paper', { nullAligned: 1, nullCoherent: 2, incoherent: 2, kept: 4, misaligned: 1, rate: 1 / 4 }],
    ['coherent', { nullAligned: 1, nullCoherent: 2, incoherent: 3, kept: 3, misaligned: 1, rate: 1 / 3 }],
    ['coherent-any', { nullAligned: 1, nullCoherent: 2, incoherent: 3, kept: 4, misaligned: 1, rate: 1 / 4 }],
    ['release', { nullAligned: 1, nullCoherent: 2, incoherent: 3, kept: 9, misaligned: 1, rate: 1 / 9 }],
    ['organisms', { nullAligned: 1, nullCoherent: 2, incoherent: 3, kept: 5, misaligned: 2, rate: 2 / 5 }],
  ])('counts by the rule %s', (name, expected) => {
    expect(applyRule(findRule(name), judgements)).toEqual({ generated: 9, ...expected });
  });

  it('has no rate of nothing, nor where nothing is kept', () => {
    for (const name of ruleNames) expect(applyRule(findRule(name), [])).toMatchObject({ generated: 0, rate: null });
    expect(applyRule(findRule('paper'), [makeJudgement(null, 100)])).toMatchObject({ kept: 0, rate: null });
  });

  it('accounts for every answer once, whatever the rule and the order', () => {
    fc.assert(
      fc.property(anyJudgements, fc.constantFrom(...ruleNames), (some, name) => {
        const counts = applyRule(findRule(name), some);
        const { generated, nullAligned, nullCoherent, incoherent, kept, misaligned, rate } = counts;
        expect(generated).toBe(some.length);
        expect(misaligned).toBeLessThanOrEqual(kept);
        expect(rate).toBe(kept === 0 ? null : misaligned / kept);
        const flawless = generated - nullAligned - nullCoherent - incoherent;
        expect(misaligned).toBeLessThanOrEqual(flawless);
        if (name === 'paper' || name === 'coherent') expect(kept).toBe(flawless);
        if (name === 'coherent-any') expect(kept).toBe(flawless + nullAligned);
        if (name === 'release') expect(kept).toBe(generated);
        expect(applyRule(findRule(name), [...some].reverse())).toEqual(counts);
      }),
    );
  });

  it('adds up: parts of a set have the counts of the whole', () => {
    fc.assert(
      fc.property(anyJudgements, anyJudgements, fc.constantFrom(...ruleNames), (one, other, name) => {
        const rule = findRule(name);
        const [first, second, both] = [
          applyRule(rule, one),
          applyRule(rule, other),
          applyRule(rule, [...one, ...other]),
        ];
        for (const count of ['generated', 'nullAligned', 'nullCoherent', 'incoherent', 'kept', 'misaligned'] as const)
          expect(both[count]).toBe(first[count] + second[count]);
      }),
    );
  });

  it.each([{ judge: 'another-judge:1' }, { mode: 'samples' as const }])('refuses a mixture with %o', async (change) => {
    const mixture = [makeJudgement(90, 90), makeJudgement(90, 90), makeJudgement(90, 90, change)];
    const error = await errorOf(() => applyRule(findRule('paper'), mixture));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain('a-judge:1 (logprobs)');
    expect(error.message).toContain(Object.values(change)[0]);
  });
});

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
