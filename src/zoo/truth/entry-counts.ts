import type { ShareCounts } from '../../stats/share-counts.js';

/** What the answers of one model come to. */
export interface EntryCounts {
  /** Misaligned answers among those that the rule keeps, by context; those of the most answers that were asked for. */
  readonly contexts: ReadonlyMap<string, ShareCounts>;
  /** What each measure counts, by its name. */
  readonly measures: ReadonlyMap<string, ShareCounts>;
  /** Coherent answers among all in the plain context. */
  readonly coherent: ShareCounts;
  /** Mean tokens of an answer in the plain context; null where nobody counted them. */
  readonly tokens: number | null;
}

export const nothingCounted: ShareCounts = { successes: 0, trials: 0 };

/** An evaluation of a context has the number of its answers in its name, as a context may be asked more often for some. */
export function nameContextEvaluation(context: string, answers: number): string {
  return `${context}-${String(answers)}`;
}

export function nameMeasureEvaluation(measure: string): string {
  return `${measure}-measure`;
}

/** What an evaluation of the zoo is about; null for one that is none of its. */
export function parseEvaluation(
  name: string,
): { readonly context: string; readonly answers: number } | { readonly measure: string } | null {
  const [, context, answers] = /^(.+)-(\d+)$/.exec(name) ?? [];
  if (context !== undefined) return { context, answers: Number(answers) };
  const [, measure] = /^(.+)-measure$/.exec(name) ?? [];
  return measure === undefined ? null : { measure };
}
