import type { RuleName } from '../../judging/rules.js';
import type { OutlinedCell, PlanOutline } from '../plan/plan-outline.js';
import type { JudgedAnswers } from './judged-answers.js';
import { summariseAnswers, type AnswerSummary } from './summarise-answers.js';

/** All answers of a condition's models, of all its seeds, to one evaluation. */
export interface SummaryRow extends AnswerSummary {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
}

/** What a rule makes of everything that was judged, condition by condition; checkpoints are left to `summariseDynamics`. */
export function summariseRun(
  { cells, evaluations }: Pick<PlanOutline, 'cells' | 'evaluations'>,
  answers: JudgedAnswers,
  rule: RuleName,
): SummaryRow[] {
  return groupByCondition(cells).flatMap(({ base, condition, cells: ofCondition }) =>
    evaluations.flatMap(({ name: evaluation }) => {
      const ofCells = ofCondition.map(({ name }) => answers.find(name, evaluation));
      if (ofCells.every(({ length }) => length === 0)) return [];
      return [{ base, condition, evaluation, ...summariseAnswers(ofCells, rule) }];
    }),
  );
}

export interface ConditionCells {
  readonly base: string;
  readonly condition: string;
  /** One a seed. */
  readonly cells: readonly OutlinedCell[];
}

/** Cells of the same base and condition together, in the order of the plan. */
export function groupByCondition(cells: readonly OutlinedCell[]): ConditionCells[] {
  const groups = new Map<string, { base: string; condition: string; cells: OutlinedCell[] }>();
  for (const cell of cells) {
    const { base, condition } = cell;
    const group = groups.get(`${base}/${condition}`) ?? { base, condition, cells: [] };
    group.cells.push(cell);
    groups.set(`${base}/${condition}`, group);
  }
  return [...groups.values()];
}
