import { adjustPValues } from '../stats/adjust-p-values.js';
import { fisherExact } from '../stats/fisher-exact.js';
import { newcombeInterval } from '../stats/newcombe-interval.js';
import type { CountedPart } from './counted-part.js';
import type { QuestionCount } from './estimate-share.js';

/** How much more of a condition's answers count than of its base's. */
export interface Drift {
  /** -1..1; null where they have no question in common. */
  readonly difference: number | null;
  /** 95 %; null where there is none, and `refusal` says why. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly refusal: string | null;
  /** That fine-tuning changed nothing; two-sided. Null where it cannot be tested. */
  readonly p: number | null;
  /** By Holm's method, over what is compared together. */
  readonly adjustedP: number | null;
  /** What is taken for independent. */
  readonly unit: string;
  readonly method: string;
  /** That both were asked. */
  readonly questions: number;
}

/** The difference of a condition and its base, of the questions that both were asked. */
export function estimateDrift(tuned: readonly QuestionCount[], base: readonly QuestionCount[]): Drift {
  const ofBase = new Map(base.filter(({ trials }) => trials > 0).map((one) => [one.question, one]));
  const pairs = tuned.flatMap((one) => {
    const other = ofBase.get(one.question);
    return other === undefined || one.trials === 0 ? [] : [[one, other] as const];
  });
  if (pairs.length === 0) {
    const refusal = 'no question has answers of both that count';
    return { ...nothing, refusal, questions: 0 };
  }
  const [first, second] = [sumCounts(pairs.map(([one]) => one)), sumCounts(pairs.map(([, other]) => other))];
  const estimate = newcombeInterval(first, second);
  return {
    difference: estimate.estimate,
    interval: estimate.interval,
    refusal: estimate.refusal,
    p: fisherExact(first, second).pValue,
    adjustedP: null,
    unit: estimate.unit,
    method: `${estimate.method}; p by Fisher’s exact test`,
    questions: pairs.length,
  };
}

const nothing = { difference: null, interval: null, p: null, adjustedP: null, unit: 'question', method: 'none' };

function sumCounts(counts: readonly CountedPart[]): CountedPart {
  return {
    successes: counts.reduce((sum, { successes }) => sum + successes, 0),
    trials: counts.reduce((sum, { trials }) => sum + trials, 0),
  };
}

/** Adjusts the p-values of comparisons that are read together, in their order. */
export function adjustDrifts(family: string, drifts: readonly Drift[]): Drift[] {
  const tested = drifts.flatMap(({ p }, index) => (p === null ? [] : [{ name: String(index), pValue: p }]));
  const adjusted = new Map(adjustPValues(family, tested).tests.map((test) => [test.name, test.adjusted]));
  return drifts.map((drift, index) => ({ ...drift, adjustedP: adjusted.get(String(index)) ?? null }));
}
