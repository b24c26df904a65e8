import { hashJson } from '../../foundation/content-hash.js';
import { isAsked, type OutlinedCell, type OutlinedEvaluation, type PlanOutline } from './plan-outline.js';
import type { PlannedEvaluation } from './resolved-plan.js';

/** A model that a plan asks: a base, a cell's result, or one of its checkpoints. */
export interface EvaluatedModel<Evaluation = PlannedEvaluation> {
  /** The cell, with the step for a checkpoint. */
  readonly name: string;
  /** Equal where the model is the same, whatever it is called in which plan. */
  readonly identity: string;
  /** Of a checkpoint; null for the finished model and for a base. */
  readonly step: number | null;
  readonly evaluations: readonly Evaluation[];
}

/** Checkpoints in the order of their steps, then the cell's model itself. */
export function listEvaluatedModels<Evaluation extends OutlinedEvaluation>(
  { evaluations, dynamics, cells }: Pick<PlanOutline<Evaluation>, 'evaluations' | 'dynamics' | 'cells'>,
  { name, base, condition, identity, training }: OutlinedCell,
): EvaluatedModel<Evaluation>[] {
  const asked = evaluations.filter((evaluation) => isAsked(evaluation, condition));
  const curve = dynamics === null ? [] : [dynamics.evaluation];
  const keepSteps = training?.keepSteps ?? [];
  const isOnCurve =
    training === null ? cells.some((cell) => cell.base === base && hasCheckpoints(cell)) : keepSteps.length > 0;
  return [
    ...keepSteps.map((step) => ({
      name: `${name}@${String(step)}`,
      identity: hashJson({ cell: identity, step }),
      step,
      evaluations: curve,
    })),
    // Curves begin with the base and end with the finished model.
    { name, identity, step: null, evaluations: isOnCurve ? [...asked, ...curve] : asked },
  ];
}

function hasCheckpoints({ training }: OutlinedCell): boolean {
  return training !== null && training.keepSteps.length > 0;
}
