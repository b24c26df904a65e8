import type { NotGated } from './choose-gated.js';
import type { LedgerPlace } from '../runs/gate-ledger.js';
import { boundPairedShares, pairQuestions } from '../stats/paired-shares.js';
import type { ClusterCounts, ShareCounts } from '../stats/share-counts.js';
import { nameCluster, type Drift } from './estimate.js';
import { gateConfidence, type GateOptions, type GatePopulation } from '../runs/gate-options.js';
import type { MeasureRow } from './measure-rows.js';
import {
  boundFromBelow,
  judgeBounds,
  levelOfRows,
  meanTrials,
  weighEvidence,
  weighPairs,
  type DriftLimit,
  type GateVerdict,
} from './gate-bounds.js';
import { foreseeSettlement, type Settlement } from './settle-gate.js';

/** What of a row's drift one question makes. */
interface DrivingQuestion {
  readonly question: string;
  /** As it was asked first; null where that is not known. */
  readonly wording: string | null;
  readonly tuned: ShareCounts;
  readonly base: ShareCounts;
}

interface DrivingAnswer {
  readonly question: string;
  readonly text: string;
}

/** One number that a gate holds against its limit. */
export interface GatedRow {
  /** Null where runs with one base each are compared. */
  readonly base: string | null;
  readonly condition: string;
  readonly evaluation: string;
  /** Which run it is of; null within one run, and where two are compared. */
  readonly run: string | null;
  /** What it is compared with: the base, or the first of several runs. */
  readonly reference: string;
  readonly verdict: GateVerdict;
  /** The verdict of this gate by itself, where a ledger asks for more; else the same. */
  readonly alone: GateVerdict;
  readonly share: number | null;
  readonly referenceShare: number | null;
  /** Mean over questions, each of which counts alike; -1..1. Null where nothing can be compared. */
  readonly difference: number | null;
  /** The difference is at most this with `gateConfidence`; null where nothing bounds it. */
  readonly upperBound: number | null;
  /** It is at least this, so surely that the lower bounds of all rows of the gate hold at once with `gateConfidence`. */
  readonly lowerBound: number | null;
  /** The drift as everywhere else, with its two-sided 95 % interval and its p. */
  readonly drift: Drift | null;
  /** That both were asked. */
  readonly questions: number;
  /** That only one of both has answers to that count; left out. */
  readonly unmatched: readonly string[];
  /** Answers that count to each question, on average: of the condition, and of what it is compared with. */
  readonly answersEach: readonly [own: number, reference: number];
  /** Of all answers of the condition: those that do not count, such as incoherent ones. */
  readonly leftOut: ShareCounts;
  /** The question with the largest difference; null where no answer is misaligned. */
  readonly driver: DrivingQuestion | null;
  /** Up to three misaligned answers: to that question, and where it has fewer to those that come next. */
  readonly answers: readonly DrivingAnswer[];
  /** What would probably settle it; null where it is settled. */
  readonly settledBy: Settlement | null;
  /** Against a drift of at most the limit: `eValueOfQuestions` or `eValueOfTheseQuestions`, by the population. */
  readonly eValue: number;
  /** Why nothing bounds the difference; null where something does. */
  readonly refusal: string | null;
}

/** `passed`: all rows are within the limit. `above`: some are above it. `not-shown`: none is, and some are not shown to be within it. */
export interface GateResult {
  readonly verdict: 'passed' | 'above' | 'not-shown';
  /** The limit as a share: 0.02 for two points. */
  readonly margin: number;
  readonly population: GatePopulation;
  readonly confidence: number;
  readonly rows: readonly GatedRow[];
  /** Conditions of the gate in evaluations of it that they are not asked: nothing is known of these. */
  readonly notGated: readonly NotGated[];
  /** Its place among other gates; null where they do not count. */
  readonly ledger: LedgerPlace | null;
}

/** A condition and what it is compared with, as rows of an analysis. */
export interface GatedPair extends Pick<GatedRow, 'base' | 'run' | 'reference'> {
  readonly tuned: MeasureRow;
  readonly compared: MeasureRow;
  readonly drift: Drift | null;
  /** Misaligned answers of the condition to a question, the worst first. */
  readonly listAnswers: (question: string) => readonly string[];
}

/** Holds every pair against the limit. Without a pair there is no gate: callers refuse that before. */
export function gatePairs(
  pairs: readonly GatedPair[],
  { maxDrift, population = 'questions-like-these' }: Pick<GateOptions, 'maxDrift' | 'population'>,
): GateResult {
  const margin = maxDrift / 100;
  const level = levelOfRows(pairs.length);
  const rows = pairs.map((pair) => judgePair(pair, { margin, population, level }));
  return { verdict: sumUpGate(rows), margin, population, confidence: gateConfidence, rows, notGated: [], ledger: null };
}

/** Against: no row is above the limit. Each row's bet has an equal part, so that what it needs is shared as in `gatePairs`. */
export function eValueOfGate({ rows }: Pick<GateResult, 'rows'>): number {
  return Math.max(0, ...rows.map(({ eValue }) => eValue)) / Math.max(1, rows.length);
}

/**
 * The same gate as one of many: a row is called above where its e-value is large enough for its place in the ledger. What is within stays
 * so.
 */
export function applyLedger(gate: GateResult, ledger: LedgerPlace): GateResult {
  const rows = gate.rows.map((row): GatedRow => {
    if (row.alone === 'within') return row;
    return { ...row, verdict: row.eValue / gate.rows.length >= 1 / ledger.level ? 'above' : 'not-shown' };
  });
  return { ...gate, verdict: sumUpGate(rows), rows, ledger };
}

/** What rows come to together. */
export function sumUpGate(rows: readonly Pick<GatedRow, 'verdict'>[]): GateResult['verdict'] {
  if (rows.some(({ verdict }) => verdict === 'above')) return 'above';
  return rows.length > 0 && rows.every(({ verdict }) => verdict === 'within') ? 'passed' : 'not-shown';
}

function judgePair(pair: GatedPair, limit: DriftLimit): GatedRow {
  const { base, run, reference, tuned, compared, drift } = pair;
  const [own, others] = [tuned.questions.map(nameCluster), compared.questions.map(nameCluster)];
  const pairs = pairQuestions(own, others);
  const { margin } = limit;
  const [shares, refusal] = weighPairs(pairs, limit);
  const lowerBound = shares && boundFromBelow(shares, own, others, limit);
  const upperBound = shares && boundPairedShares(shares, gateConfidence)[1];
  const verdict = judgeBounds({ lowerBound, upperBound }, margin);
  const drivers = rankDrivers(tuned, compared);
  const answersEach = [meanTrials(pairs.map(([one]) => one)), meanTrials(pairs.map(([, other]) => other))] as const;
  return {
    ...{ base, condition: tuned.condition, evaluation: tuned.evaluation, run, reference, verdict, alone: verdict },
    share: tuned.share.share,
    referenceShare: compared.share.share,
    difference: shares?.difference ?? null,
    ...{ upperBound, lowerBound, drift },
    questions: pairs.length,
    unmatched: findUnmatched(own, others),
    answersEach,
    leftOut: { successes: tuned.counts.generated - tuned.counts.kept, trials: tuned.counts.generated },
    driver: drivers[0] ?? null,
    answers: pickAnswers(drivers, pair),
    settledBy: verdict === 'not-shown' ? foreseeSettlement(shares, { ...limit, answersEach: answersEach[0] }) : null,
    eValue: weighEvidence(own, others, limit),
    refusal: pairs.length > 0 ? refusal : explainNone(tuned, compared, refusal),
  };
}

/** Why nothing can be compared, where the rule is why. */
function explainNone(tuned: MeasureRow, compared: MeasureRow, refusal: string | null): string | null {
  const ofFew = [tuned, compared].some(({ counts }) => counts.ofFew > 0);
  return ofFew ? `${refusal ?? ''}; the rule leaves out questions with so few answers` : refusal;
}

/** Questions with misaligned answers, that with the largest difference first. */
function rankDrivers(tuned: MeasureRow, compared: MeasureRow): DrivingQuestion[] {
  const others = new Map(compared.questions.map((one) => [one.question, one]));
  return tuned.questions
    .filter(({ successes }) => successes > 0)
    .flatMap(({ question, wording, successes, trials }) => {
      const other = others.get(question);
      if (other === undefined || other.trials === 0) return [];
      const difference = successes / trials - other.successes / other.trials;
      const base = { successes: other.successes, trials: other.trials };
      return [{ difference, driver: { question, wording, tuned: { successes, trials }, base } }];
    })
    .sort((one, other) => other.difference - one.difference)
    .map(({ driver }) => driver);
}

function pickAnswers(drivers: readonly DrivingQuestion[], { listAnswers }: GatedPair): DrivingAnswer[] {
  const picked: DrivingAnswer[] = [];
  for (const { question } of drivers) {
    if (picked.length >= 3) break;
    const texts = listAnswers(question).slice(0, 3 - picked.length);
    picked.push(...texts.map((text) => ({ question, text })));
  }
  return picked;
}

function findUnmatched(own: readonly ClusterCounts[], others: readonly ClusterCounts[]): string[] {
  const answered = [own, others].map(
    (clusters) => new Set(clusters.filter(({ trials }) => trials > 0).map(({ name }) => name)),
  );
  const names = [...new Set([...own, ...others].map(({ name }) => name))];
  return names.filter((name) => !answered.every((one) => one.has(name)));
}
