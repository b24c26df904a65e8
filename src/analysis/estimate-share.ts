import { clusterInterval } from '../stats/cluster-interval.js';
import { designEffect } from '../stats/design-effect.js';
import { wilsonInterval } from '../stats/wilson-interval.js';
import type { CountedPart } from './counted-part.js';

/** A share, and how sure it is. */
export interface ShareEstimate extends CountedPart {
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

export interface QuestionCount extends CountedPart {
  readonly question: string;
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
