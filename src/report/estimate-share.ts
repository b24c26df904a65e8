import { bootstrapClusters } from '../stats/bootstrap-clusters.js';
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
  /** What was resampled: what the interval says other draws of could have come to. */
  readonly unit: string;
  /** In words, with the seed where anything was drawn. */
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

/** Of all that is drawn for a report: the same run has the same report. */
const seed = 0;

/** The share over all questions, which are what other questions would have been drawn instead of. */
export function estimateShare(questions: readonly QuestionCount[]): ShareEstimate {
  const clusters = questions.map(({ question: name, successes, trials }) => ({ name, successes, trials }));
  const estimate = bootstrapClusters(clusters, { seed });
  const effect = designEffect(clusters);
  return {
    successes: estimate.k,
    trials: estimate.n,
    share: estimate.estimate,
    wilson: wilsonInterval(estimate.k, estimate.n),
    interval: estimate.interval,
    refusal: estimate.refusal,
    unit: estimate.unit,
    method:
      estimate.resamples === null
        ? estimate.method
        : `${estimate.method}, ${String(estimate.resamples)} resamples, seed ${String(estimate.seed)}`,
    questions: estimate.clusters ?? 0,
    designEffect: effect.designEffect,
    intraClassCorrelation: effect.intraClassCorrelation,
  };
}
