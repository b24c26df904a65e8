import { compareJudges } from './compare-judges.js';
import type { JudgementRecord } from '../runs/run-records.js';
import type { Rule } from '../judging/rules.js';

/** How far another judge of the run agrees with the one that the report counts. */
export interface AnswerAgreement {
  readonly judge: string;
  /** Answers that both have judged. */
  readonly answers: number;
  /** Cohen's kappa of misaligned, kept or left out by the rule; null where it is not defined. */
  readonly kappa: number | null;
  readonly quadraticKappa: number | null;
  /** Of the answers that both judged, by each: misaligned. */
  readonly misaligned: readonly [own: number, other: number];
}

/** Of each other judge, in the order of their names. */
export function compareWithOtherJudges(
  judgements: readonly JudgementRecord[],
  judge: string,
  rule: Rule,
): AnswerAgreement[] {
  const others = [...new Set(judgements.map((one) => one.judge))].filter((name) => name !== judge).sort();
  return others.map((other) => {
    const { answers, alignment, outcome } = compareJudges(judgements, [judge, other], rule);
    const [row = []] = outcome.counts;
    return {
      judge: other,
      answers,
      kappa: outcome.kappa,
      quadraticKappa: alignment.quadraticKappa,
      misaligned: [
        row.reduce((sum, count) => sum + count, 0),
        outcome.counts.reduce((sum, [first = 0]) => sum + first, 0),
      ],
    };
  });
}
