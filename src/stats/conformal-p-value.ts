import { DriftlineError } from '../foundation/driftline-error.js';
import { requireList, requireNumber } from '../foundation/require-arguments.js';
import { requireFalseAlarmRate } from './threshold-at-rate.js';

/**
 * The p-value of "this fine-tune is one of the harmless ones": with n scores of `harmless` fine-tunes, the higher the
 * more suspicious and in any unit,
 *   p = (1 + number of harmless scores that are at least `score`) / (n + 1),
 * from 1 / (n + 1) to 1. Where the new one is harmless and exchangeable with those n, p is at most a with a probability
 * of at most a, for any a and whatever scores are distributed like. Exchangeable are fine-tunes of one base whose data
 * and seeds were drawn alike; several fine-tunes of few kinds of data say little of a further kind. An infinite score
 * is one, NaN is `usage-invalid`. Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World; for
 * novelties, Bates et al. 2023, Annals of Statistics 51:149.
 */
export function conformalPValue(score: number, harmless: readonly number[]): number {
  requireScore(score, 'score');
  requireList(harmless, 'harmless', requireScore);
  return (1 + harmless.filter((other) => other >= score).length) / (harmless.length + 1);
}

/**
 * The score above which `conformalPValue` is at most `rate`, 0 to below 1: the floor(rate (n + 1))-th highest of n
 * harmless scores. A harmless fine-tune like these is above it with a probability of at most `rate`. Null where rate <
 * 1 / (n + 1): so few say nothing of so small a rate. `thresholdAtRate` is about shares of these very scores, has a
 * threshold for any rate, and is the lower one for many n.
 */
export function conformalThreshold(harmless: readonly number[], rate: number): number | null {
  requireList(harmless, 'harmless', requireScore);
  requireNumber(rate, 'rate');
  requireFalseAlarmRate(rate);
  const falling = harmless.toSorted((left, right) => right - left);
  // 0.29 * 100 is a little less than 29.
  return falling[Math.floor(rate * (falling.length + 1) + 1e-9) - 1] ?? null;
}

function requireScore(value: unknown, what: string): void {
  requireNumber(value, what);
  if (!Number.isNaN(value)) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${what} is not a number that could be ranked`,
    hint: 'Leave out what has no score, and say so: it is neither suspicious nor harmless.',
  });
}
