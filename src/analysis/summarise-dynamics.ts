import type { RuleName } from '../judging/rules.js';
import { listEvaluatedModels, type OutlinedCell, type PlanOutline } from '../runs/run-outline.js';
import type { JudgedAnswers } from './judged-answers.js';
import { summariseAnswers, type AnswerSummary } from './summarise-answers.js';
import { groupByCondition } from './summarise-run.js';

/** A point of a training curve: the models of a condition, of all its seeds, after so many steps. */
export interface DynamicsRow extends AnswerSummary {
  readonly base: string;
  readonly condition: string;
  /** 0 for the base. */
  readonly step: number;
}

/** Training curves, condition by condition, each from the base to the finished models; none where the plan has no dynamics. */
export function summariseDynamics(
  plan: Pick<PlanOutline, 'cells' | 'evaluations' | 'dynamics'>,
  answers: JudgedAnswers,
  rule: RuleName,
): DynamicsRow[] {
  const { dynamics, cells } = plan;
  if (dynamics === null) return [];
  const baseOf = (name: string): OutlinedCell[] =>
    cells.filter(({ base, training }) => base === name && training === null);
  return groupByCondition(cells).flatMap(({ base, condition, cells: tuned }) => {
    const steps = new Map<number, string[]>();
    if (tuned.every(({ training }) => training === null || training.keepSteps.length === 0)) return [];
    for (const cell of [...baseOf(base), ...tuned])
      for (const { name, step, evaluations } of listEvaluatedModels(plan, cell)) {
        if (!evaluations.includes(dynamics.evaluation)) continue;
        const place = step ?? lastStepOf(cell);
        steps.set(place, [...(steps.get(place) ?? []), name]);
      }
    return [...steps]
      .sort(([one], [two]) => one - two)
      .flatMap(([step, models]) => {
        const ofModels = models.map((model) => answers.find(model, dynamics.evaluation.name));
        if (ofModels.every(({ length }) => length === 0)) return [];
        return [{ base, condition, step, ...summariseAnswers(ofModels, rule) }];
      });
  });
}

function lastStepOf({ training }: OutlinedCell): number {
  return training?.steps ?? 0;
}
