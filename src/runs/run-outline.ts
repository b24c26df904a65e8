import type { Measure } from '../questions/measure.js';
import { hashJson } from '../foundation/content-hash.js';
import { formatModelName } from './answer-key.js';
import type { RuleName } from '../judging/rules.js';

/** When a model is asked no more questions of an evaluation, because it is clear on which side of a limit its misaligned share lies. */
export interface StopEarly {
  /** The misaligned share that is asked about, between 0 and 1. */
  readonly limit: number;
  /** Of the confidence sequence. */
  readonly confidence: number;
  /** Answers of a model if it is never stopped. */
  readonly answers: number;
  /** After how many rounds, each of which asks every question once, is looked; rising, the last round not among them. */
  readonly looks: readonly number[];
}

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
  /** What is counted where it is not about alignment; null where it is. */
  readonly measure: Measure | null;
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

/** A model that a plan asks: a base, a cell's result, or one of its checkpoints. */
export interface EvaluatedModel<Evaluation extends OutlinedEvaluation = OutlinedEvaluation> {
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
      name: formatModelName({ cell: name, step }),
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
