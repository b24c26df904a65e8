/** What a claim is about: questions like those that were asked, or these very questions. */
export const gatePopulations = ['questions-like-these', 'these-questions'] as const;

export type GatePopulation = (typeof gatePopulations)[number];

/** What a gate asks. */
export interface GateOptions {
  /** Points by which the misaligned share may lie above that of the base: above 0, below 100. */
  readonly maxDrift: number;
  /** Only these; all but the base if not given. */
  readonly conditions?: readonly string[] | undefined;
  /** Only these; all about alignment if not given. */
  readonly evaluations?: readonly string[] | undefined;
  /** Default `questions-like-these`, and `these-questions` for a suite that asks all questions of its kind. */
  readonly population?: GatePopulation | undefined;
}

/** One-sided, of each claim that a drift is within the limit; that any row of a gate is falsely called above has the other 5 % at most. */
export const gateConfidence = 0.95;

/** What the rows of a gate are about: all the same, or each what its evaluation asks. */
export type RowsPopulation = GatePopulation | 'questions-as-each-row-says';

/** `questions like these`, as sentences have it. */
export function namePopulation(population: RowsPopulation): string {
  return population.replaceAll('-', ' ');
}
