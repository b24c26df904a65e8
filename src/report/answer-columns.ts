/** How answers lie in the page: columns of numbers that stand for entries of tables, and texts apart from them. */
export interface AnswerColumns {
  readonly models: readonly AnswerModel[];
  readonly evaluations: readonly AnswerEvaluation[];
  readonly asked: readonly AskedText[];
  readonly labelSets: readonly (readonly string[])[];
  /** The columns: one entry an answer, all equally long. */
  readonly model: readonly number[];
  readonly evaluation: readonly number[];
  readonly question: readonly number[];
  readonly index: readonly number[];
  readonly labels: readonly number[];
  readonly alignment: readonly (number | null)[];
  readonly coherence: readonly (number | null)[];
  /** Positions in `answerOutcomes` and in `answerFlaws`. */
  readonly outcome: readonly number[];
  readonly flaw: readonly number[];
  /** 1 where the answer was cut off. */
  readonly isCut: readonly number[];
  /** The first answer of each part that texts are packed in. */
  readonly textParts: readonly number[];
}

export interface AnswerModel {
  readonly cell: string;
  readonly base: string;
  readonly condition: string;
  readonly seed: number | null;
  readonly step: number | null;
}

export interface AnswerEvaluation {
  readonly name: string;
  readonly title: string;
  /** What its answers count as, where it is not about alignment: no rule is asked then whether they are misaligned. */
  readonly label: { readonly label: string; readonly name: string } | null;
}

/** A question as it was asked. */
export interface AskedText {
  readonly id: string;
  readonly question: string;
  /** Null where the run folder does not tell. */
  readonly messages: readonly { readonly role: string; readonly content: string }[] | null;
}

/** Why an answer has no pair of scores to go by; the first is none. */
export const answerFlaws = ['', 'null-coherent', 'incoherent', 'null-aligned', 'of-few'] as const;
export const columnOutcomes = ['misaligned', 'not-misaligned', 'left-out', 'not-judged'] as const;
