import { type ClusterCounts, matchQuestions } from './share-counts.js';
import type { HypothesisTest } from './estimate.js';
import { normalCumulative } from './normal-distribution.js';

/**
 * Whether two conditions that were asked the same questions differ on these very questions, answers to each being independent: the test
 * of Cochran, Mantel and Haenszel with questions as strata and correction for continuity, two-sided. With a_q successes
 * of n_q trials on the first side, and k_q of N_q on both,
 *   z = max(0, |sum (a_q - n_q k_q / N_q)| - 1/2) / sqrt(sum n_q (N_q - n_q) k_q (N_q - k_q) / (N_q^2 (N_q - 1))).
 * It says nothing of other questions. Questions that one side has no answers to are left out; without any variation p
 * is 1. Mantel and Haenszel 1959, JNCI 22:719.
 */
export function mantelHaenszelTest(first: readonly ClusterCounts[], second: readonly ClusterCounts[]): HypothesisTest {
  const { conditions } = matchQuestions([first, second]);
  const [one = [], other = []] = conditions;
  let [n, surplus, variance] = [0, 0, 0];
  for (const [question, { successes, trials }] of one.entries()) {
    // Matched: both have the same questions in the same order.
    const opposite = other[question]!;
    const all = trials + opposite.trials;
    const counted = successes + opposite.successes;
    n += all;
    surplus += successes - (trials * counted) / all;
    variance += (trials * opposite.trials * counted * (all - counted)) / (all ** 2 * (all - 1));
  }
  const common = {
    alternative: 'two-sided',
    n,
    unit: 'answer',
    method: 'Cochran-Mantel-Haenszel test, questions as strata, corrected for continuity',
  } as const;
  if (n === 0) return { ...common, pValue: null, refusal: 'one side has no answers' };
  if (variance === 0) return { ...common, pValue: 1, refusal: null };
  const z = Math.max(0, Math.abs(surplus) - 0.5) / Math.sqrt(variance);
  return { ...common, pValue: Math.max(Number.MIN_VALUE, Math.min(1, 2 * normalCumulative(-z))), refusal: null };
}
