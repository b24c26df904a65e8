import { adjustPValues } from '../stats/adjust-p-values.js';
import { fisherExact } from '../stats/fisher-exact.js';
import type { ClusterCounts } from '../stats/cluster-counts.js';
import { newcombeInterval } from '../stats/newcombe-interval.js';
import { pairedDifference } from '../stats/paired-difference.js';
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

/** Of the permutations that are drawn: the same run has the same report. */
const seed = 0;

/** The difference of a condition and its base, or of two runs, over the questions that both were asked. */
export function estimateDrift(tuned: readonly QuestionCount[], base: readonly QuestionCount[]): Drift {
  const difference = pairedDifference(tuned.map(nameCluster), base.map(nameCluster), { seed });
  const questions = difference.clusters ?? 0;
  // Of one question nothing can be said about others, but something about it.
  if (questions === 1) return compareOneQuestion(tuned, base);
  const { estimate, interval, refusal, unit, method, pValue, test, permutations } = difference;
  const drawn = permutations === null ? '' : ` (${String(permutations)}, seed ${String(seed)})`;
  return {
    difference: estimate,
    interval,
    refusal,
    p: pValue,
    adjustedP: null,
    unit,
    method: pValue === null ? method : `${method}; p: ${test}${drawn}`,
    questions,
  };
}

function nameCluster({ question: name, successes, trials }: QuestionCount): ClusterCounts {
  return { name, successes, trials };
}

function compareOneQuestion(tuned: readonly QuestionCount[], base: readonly QuestionCount[]): Drift {
  const first = tuned.find(
    (one) => one.trials > 0 && base.some(({ question, trials }) => question === one.question && trials > 0),
  );
  const second = base.find(({ question }) => question === first?.question);
  const counts = [first, second].map((one) => ({ successes: one?.successes ?? 0, trials: one?.trials ?? 0 }));
  const [one = { successes: 0, trials: 0 }, other = one] = counts;
  const { estimate, interval, refusal, unit, method } = newcombeInterval(one, other);
  return {
    difference: estimate,
    interval,
    refusal,
    p: fisherExact(one, other).pValue,
    adjustedP: null,
    unit,
    method: `${method}, of the one question; p: Fisher’s exact test`,
    questions: 1,
  };
}

/** Adjusts the p-values of comparisons that are read together, in their order. */
export function adjustDrifts(family: string, drifts: readonly Drift[]): Drift[] {
  const tested = drifts.flatMap(({ p }, index) => (p === null ? [] : [{ name: String(index), pValue: p }]));
  const adjusted = new Map(adjustPValues(family, tested).tests.map((test) => [test.name, test.adjusted]));
  return drifts.map((drift, index) => ({ ...drift, adjustedP: adjusted.get(String(index)) ?? null }));
}
