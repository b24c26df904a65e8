import { findRule, type RuleName } from '../judging/rules.js';
import type { OutlinedCell, OutlinedEvaluation, PlanOutline } from '../runs/run-outline.js';
import type { JudgedAnswer, JudgedAnswers } from './judged-answers.js';
import { summariseAnswers, type AnswerSummary } from './summarise-answers.js';
import { watchShare, type StoppedModel } from './watch-share.js';

/** All answers of a condition's models, of all its seeds, to one evaluation. */
export interface SummaryRow extends AnswerSummary {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  /**
   * Models among them that were asked less than planned, with what is known of them all the same. Where there are any, an interval that
   * takes the number of answers for fixed, as Wilson's does, does not hold. Not there where the plan stops nothing early.
   */
  readonly stopped?: readonly StoppedModel[];
}

/** What a rule makes of everything that was judged, condition by condition; checkpoints are left to `summariseDynamics`. */
export function summariseRun(
  { cells, evaluations }: Pick<PlanOutline, 'cells' | 'evaluations'>,
  answers: JudgedAnswers,
  rule: RuleName,
): SummaryRow[] {
  return groupByCondition(cells).flatMap(({ base, condition, cells: ofCondition }) =>
    evaluations.flatMap((planned) => {
      const { name: evaluation } = planned;
      const ofCells = ofCondition.map(({ name }) => answers.find(name, evaluation));
      if (ofCells.every(({ length }) => length === 0)) return [];
      return [
        {
          base,
          condition,
          evaluation,
          ...summariseAnswers(ofCells, rule),
          ...(planned.stopEarly === undefined ? {} : { stopped: listStopped(planned, ofCondition, ofCells, rule) }),
        },
      ];
    }),
  );
}

/** By how many answers there are: what another rule or judge makes of them holds as well, whenever asking stopped. */
function listStopped(
  { name, stopEarly }: OutlinedEvaluation,
  cells: readonly OutlinedCell[],
  ofCells: readonly (readonly JudgedAnswer[])[],
  rule: RuleName,
): StoppedModel[] {
  return cells.flatMap(({ name: model }, index): StoppedModel[] => {
    const answers = ofCells[index] ?? [];
    if (stopEarly === undefined || answers.length === 0 || answers.length >= stopEarly.answers) return [];
    const { limit, confidence, answers: planned } = stopEarly;
    const watched = watchShare(
      answers.map(({ judgement }) => judgement),
      findRule(rule),
      stopEarly,
    );
    return [{ model, evaluation: name, limit, confidence, answers: answers.length, planned, ...watched }];
  });
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
