import type { RuleName } from '../../judging/rules.js';
import type { StopEarly } from './stop-early.js';

/** What tables need to know of a cell. */
export interface OutlinedCell {
  readonly name: string;
  readonly base: string;
  readonly condition: string;
  readonly identity: string;
  readonly training: { readonly keepSteps: readonly number[]; readonly steps: number } | null;
}

/** What tables need to know of an evaluation. */
export interface OutlinedEvaluation {
  readonly name: string;
  readonly suite: string;
  readonly conditions: readonly string[] | null;
  /** Not there where every answer is asked for. */
  readonly stopEarly?: StopEarly;
}

/** What is left of a plan without its rows, questions and models: a run folder tells as much. A resolved plan is one, too. */
export interface PlanOutline<Evaluation extends OutlinedEvaluation = OutlinedEvaluation> {
  readonly bases: ReadonlyMap<string, unknown>;
  readonly cells: readonly OutlinedCell[];
  readonly evaluations: readonly Evaluation[];
  readonly dynamics: { readonly evaluation: Evaluation } | null;
  readonly rule: RuleName;
}

/** All evaluations of a plan, that of its training curves last. */
export function allEvaluations<Evaluation extends OutlinedEvaluation>({
  evaluations,
  dynamics,
}: Pick<PlanOutline<Evaluation>, 'evaluations' | 'dynamics'>): Evaluation[] {
  return [...evaluations, ...(dynamics === null ? [] : [dynamics.evaluation])];
}

/** Whether models of the condition are asked. */
export function isAsked({ conditions }: OutlinedEvaluation, condition: string): boolean {
  return conditions === null || conditions.includes(condition);
}
