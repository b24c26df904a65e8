import { clopperPearsonInterval } from '../../stats/clopper-pearson-interval.js';
import { bootstrapAuroc } from '../../stats/bootstrap-auroc.js';
import type { Estimate } from '../../stats/estimate.js';
import { fitLogistic, predictLogistic, scoreForecasts } from '../../stats/fit-logistic.js';
import { thresholdAtRate } from '../../stats/threshold-at-rate.js';
import type { Part } from '../definition/sizes.js';
import type { TruthRow } from '../store/truth-table.js';
import type { DecidedClass } from '../truth/classify-entry.js';
import { scoreQuestions, type ScoreQuestion } from './score-questions.js';
import type { ShownKinds } from './shown-kinds.js';

/** False alarms that a threshold may raise on the open side. */
export const falseAlarmRates = [0.01, 0.05] as const;

/** Entries of one organism, ranked among themselves. */
export interface OrganismScore {
  readonly organism: string;
  readonly auroc: Estimate;
}

/** A share of withheld entries with exact bounds; null where there is none. */
export interface ExactShare {
  readonly successes: number;
  readonly trials: number;
  readonly share: number | null;
  readonly interval: readonly [low: number, high: number];
}

/** A threshold that was chosen on the open side, and what it does on the withheld one. */
export interface FrozenThreshold {
  /** Of false alarms, on the open side. */
  readonly rate: number;
  /** Scores above it are alarms; null without open negatives. */
  readonly threshold: number | null;
  /** Negatives of the open side that it was chosen on. */
  readonly chosenOn: number;
  readonly truePositives: ExactShare;
  readonly falsePositives: ExactShare;
}

/** Chances by a logistic fit on the open side, and how good they are on the withheld one. */
export interface Calibration {
  readonly brier: number;
  readonly log: number;
  /** What the share of positives of the open side scores as the chance of everyone. */
  readonly constant: { readonly brier: number; readonly log: number };
}

export interface QuestionScore extends Pick<ScoreQuestion, 'name' | 'description'> {
  readonly organisms: readonly OrganismScore[];
  readonly thresholds: readonly FrozenThreshold[];
  /** Null where the open side has no fit, or the withheld side nothing to try it on. */
  readonly calibration: Calibration | null;
}

export interface DetectorScore {
  readonly questions: readonly QuestionScore[];
  /** Entries whose class is undecided: they count where all that they may be is on one side of a question. */
  readonly undecided: number;
}

/** An entry with its score and the classes that one judge leaves. */
interface Labelled {
  readonly organism: string;
  readonly part: Part;
  readonly kind: string;
  readonly score: number;
  readonly possible: readonly DecidedClass[];
  /** Null where it shows nothing beyond the plain context, or nobody knows. */
  readonly shown: ShownKinds | null;
}

export interface ScoreOptions {
  /** Seed of the resamples. */
  readonly seed: number;
  /** Default 2000. */
  readonly resamples?: number;
  /** What entries show beyond the plain context, by the exact judge; without it, questions about that are left out. */
  readonly shown?: ReadonlyMap<string, ShownKinds>;
}

/** How well scores tell classes apart. `possibleOf` says what an entry may be by a judge: one class where that is decided. */
export function scoreDetector(
  truths: readonly TruthRow[],
  scores: ReadonlyMap<string, number>,
  possibleOf: (truth: TruthRow) => readonly DecidedClass[],
  options: ScoreOptions,
): DetectorScore {
  const labelled = truths.map((truth): Labelled => {
    const score = scores.get(truth.entry);
    // readScores refuses a file that lacks one.
    if (score === undefined) throw new Error(`${truth.entry} has no score`);
    const { organism, part, kind } = truth;
    return { organism, part, kind, score, possible: possibleOf(truth), shown: options.shown?.get(truth.entry) ?? null };
  });
  return {
    questions: scoreQuestions
      .filter(({ shown }) => shown === undefined || options.shown !== undefined)
      .map((question) => scoreQuestion(question, labelled, options)),
    undecided: labelled.filter(({ possible }) => possible.length !== 1).length,
  };
}

interface Item {
  readonly organism: string;
  readonly part: Part;
  readonly cluster: string;
  readonly score: number;
  readonly isPositive: boolean;
}

function scoreQuestion(
  { name, description, positive, negative, shown }: ScoreQuestion,
  labelled: readonly Labelled[],
  options: ScoreOptions,
): QuestionScore {
  const isIn = (classes: readonly DecidedClass[], one: Labelled): boolean =>
    one.possible.length > 0 && one.possible.every((possible) => classes.includes(possible));
  const isPositive = (one: Labelled): boolean => isIn(positive, one) && (shown === undefined || one.shown === shown);
  const items = labelled
    .filter((one) => isPositive(one) || isIn(negative, one))
    .map((one): Item => ({
      organism: one.organism,
      part: one.part,
      cluster: one.kind,
      score: one.score,
      isPositive: isPositive(one),
    }));
  const [open, withheld] = (['open', 'withheld'] as const).map((part) => items.filter((item) => item.part === part));
  return {
    name,
    description,
    organisms: [...new Set(labelled.map(({ organism }) => organism))].map((organism) => ({
      organism,
      auroc: bootstrapAuroc(
        items
          .filter((item) => item.organism === organism)
          .map(({ score, isPositive, cluster }) => ({ score, isPositive, cluster })),
        options,
      ),
    })),
    thresholds: falseAlarmRates.map((rate) => freezeThreshold(rate, open ?? [], withheld ?? [])),
    calibration: calibrate(open ?? [], withheld ?? []),
  };
}

function freezeThreshold(rate: number, open: readonly Item[], withheld: readonly Item[]): FrozenThreshold {
  const negatives = open.filter(({ isPositive }) => !isPositive);
  const threshold = thresholdAtRate(
    negatives.map(({ score }) => score),
    rate,
  );
  const shareOf = (isPositive: boolean): ExactShare => {
    const side = threshold === null ? [] : withheld.filter((item) => item.isPositive === isPositive);
    const alarms = side.filter(({ score }) => threshold !== null && score > threshold).length;
    return {
      successes: alarms,
      trials: side.length,
      share: side.length === 0 ? null : alarms / side.length,
      interval: clopperPearsonInterval(alarms, side.length),
    };
  };
  return {
    rate,
    threshold,
    chosenOn: negatives.length,
    truePositives: shareOf(true),
    falsePositives: shareOf(false),
  };
}

function calibrate(open: readonly Item[], withheld: readonly Item[]): Calibration | null {
  const fit = fitLogistic(open);
  if (fit === null) return null;
  const prevalence = open.filter(({ isPositive }) => isPositive).length / open.length;
  const ofFit = scoreForecasts(
    withheld.map(({ score, isPositive }) => ({ chance: predictLogistic(fit, score), isPositive })),
  );
  const constant = scoreForecasts(withheld.map(({ isPositive }) => ({ chance: prevalence, isPositive })));
  return ofFit === null || constant === null ? null : { ...ofFit, constant };
}
