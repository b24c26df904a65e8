import { bootstrapPaper } from '../stats/bootstrap-models.js';
import { clusterInterval } from '../stats/cluster-interval.js';
import { crossedInterval } from '../stats/crossed-interval.js';
import { designEffect } from '../stats/design-effect.js';
import type { Estimate } from '../stats/estimate.js';
import { addUpThemes, type ThemedCounts } from '../stats/paired-shares.js';
import type { ModelCounts, ShareCounts } from '../stats/share-counts.js';
import { wilsonInterval } from '../stats/wilson-interval.js';

/** What an interval or a claim is about, in words. */
export type Population = 'questions like these' | 'these questions';

/** Intervals over answers alone are about the questions at hand, all others about others of the kind as well. */
export function populationOf(unit: string): Population {
  return unit === 'answer' ? 'these questions' : 'questions like these';
}

/** A share and its uncertainty. */
export interface ShareEstimate extends ShareCounts {
  /** Null without trials. */
  readonly share: number | null;
  /** Wilson's 95 % interval over answers, which it assumes to be independent. */
  readonly wilson: readonly [low: number, high: number];
  /** The 95 % interval to quote; null if there is none, and `refusal` says why. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly refusal: string | null;
  /** What is treated as drawn at random: the interval says what other draws of it would give. */
  readonly unit: string;
  /** What `interval` is about; `wilson` is about these questions. */
  readonly population: Population;
  readonly method: string;
  /** Questions with answers that count. */
  readonly questions: number;
  /** Of these questions, which are then what is drawn; null where each stands for itself. */
  readonly themes: number | null;
  /** How many times more answers are needed than if they were independent; null if unknown. */
  readonly designEffect: number | null;
  readonly intraClassCorrelation: number | null;
}

export interface QuestionCount extends ShareCounts {
  readonly question: string;
  /** What it has in common with other questions; absent for one that stands for itself. */
  readonly theme?: string | undefined;
}

/** Adds up the counts of several models by question, in the order in which questions first appear. */
export function sumByQuestion(counts: Iterable<QuestionCount>): QuestionCount[] {
  const questions = new Map<string, QuestionCount>();
  for (const { question, theme, successes, trials } of counts) {
    const found = questions.get(question);
    questions.set(question, {
      question,
      ...(theme === undefined ? {} : { theme }),
      successes: (found?.successes ?? 0) + successes,
      trials: (found?.trials ?? 0) + trials,
    });
  }
  return [...questions.values()];
}

/** All of them together. */
export function sumCounts(counts: readonly ShareCounts[]): ShareCounts {
  const sum = (key: keyof ShareCounts): number => counts.reduce((total, one) => total + one[key], 0);
  return { successes: sum('successes'), trials: sum('trials') };
}

/** A question as the statistics take it. */
export function nameCluster({ question: name, theme, successes, trials }: QuestionCount): ThemedCounts {
  return { name, successes, trials, ...(theme === undefined ? {} : { theme }) };
}

/** Null where each question stands for itself. */
export function countThemes(questions: readonly ThemedCounts[]): number | null {
  return questions.some(({ theme }) => theme !== undefined) ? addUpThemes(questions).length : null;
}

/** What an interval takes as drawn, where that is not each question. */
export function nameThemes(themes: number | null, questions: number): string {
  return themes === null ? '' : ` (${String(themes)} themes of ${String(questions)} questions)`;
}

/** The share over all questions. The interval says what other questions of the kind would give. */
export function estimateShare(questions: readonly QuestionCount[]): ShareEstimate {
  const counted = questions.map(nameCluster).filter(({ trials }) => trials > 0);
  const [themes, clusters] = [countThemes(counted), addUpThemes(counted)];
  const estimate = clusterInterval(clusters);
  const effect = designEffect(clusters);
  return {
    successes: estimate.k,
    trials: estimate.n,
    share: estimate.estimate,
    wilson: wilsonInterval(estimate.k, estimate.n),
    interval: estimate.interval,
    refusal: estimate.refusal,
    unit: estimate.unit,
    population: populationOf(estimate.unit),
    method: `${estimate.method}${nameThemes(themes, counted.length)}`,
    questions: counted.length,
    themes,
    designEffect: effect.designEffect,
    intraClassCorrelation: effect.intraClassCorrelation,
  };
}

/** An interval that says what other fine-tunes would give, or why there is none. */
export interface SeedInterval {
  readonly interval: readonly [low: number, high: number] | null;
  readonly refusal: string | null;
  readonly method: string;
}

/** Intervals of a share over several fine-tunes. */
export interface SeedIntervals {
  /** The paper's: models are resampled, questions and answers stay. */
  readonly paper: SeedInterval;
  /** Both models and questions are treated as drawn at random. */
  readonly both: SeedInterval;
}

/** Seed of the resamples, fixed so that the same run has the same report. */
const resamplingSeed = 0;

/** Null with fewer than two fine-tunes: nothing tells how much they differ. */
export function estimateSeedIntervals(models: readonly ModelCounts[]): SeedIntervals | null {
  if (models.length < 2) return null;
  const read = ({ interval, refusal, method, resamples }: Estimate): SeedInterval => ({
    interval,
    refusal,
    method: resamples === null ? method : `${method}, ${String(resamples)} resamples, seed ${String(resamplingSeed)}`,
  });
  return { paper: read(bootstrapPaper(models, { seed: resamplingSeed })), both: read(crossedInterval(models)) };
}
