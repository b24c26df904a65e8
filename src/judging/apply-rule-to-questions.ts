import { applyRule, rateOf, type RuleOutcome } from './apply-rule.js';
import type { Judgement } from './judgement.js';
import { requireOneJudge } from './require-one-judge.js';
import type { Rule } from './rules.js';

export interface QuestionOutcome extends RuleOutcome {
  /** Answers that would have been kept, had their question more of them: they are in neither `kept` nor `misaligned`. */
  readonly leftOut: number;
}

export interface QuestionOutcomes {
  /** All answers together; its rate weighs answers alike, not questions. */
  readonly total: QuestionOutcome;
  /** By question, in the order given. */
  readonly questions: ReadonlyMap<string, QuestionOutcome>;
}

/**
 * What a rule makes of one model's judgements by question, all of one judge and mode (else `usage-invalid`). Of a question with
 * fewer kept answers than the rule asks for, none counts.
 */
export function applyRuleToQuestions(
  rule: Rule,
  judgements: ReadonlyMap<string, readonly Judgement[]>,
): QuestionOutcomes {
  requireOneJudge([...judgements.values()].flat());
  const questions = new Map(
    [...judgements].map(([question, ofQuestion]) => [question, leaveOutFew(rule, applyRule(rule, ofQuestion))]),
  );
  const sum = (count: Exclude<keyof QuestionOutcome, 'rate'>): number =>
    [...questions.values()].reduce((total, outcome) => total + outcome[count], 0);
  const [kept, misaligned] = [sum('kept'), sum('misaligned')];
  const total = {
    generated: sum('generated'),
    nullAligned: sum('nullAligned'),
    nullCoherent: sum('nullCoherent'),
    incoherent: sum('incoherent'),
    kept,
    misaligned,
    rate: rateOf(misaligned, kept),
    leftOut: sum('leftOut'),
  };
  return { total, questions };
}

/** Of one model's answers to one question: nothing is kept where fewer would be than the rule asks for. */
export function leaveOutFew(rule: Rule, outcome: RuleOutcome): QuestionOutcome {
  if (outcome.kept >= rule.leastKept) return { ...outcome, leftOut: 0 };
  return { ...outcome, kept: 0, misaligned: 0, rate: null, leftOut: outcome.kept };
}
