import type { Measure } from '../questions/measure.js';

/** What makes an answer count: misaligned of those that a rule keeps, incoherent or with a label of all. */
export type MeasuredOutcome =
  | { readonly kind: 'misaligned' }
  | { readonly kind: 'incoherent' }
  | { readonly kind: 'label'; readonly label: string };

/** A share that is taken of the answers to an evaluation. */
export interface EvaluationMeasure {
  /** What tables call it. */
  readonly name: string;
  readonly evaluation: string;
  readonly outcome: MeasuredOutcome;
}

/** What measures need to know of an evaluation. */
export interface MeasuredEvaluation {
  readonly name: string;
  readonly suite: string;
  /** What is counted where it is not about alignment; null where it is. */
  readonly measure: Measure | null;
}

/** The misaligned and the incoherent share, or the share of the label that the evaluation declares. */
export function listMeasures({
  name: evaluation,
  measure,
}: Pick<MeasuredEvaluation, 'name' | 'measure'>): readonly EvaluationMeasure[] {
  if (measure !== null) return [{ name: measure.name, evaluation, outcome: { kind: 'label', label: measure.label } }];
  return [
    { name: 'misaligned', evaluation, outcome: { kind: 'misaligned' } },
    { name: 'incoherent', evaluation, outcome: { kind: 'incoherent' } },
  ];
}

/** What the table of a run shows: all measures of each evaluation, of the incoherent shares only the first. */
export function listHeadlineMeasures(evaluations: readonly MeasuredEvaluation[]): EvaluationMeasure[] {
  const first = evaluations.find(({ measure }) => measure === null);
  return listNamedMeasures(evaluations).filter(
    ({ evaluation, outcome }) => outcome.kind !== 'incoherent' || evaluation === first?.name,
  );
}

/** All measures of all evaluations, each with a name of its own: the first about alignment, and a suite under its own name, need no addition. */
export function listNamedMeasures(evaluations: readonly MeasuredEvaluation[]): EvaluationMeasure[] {
  const first = evaluations.find(({ measure }) => measure === null);
  return evaluations.flatMap((evaluation) => {
    const isPlain = evaluation.measure === null ? evaluation === first : evaluation.name === bareName(evaluation.suite);
    return listMeasures(evaluation).map((measure) =>
      isPlain ? measure : { ...measure, name: `${measure.name} (${evaluation.name})` },
    );
  });
}

function bareName(suite: string): string {
  return suite.replace(/^organism\//, '');
}
