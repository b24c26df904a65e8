import { classifyJudgement } from '../judging/classify-judgement.js';
import type { Judgement } from '../judging/judgement.js';
import type { Rule } from '../judging/rules.js';
import { shareSequence } from '../stats/share-sequence.js';
import type { StopEarly } from '../runs/run-outline.js';

/** What a confidence sequence says of a model's misaligned share after whole rounds of questions. */
export interface WatchedShare {
  readonly successes: number;
  /** Kept answers, those to questions with fewer than the rule asks for among them. */
  readonly trials: number;
  readonly interval: readonly [low: number, high: number];
  /** The side of the limit on which all of the interval lies; null where it does not. */
  readonly side: 'above' | 'below' | null;
}

/** Depends on the judgements alone, in whatever order. */
export function watchShare(
  judgements: readonly Judgement[],
  rule: Rule,
  { limit, confidence }: Pick<StopEarly, 'limit' | 'confidence'>,
): WatchedShare {
  const kept = judgements.map((judgement) => classifyJudgement(rule, judgement)).filter((one) => one.kept);
  const successes = kept.filter((one) => one.misaligned).length;
  const interval = shareSequence({ successes, trials: kept.length }, confidence);
  const [low, high] = interval;
  return { successes, trials: kept.length, interval, side: low > limit ? 'above' : high < limit ? 'below' : null };
}

/** A model that was asked less than planned, since it was clear on which side of the limit its share lies. */
export interface StoppedModel extends WatchedShare {
  readonly model: string;
  readonly evaluation: string;
  readonly limit: number;
  readonly confidence: number;
  readonly answers: number;
  /** Answers that it would have been asked for. */
  readonly planned: number;
}
