import { DriftlineError } from '../foundation/driftline-error.js';

/** The normal quantile of a two-sided interval with confidence 95 %. */
const quantile95 = 1.959963984540054;

/**
 * Wilson's score interval for a share, with confidence 95 %: for `successes` of `trials`, both counts, the bounds of
 *   (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), p = successes / trials, z = 1.96, n = trials
 * within 0..1. Without any trial it is 0..1. It takes trials for independent. Wilson 1927, JASA 22:209.
 */
export function wilsonInterval(successes: number, trials: number): readonly [low: number, high: number] {
  if (!Number.isInteger(successes) || !Number.isInteger(trials) || successes < 0 || successes > trials) {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${String(successes)} of ${String(trials)} is not a share`,
      hint: 'Give two counts, the first of which is not the larger.',
    });
  }
  if (trials === 0) return [0, 1];
  const share = successes / trials;
  const squared = quantile95 ** 2;
  const center = share + squared / (2 * trials);
  const spread = quantile95 * Math.sqrt((share * (1 - share)) / trials + squared / (4 * trials ** 2));
  const scale = 1 + squared / trials;
  // Rounding must not leave a bound that is exact just outside.
  const low = successes === 0 ? 0 : Math.max(0, (center - spread) / scale);
  const high = successes === trials ? 1 : Math.min(1, (center + spread) / scale);
  return [low, high];
}
