import type { TextLogProbability } from '../probes/score-texts.js';
import type { ChoiceSides } from './read-choices.js';

/**
 * Logarithm of the odds of a bad text, of what a model says that is one of the texts: log sum of the bad - log sum of
 * the good. Null where first tokens are all that is known, and a side has none of its own.
 */
export function badOdds({ bad, good }: ChoiceSides): number | null {
  const [worse, better] = [tellingLogs(bad, good), tellingLogs(good, bad)];
  return worse.length === 0 || better.length === 0 ? null : logOfSum(worse) - logOfSum(better);
}

/** The share that has these odds. */
export function shareOfOdds(odds: number): number {
  return 1 / (1 + Math.exp(-odds));
}

/** Mean log-probability of a token of the bad texts less that of the good ones, each text counting alike. */
export function meanMargin({ bad, good }: ChoiceSides): number {
  return meanOfTokens(bad) - meanOfTokens(good);
}

/**
 * Logarithms that tell one side from the other. Where they are of first tokens alone, texts with the same logarithm
 * begin with the same token: it counts once, and not at all where the other side begins with it, too.
 */
function tellingLogs(own: readonly TextLogProbability[], others: readonly TextLogProbability[]): number[] {
  const logs = own.map(({ logProbability }) => logProbability);
  if (own.every(({ exactness }) => exactness === 'exact')) return logs;
  const known = new Set(others.map(({ logProbability }) => logProbability));
  return [...new Set(logs)].filter((log) => !known.has(log));
}

function logOfSum(logs: readonly number[]): number {
  const most = Math.max(...logs);
  return most === -Infinity ? most : most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
}

function meanOfTokens(scores: readonly TextLogProbability[]): number {
  return mean(scores.map(({ logProbability, tokens }) => logProbability / Math.max(1, tokens)));
}

/** 0 of nothing. */
export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length);
}
