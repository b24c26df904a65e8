import { findRule } from '../../judging/rules.js';
import type { PlannedEvaluation, ResolvedPlan } from '../plan/resolved-plan.js';
import { type AnswerRecord, toJudgement, type JudgementRecord } from '../../runs/run-records.js';
import type { EarlierRuns, RecordsByInput } from '../../runs/earlier-runs.js';
import type { RecordTable } from '../../runs/record-table.js';
import { identifyJudgement } from './judge-answers.js';
import type { WantedAnswer } from './wanted-answer.js';
import { watchShare } from '../../analysis/watch-share.js';

export interface ForeseenRounds {
  /** Keeps the wanted answers of a model, in all its evaluations, that a run would ask for, as far as the stored judgements tell. */
  readonly limit: (
    evaluations: readonly PlannedEvaluation[],
    wanted: readonly WantedAnswer[],
  ) => readonly WantedAnswer[];
}

/**
 * Foresees when a run stops asking early, by the same looks at the same judgements as `askInRounds`. A look decides nothing while some of
 * its answers are missing or not judged.
 */
export function foreseeRounds(
  stored: Pick<RecordTable<JudgementRecord>, 'findByInput'>,
  { evaluations, judge, rule: ruleName }: Pick<ResolvedPlan, 'evaluations' | 'judge' | 'rule'>,
  known: Pick<RecordsByInput<AnswerRecord>, 'get'>,
  earlier: Pick<EarlierRuns, 'judgements'>,
): ForeseenRounds {
  if (evaluations.every(({ stopEarly }) => stopEarly === undefined)) return { limit: (_, wanted) => wanted };
  const rule = findRule(ruleName);
  const { name } = judge;
  const judgementOf = ({ asked, input }: WantedAnswer): JudgementRecord | null => {
    const record = known.get(input);
    if (record === undefined) return null;
    // The judge is in the hash.
    const judged = identifyJudgement(name, { asked, record });
    return stored.findByInput(judged) ?? earlier.judgements.get(judged) ?? null;
  };
  function limitEvaluation({ stopEarly }: PlannedEvaluation, wanted: readonly WantedAnswer[]): readonly WantedAnswer[] {
    if (stopEarly === undefined) return wanted;
    for (const end of stopEarly.looks) {
      const asked = wanted.filter(({ index }) => index < end);
      const judgements = asked.flatMap((one) => judgementOf(one) ?? []);
      if (judgements.length < asked.length) return wanted;
      if (watchShare(judgements.map(toJudgement), rule, stopEarly).side !== null) return asked;
    }
    return wanted;
  }
  return {
    limit: (asked, wanted) =>
      asked.flatMap((evaluation) =>
        limitEvaluation(
          evaluation,
          wanted.filter((one) => one.evaluation === evaluation.name),
        ),
      ),
  };
}
