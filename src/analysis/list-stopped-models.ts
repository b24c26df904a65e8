import { watchShare, type StoppedModel } from './watch-share.js';
import { toJudgement } from '../runs/run-records.js';
import type { StoredRun } from '../runs/run-manifest.js';
import { findRule } from '../judging/rules.js';
import type { ReportAnswer } from './report-answer.js';

/** Models that were asked less than planned, since it was clear on which side of the plan's limit their misaligned share lies. */
export function listStoppedModels(
  { evaluations, cells, rule }: Pick<StoredRun, 'evaluations' | 'cells' | 'rule'>,
  answers: readonly ReportAnswer[],
): StoppedModel[] {
  return evaluations.flatMap(({ name: evaluation, stopEarly }) => {
    if (stopEarly === undefined) return [];
    const { limit, confidence, answers: planned } = stopEarly;
    const byModel = new Map(cells.map(({ name }) => [name, [] as ReportAnswer[]]));
    for (const answer of answers)
      if (answer.record.evaluation === evaluation) byModel.get(answer.record.cell)?.push(answer);
    return [...byModel].flatMap(([model, own]): StoppedModel[] => {
      if (own.length >= planned) return [];
      const judgements = own.flatMap(({ judgement }) => (judgement === null ? [] : [toJudgement(judgement)]));
      const watched = watchShare(judgements, findRule(rule), stopEarly);
      // A run that was killed has fewer answers, too, and nothing is clear yet.
      if (watched.side === null) return [];
      return [{ model, evaluation, limit, confidence, answers: own.length, planned, ...watched }];
    });
  });
}
