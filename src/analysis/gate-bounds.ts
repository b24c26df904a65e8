import { gateConfidence, type GatePopulation, type RowsPopulation } from '../runs/gate-options.js';
import { eValueOfQuestions, eValueOfTheseQuestions } from '../stats/difference-e-value.js';
import {
  boundPairedShares,
  boundWithUncounted,
  type pairQuestions,
  shareBySeenCorrelation,
  shareOfTheseQuestions,
  type PairedShares,
  type ThemedCounts,
} from '../stats/paired-shares.js';
import type { ClusterCounts } from '../stats/share-counts.js';

/** `within`: shown to be at most the limit. `above`: shown to be more. `not-shown`: neither. */
export type GateVerdict = 'within' | 'above' | 'not-shown';

/** What a drift is held against, and about which questions. */
export interface DriftLimit {
  readonly margin: number;
  readonly population: GatePopulation;
  /** Of lower bounds. */
  readonly level: number;
}

/** Bounds of one number, the mean difference over questions, each of which counts alike; null where nothing bounds it. */
export interface DriftBounds {
  /** Two-sided, 95 %, of this row by itself. */
  readonly interval: readonly [low: number, high: number] | null;
  /** One-sided, with `gateConfidence`, if every question that has no counted answers of both had a difference of 1. */
  readonly upperBound: number | null;
  /** The same of the counted questions alone. */
  readonly countedUpperBound: number | null;
  /** One-sided, with the level of the gate. */
  readonly lowerBound: number | null;
}

/** What a gate on an evaluation is about where nobody says: where nothing was drawn, nothing is said of others. */
export function choosePopulation(
  { isExhaustive = false }: { readonly isExhaustive?: boolean },
  asked: GatePopulation | undefined,
): GatePopulation {
  return asked ?? (isExhaustive ? 'these-questions' : 'questions-like-these');
}

/** What all rows of a gate are about; where they differ, each says it. */
export function sumUpPopulations(rows: readonly { readonly population: GatePopulation }[]): RowsPopulation {
  const [one, ...others] = new Set(rows.map(({ population }) => population));
  return one === undefined ? 'questions-like-these' : others.length > 0 ? 'questions-as-each-row-says' : one;
}

/** What bounds are computed from, or why there are none. */
export function weighPairs(
  pairs: ReturnType<typeof pairQuestions>,
  { population }: Pick<DriftLimit, 'population'>,
): readonly [shares: PairedShares | null, refusal: string | null] {
  if (pairs.length === 0) return [null, 'no question has answers of both that count'];
  const shares = weigherOf(population)(pairs);
  const refusal = explainFewQuestions(shares, population);
  return refusal === null ? [shares, null] : [null, refusal];
}

/** Why so many questions bound nothing; null where they do. */
export function explainFewQuestions(
  { questions, themes }: Pick<PairedShares, 'questions' | 'themes'>,
  population: GatePopulation,
): string | null {
  if (themes >= 2 || population === 'these-questions') return null;
  return questions < 2 ? 'one question says nothing of others like it' : 'one theme says nothing of others like it';
}

/** How shares are weighed that bounds about a population are computed from. */
export function weigherOf(population: GatePopulation): (pairs: ReturnType<typeof pairQuestions>) => PairedShares {
  return population === 'these-questions' ? shareOfTheseQuestions : shareBySeenCorrelation;
}

/** The confidence of a lower bound where a gate has so many: all of them then hold at once with `gateConfidence`. */
export function levelOfRows(bounds: number): number {
  return 1 - (1 - gateConfidence) / Math.max(1, bounds);
}

/** Answers to a question, on average; 0 without questions. */
export function meanTrials(clusters: readonly ClusterCounts[]): number {
  return clusters.length === 0 ? 0 : clusters.reduce((sum, { trials }) => sum + trials, 0) / clusters.length;
}

/** How many questions were asked of both sides, and how many of these have no counted answers of both; parts of one where models differ. */
export interface CountedQuestions {
  readonly asked: number;
  readonly uncounted: number;
}

/** All bounds of a row. */
export function boundDrift(
  shares: PairedShares | null,
  { asked, uncounted }: CountedQuestions,
  { level }: DriftLimit,
): DriftBounds {
  if (shares === null) return { interval: null, upperBound: null, countedUpperBound: null, lowerBound: null };
  const counted = boundPairedShares(shares, gateConfidence)[1];
  return {
    interval: boundPairedShares(shares, (1 + gateConfidence) / 2),
    upperBound: boundWithUncounted(counted, uncounted, asked),
    countedUpperBound: counted,
    lowerBound: boundPairedShares(shares, level)[0],
  };
}

/** A share or drift against a limit. */
export function judgeBounds(
  { lowerBound, upperBound }: Pick<DriftBounds, 'lowerBound' | 'upperBound'>,
  margin: number,
): GateVerdict {
  if (lowerBound !== null && lowerBound > margin) return 'above';
  return upperBound !== null && upperBound <= margin ? 'within' : 'not-shown';
}

/** The e-value against a drift within the limit. */
export function weighEvidence(
  own: readonly ThemedCounts[],
  others: readonly ThemedCounts[],
  { margin, population }: Pick<DriftLimit, 'margin' | 'population'>,
): number {
  const weigh = population === 'these-questions' ? eValueOfTheseQuestions : eValueOfQuestions;
  return weigh(own, others, margin);
}
