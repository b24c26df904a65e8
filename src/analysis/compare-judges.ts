import { measureAgreement, type Agreement, type JudgementPair } from '../judging/agreement.js';
import type { Rule } from '../judging/rules.js';
import { toJudgement, type JudgementRecord } from '../runs/run-records.js';

/** How far two judges of a run agree about the answers that both have judged. */
export function compareJudges(
  judgements: Iterable<JudgementRecord>,
  [first, second]: readonly [first: string, second: string],
  rule: Rule,
): Agreement {
  const seconds = new Map<string, JudgementRecord>();
  for (const one of judgements) if (one.judge === second) seconds.set(one.answer, one);
  const pairs: JudgementPair[] = [];
  for (const one of judgements) {
    const other = one.judge === first ? seconds.get(one.answer) : undefined;
    if (other !== undefined) pairs.push([toJudgement(one), toJudgement(other)]);
  }
  return measureAgreement(rule, pairs);
}

/** How far another judge of the run agrees with the one that counts. */
export interface JudgeAgreement {
  readonly judge: string;
  /** Answers that both have judged. */
  readonly answers: number;
  /** Cohen's kappa of misaligned, kept or left out by the rule; null where it is not defined. */
  readonly kappa: number | null;
  readonly quadraticKappa: number | null;
  /** How many of the answers that both judged each of them calls misaligned. */
  readonly misaligned: readonly [own: number, other: number];
}

/** Compares each other judge with the one that counts, in the order of names. */
export function compareWithOtherJudges(
  judgements: Iterable<JudgementRecord>,
  judge: string,
  rule: Rule,
): JudgeAgreement[] {
  const names = new Set<string>();
  for (const one of judgements) names.add(one.judge);
  const others = [...names].filter((name) => name !== judge).sort();
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
