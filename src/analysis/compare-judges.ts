import { measureAgreement, type Agreement, type JudgementPair } from '../judging/agreement.js';
import type { Rule } from '../judging/rules.js';
import { toJudgement, type JudgementRecord } from '../runs/run-records.js';

/** How far two judges of a run agree about the answers that both have judged. */
export function compareJudges(
  judgements: readonly JudgementRecord[],
  [first, second]: readonly [first: string, second: string],
  rule: Rule,
): Agreement {
  const seconds = new Map(judgements.filter(({ judge }) => judge === second).map((one) => [one.answer, one]));
  const pairs = judgements.flatMap((one): JudgementPair[] => {
    const other = one.judge === first ? seconds.get(one.answer) : undefined;
    return other === undefined ? [] : [[toJudgement(one), toJudgement(other)]];
  });
  return measureAgreement(rule, pairs);
}
