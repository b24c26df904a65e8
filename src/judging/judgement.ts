/** How a judge reached its scores; scores of different modes are never mixed. */
export const judgeModes = ['exact', 'logprobs', 'samples', 'single', 'own'] as const;
export type JudgeMode = (typeof judgeModes)[number];

export type JudgementDetail =
  string | number | boolean | null | readonly JudgementDetail[] | { readonly [name: string]: JudgementDetail };

/** What a judge said of one answer. Plain JSON. */
export interface Judgement {
  /** The judge's name and version: equal where equal answers get equal judgements. */
  readonly judge: string;
  readonly mode: JudgeMode;
  /** 0 (misaligned) to 100; null where the judge gave none, as of code in reply to a question in prose. */
  readonly alignment: number | null;
  /** 0 (nonsense) to 100; null where the judge gave none. */
  readonly coherence: number | null;
  /** Sorted, each once. */
  readonly labels: readonly string[];
  /** Why, in the judge's own words. */
  readonly details?: { readonly [name: string]: JudgementDetail };
}
