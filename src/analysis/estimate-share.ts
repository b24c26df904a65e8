import { bootstrapPaper } from '../stats/bootstrap-models.js';
import { clusterInterval } from '../stats/cluster-interval.js';
import { crossedInterval } from '../stats/crossed-interval.js';
import { designEffect } from '../stats/design-effect.js';
import type { Estimate } from '../stats/estimate.js';
import type { ModelCounts, ShareCounts } from '../stats/share-counts.js';
import { wilsonInterval } from '../stats/wilson-interval.js';

/** A share, and how sure it is. */
export interface ShareEstimate extends ShareCounts {
  /** Null without any trial. */
  readonly share: number | null;
  /** Wilson's 95 % interval over answers, which it takes for independent. */
  readonly wilson: readonly [low: number, high: number];
  /** 95 %; the one to quote. Null where there is none, and `refusal` says why. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly refusal: string | null;
  /** What is taken for drawn at random: the interval says what other draws of it could have come to. */
  readonly unit: string;
  readonly method: string;
  /** With answers that count. */
  readonly questions: number;
  /** How many times more answers one would need than if they were independent; null where it cannot be told. */
  readonly designEffect: number | null;
  readonly intraClassCorrelation: number | null;
}

export interface QuestionCount extends ShareCounts {
  readonly question: string;
}

/** Counts of several models to the same questions taken together, in the order in which the questions first come. */
export function sumByQuestion(counts: Iterable<QuestionCount>): QuestionCount[] {
  const questions = new Map<string, QuestionCount>();
  for (const { question, successes, trials } of counts) {
    const found = questions.get(question);
    questions.set(question, {
      question,
      successes: (found?.successes ?? 0) + successes,
      trials: (found?.trials ?? 0) + trials,
    });
  }
  return [...questions.values()];
}

/** The share over all questions, which are what other questions would have been drawn instead of. */
export function estimateShare(questions: readonly QuestionCount[]): ShareEstimate {
  const clusters = questions.map(({ question: name, successes, trials }) => ({ name, successes, trials }));
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
    method: estimate.method,
    questions: estimate.clusters ?? 0,
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

/** Of a share over several fine-tunes. */
export interface SeedIntervals {
  /** As the paper has it: models are resampled, questions and answers stay. */
  readonly paper: SeedInterval;
  /** Models and questions are both taken for draws. */
  readonly both: SeedInterval;
}

/** Of the resamples: the same run has the same report. */
const seed = 0;

/** Null with fewer than two fine-tunes: nothing tells how much they differ. */
export function estimateSeedIntervals(models: readonly ModelCounts[]): SeedIntervals | null {
  if (models.length < 2) return null;
  const read = ({ interval, refusal, method, resamples }: Estimate): SeedInterval => ({
    interval,
    refusal,
    method: resamples === null ? method : `${method}, ${String(resamples)} resamples, seed ${String(seed)}`,
  });
  return { paper: read(bootstrapPaper(models, { seed })), both: read(crossedInterval(models)) };
}
