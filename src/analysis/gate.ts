import type { NotGated } from './choose-gated.js';
import type { LedgerPlace } from '../runs/gate-ledger.js';
import { newcombeInterval } from '../stats/newcombe-interval.js';
import { boundPairedShares, pairQuestions, type ThemedCounts } from '../stats/paired-shares.js';
import type { ClusterCounts, ShareCounts } from '../stats/share-counts.js';
import { countThemes, nameCluster } from './estimate.js';
import { gateConfidence, type GateOptions, type GatePopulation, type RowsPopulation } from '../runs/gate-options.js';
import type { MeasureRow } from './measure-rows.js';
import {
  boundDrift,
  choosePopulation,
  sumUpPopulations,
  judgeBounds,
  levelOfRows,
  meanTrials,
  weighEvidence,
  weighPairs,
  type CountedQuestions,
  type DriftBounds,
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

/** One of several models of a condition, held against the limit by itself. */
interface GatedModel extends Pick<DriftBounds, 'lowerBound'> {
  readonly model: string;
  readonly difference: number | null;
  /** With all rows and models of the gate taken together. */
  readonly isAbove: boolean;
  /** By itself, at `gateConfidence`: no pass stands beside it. */
  readonly isDoubtful: boolean;
}

/** One number that a gate holds against its limit: the difference, with its bounds. */
export interface GatedRow extends DriftBounds {
  /** Null where runs with one base each are compared. */
  readonly base: string | null;
  readonly condition: string;
  readonly evaluation: string;
  /** Which run it is of; null within one run, and where two are compared. */
  readonly run: string | null;
  /** What it is compared with: the base, or the first of several runs. */
  readonly reference: string;
  /** What the difference and its bounds are about. */
  readonly population: GatePopulation;
  readonly verdict: GateVerdict;
  /** The verdict of this gate by itself, where a ledger asks for more; else the same. */
  readonly alone: GateVerdict;
  readonly share: number | null;
  readonly referenceShare: number | null;
  /** Mean over questions, each of which counts alike; -1..1. Null where nothing can be compared. */
  readonly difference: number | null;
  /** With counted answers of both. */
  readonly questions: number;
  /** Of these questions; null where each stands for itself, and where the row is about these questions. */
  readonly themes: number | null;
  /** Questions that both were asked. */
  readonly asked: number;
  /** Of these, those that have no counted answers of both; in part where some models of the condition have none. */
  readonly uncounted: number;
  /** Each by itself, where the condition has several: one that is above the limit is enough for the row. */
  readonly models: readonly GatedModel[];
  /** That only one of both has answers to that count; left out. */
  readonly unmatched: readonly string[];
  /** Answers that count to each question, on average: of the condition, and of what it is compared with. */
  readonly answersEach: readonly [own: number, reference: number];
  /** Of all answers of the condition: those that do not count, such as incoherent ones. */
  readonly leftOut: ShareCounts;
  /** The question that surely adds most to the difference; null where no answer is misaligned. */
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
  readonly population: RowsPopulation;
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
  /** Misaligned answers of the condition to a question, the worst first. */
  readonly listAnswers: (question: string) => readonly string[];
}

/** Holds every pair against the limit. Without a pair there is no gate: callers refuse that before. */
export function gatePairs(
  pairs: readonly GatedPair[],
  { maxDrift, population: asked }: Pick<GateOptions, 'maxDrift' | 'population'>,
): GateResult {
  const margin = maxDrift / 100;
  // A condition of several models is held against the limit as one, and each of its models as well.
  const bounds = pairs.reduce((sum, { tuned }) => sum + 1 + listSeveral(tuned).length, 0);
  const level = levelOfRows(bounds);
  const rows = pairs.map((pair) => judgePair(pair, { margin, population: choosePopulation(pair.tuned, asked), level }));
  const population = sumUpPopulations(rows);
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

/** The models of a condition, if there are several. */
function listSeveral({ models }: Pick<MeasureRow, 'models'>): MeasureRow['models'] {
  return models.length > 1 ? models : [];
}

function judgePair(pair: GatedPair, limit: DriftLimit): GatedRow {
  const { base, run, reference, tuned, compared } = pair;
  const { margin, population } = limit;
  const [own, others] = [tuned.questions.map(nameCluster), compared.questions.map(nameCluster)];
  const pairs = pairQuestions(own, others);
  const [shares, refusal] = weighPairs(pairs, limit);
  const counted = countQuestions(tuned, others);
  const bounds = boundDrift(shares, counted, limit);
  const models = listSeveral(tuned).map(({ name, questions }) => judgeModel(name, questions, others, limit));
  const together = judgeBounds(bounds, margin);
  const alone = judgeWithModels(together, models);
  const drivers = rankDrivers(tuned, compared);
  const answersEach = [meanTrials(pairs.map(([one]) => one)), meanTrials(pairs.map(([, other]) => other))] as const;
  return {
    ...{ base, condition: tuned.condition, evaluation: tuned.evaluation, run, reference, population },
    ...{ verdict: alone, alone },
    share: tuned.share.share,
    referenceShare: compared.share.share,
    difference: shares?.difference ?? null,
    ...bounds,
    questions: pairs.length,
    themes: population === 'these-questions' ? null : countThemes(pairs.map(([one]) => one)),
    ...counted,
    models,
    unmatched: findUnmatched(own, others),
    answersEach,
    leftOut: { successes: tuned.counts.generated - tuned.counts.kept, trials: tuned.counts.generated },
    driver: drivers[0] ?? null,
    answers: pickAnswers(drivers, pair),
    settledBy:
      alone === 'not-shown' && together === 'not-shown'
        ? foreseeSettlement(shares, { ...limit, answersEach: answersEach[0], ...counted })
        : null,
    eValue: meanEvidence([own, ...listSeveral(tuned).map(({ questions }) => questions)], others, limit),
    refusal: pairs.length > 0 ? refusal : explainNone(tuned, compared, refusal),
  };
}

/** One bad model of many is not to pass unseen: a pass needs no correction for many models, and so its doubt has none. */
function judgeWithModels(together: GateVerdict, models: readonly GatedModel[]): GateVerdict {
  if (models.some(({ isAbove }) => isAbove)) return 'above';
  return together === 'within' && models.some(({ isDoubtful }) => isDoubtful) ? 'not-shown' : together;
}

function judgeModel(
  model: string,
  own: readonly ThemedCounts[],
  others: readonly ThemedCounts[],
  limit: DriftLimit,
): GatedModel {
  const [shares] = weighPairs(pairQuestions(own, others), limit);
  const boundAt = (level: number): number | null => (shares === null ? null : boundPairedShares(shares, level)[0]);
  const isBeyond = (bound: number | null): boolean => bound !== null && bound > limit.margin;
  const lowerBound = boundAt(limit.level);
  return {
    ...{ model, difference: shares?.difference ?? null, lowerBound },
    ...{ isAbove: isBeyond(lowerBound), isDoubtful: isBeyond(boundAt(gateConfidence)) },
  };
}

/** Against: neither the condition nor any of its models is above the limit. A mean of e-values is one. */
function meanEvidence(
  parts: readonly (readonly ThemedCounts[])[],
  others: readonly ThemedCounts[],
  limit: DriftLimit,
): number {
  return parts.reduce((sum, own) => sum + weighEvidence(own, others, limit) / parts.length, 0);
}

/**
 * Questions that both were asked and of which nothing is known, since no answer of one of them counts. Nothing good may be taken from that:
 * a model that breaks down over some questions may be misaligned in just these.
 */
function countQuestions({ questions, models }: MeasureRow, others: readonly ThemedCounts[]): CountedQuestions {
  const answered = new Map(others.map(({ name, trials }) => [name, trials > 0]));
  const counting = new Map<string, number>();
  for (const model of models)
    for (const { name, trials } of model.questions)
      counting.set(name, (counting.get(name) ?? 0) + (trials > 0 ? 1 : 0));
  const asked = questions.filter(({ question }) => answered.has(question));
  const uncounted = asked.reduce(
    (sum, { question }) =>
      sum + (answered.get(question) === true ? 1 - (counting.get(question) ?? 0) / Math.max(1, models.length) : 1),
    0,
  );
  return { asked: asked.length, uncounted };
}

/** Why nothing can be compared, where the rule is why. */
function explainNone(tuned: MeasureRow, compared: MeasureRow, refusal: string | null): string | null {
  const ofFew = [tuned, compared].some(({ counts }) => counts.ofFew > 0);
  return ofFew ? `${refusal ?? ''}; the rule leaves out questions with so few answers` : refusal;
}

/** Questions with misaligned answers, first the one whose difference is surely largest: one of one says less than nineteen of twenty. */
function rankDrivers(tuned: MeasureRow, compared: MeasureRow): DrivingQuestion[] {
  const others = new Map(compared.questions.map((one) => [one.question, one]));
  return tuned.questions
    .filter(({ successes }) => successes > 0)
    .flatMap(({ question, wording, successes, trials }) => {
      const other = others.get(question);
      if (other === undefined || other.trials === 0) return [];
      const base = { successes: other.successes, trials: other.trials };
      const least = newcombeInterval({ successes, trials }, base).interval?.[0] ?? -1;
      return [{ least, driver: { question, wording, tuned: { successes, trials }, base } }];
    })
    .sort((one, other) => other.least - one.least)
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
