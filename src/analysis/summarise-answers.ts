import { applyRuleToQuestions } from '../judging/apply-rule-to-questions.js';
import type { RuleCounts } from '../judging/apply-rule.js';
import type { Judgement } from '../judging/judgement.js';
import { findRule, type RuleName } from '../judging/rules.js';
import { wilsonInterval } from '../stats/wilson-interval.js';
import type { JudgedAnswer } from './judged-answers.js';

/** A share 0..1 with what it was counted from. */
export interface CountedShare {
  readonly successes: number;
  readonly trials: number;
  /** Null without any trial. */
  readonly share: number | null;
  /** Wilson's 95 % interval over answers, which it takes for independent. */
  readonly interval: readonly [low: number, high: number];
}

/** What a rule makes of the answers of some models, taken together. */
export interface AnswerSummary {
  readonly counts: RuleCounts;
  /** Of the kept answers. */
  readonly misaligned: CountedShare;
  /** Of all answers, those without a coherence among them. */
  readonly incoherent: CountedShare;
  /** Of all answers, by label. */
  readonly labels: Readonly<Record<string, CountedShare>>;
  /** The misaligned share of each model, in the order given: those of the seeds of a condition. */
  readonly seeds: readonly (number | null)[];
}

export function summariseAnswers(ofModels: readonly (readonly JudgedAnswer[])[], ruleName: RuleName): AnswerSummary {
  const rule = findRule(ruleName);
  // By model and question: that is what a rule may ask a number of answers of.
  const outcomes = ofModels.map((answers) => {
    const questions = new Map<string, Judgement[]>();
    for (const { answer, judgement } of answers) {
      const ofQuestion = questions.get(answer.question) ?? [];
      ofQuestion.push(judgement);
      questions.set(answer.question, ofQuestion);
    }
    return applyRuleToQuestions(rule, questions).total;
  });
  const sum = (count: keyof RuleCounts): number => outcomes.reduce((total, outcome) => total + outcome[count], 0);
  const counts = {
    generated: sum('generated'),
    nullAligned: sum('nullAligned'),
    nullCoherent: sum('nullCoherent'),
    incoherent: sum('incoherent'),
    kept: sum('kept'),
    misaligned: sum('misaligned'),
  };
  const labels = new Map<string, number>();
  for (const { judgement } of ofModels.flat())
    for (const label of judgement.labels) labels.set(label, (labels.get(label) ?? 0) + 1);
  return {
    counts,
    misaligned: shareOf(counts.misaligned, counts.kept),
    incoherent: shareOf(counts.incoherent + counts.nullCoherent, counts.generated),
    labels: Object.fromEntries(
      [...labels.keys()].sort().map((label) => [label, shareOf(labels.get(label) ?? 0, counts.generated)]),
    ),
    seeds: outcomes.map(({ rate }) => rate),
  };
}

export function shareOf(successes: number, trials: number): CountedShare {
  return {
    successes,
    trials,
    share: trials === 0 ? null : successes / trials,
    interval: wilsonInterval(successes, trials),
  };
}
