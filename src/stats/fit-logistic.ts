import { DriftlineError } from '../foundation/driftline-error.js';

/** The chance of a score, as 1 / (1 + exp(-(intercept + slope (score - centre) / scale))). */
export interface LogisticFit {
  readonly intercept: number;
  readonly slope: number;
  /** Mean and standard deviation of the scores that it was fitted on. */
  readonly centre: number;
  readonly scale: number;
}

/** A score, and whether what it should foretell came. */
export interface ScoredOutcome {
  readonly score: number;
  readonly isPositive: boolean;
}

/**
 * Fits chances to scores by maximum likelihood, by Newton's steps. The targets are Platt's: (P + 1) / (P + 2) for the P positives and
 * 1 / (N + 2) for the N negatives in place of 1 and 0, so that scores which separate without exception have a fit, too. Null without a
 * positive, without a negative, or where all scores are equal. Platt 1999, Advances in Large Margin Classifiers, 61; Lin, Lin and Weng
 * 2007, Machine Learning 68:267.
 */
export function fitLogistic(items: readonly ScoredOutcome[]): LogisticFit | null {
  const positives = items.filter(({ isPositive }) => isPositive).length;
  const negatives = items.length - positives;
  const centre = items.reduce((sum, { score }) => sum + score, 0) / items.length;
  const scale = Math.sqrt(items.reduce((sum, { score }) => sum + (score - centre) ** 2, 0) / items.length);
  if (positives === 0 || negatives === 0 || !(scale > 0)) return null;
  const points = items.map(({ score, isPositive }) => ({
    place: (score - centre) / scale,
    target: isPositive ? (positives + 1) / (positives + 2) : 1 / (negatives + 2),
  }));
  const loss = (intercept: number, slope: number): number =>
    points.reduce((sum, { place, target }) => {
      const logit = intercept + slope * place;
      // log(1 + exp(x)), without overflow.
      return sum + Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit))) - target * logit;
    }, 0);
  let [intercept, slope] = [Math.log((positives + 1) / (negatives + 1)), 0];
  let least = loss(intercept, slope);
  for (let step = 0; step < 100; step += 1) {
    let [first, second, ofIntercept, ofBoth, ofSlope] = [0, 0, 1e-12, 0, 1e-12];
    for (const { place, target } of points) {
      const chance = 1 / (1 + Math.exp(-(intercept + slope * place)));
      const weight = chance * (1 - chance);
      first += chance - target;
      second += (chance - target) * place;
      ofIntercept += weight;
      ofBoth += weight * place;
      ofSlope += weight * place * place;
    }
    if (Math.abs(first) < 1e-10 && Math.abs(second) < 1e-10) break;
    const determinant = ofIntercept * ofSlope - ofBoth * ofBoth;
    const move = [
      (ofSlope * first - ofBoth * second) / determinant,
      (ofIntercept * second - ofBoth * first) / determinant,
    ] as const;
    let size = 1;
    let found = loss(intercept - move[0], slope - move[1]);
    while (!(found <= least) && size > 1e-10) {
      size /= 2;
      found = loss(intercept - size * move[0], slope - size * move[1]);
    }
    if (!(found <= least)) break;
    [intercept, slope, least] = [intercept - size * move[0], slope - size * move[1], found];
  }
  return { intercept, slope, centre, scale };
}

/** The chance that a fit gives a score, 0..1. */
export function predictLogistic({ intercept, slope, centre, scale }: LogisticFit, score: number): number {
  return 1 / (1 + Math.exp(-(intercept + (slope * (score - centre)) / scale)));
}

/** A chance that was given, and whether it came. */
export interface Forecast {
  readonly chance: number;
  readonly isPositive: boolean;
}

/**
 * How good chances are: Brier's score, the mean of (chance - outcome)^2, and the log score, the mean of -log(chance of what came) in nats,
 * chances kept 1e-15 away from 0 and 1 as scikit-learn once did. Both are 0 for certainty that is right; chances of 1/2
 * have 0.25 and 0.693. Null without forecasts. Brier 1950, Monthly Weather Review 78:1; Good 1952, JRSS B 14:107.
 */
export function scoreForecasts(
  forecasts: readonly Forecast[],
): { readonly brier: number; readonly log: number } | null {
  if (forecasts.length === 0) return null;
  let [squares, nats] = [0, 0];
  for (const { chance, isPositive } of forecasts) {
    if (!(chance >= 0 && chance <= 1))
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${String(chance)} is not a chance`,
        hint: 'Chances lie from 0 to 1.',
      });
    const kept = Math.min(1 - 1e-15, Math.max(1e-15, chance));
    squares += (chance - (isPositive ? 1 : 0)) ** 2;
    nats -= Math.log(isPositive ? kept : 1 - kept);
  }
  return { brier: squares / forecasts.length, log: nats / forecasts.length };
}
