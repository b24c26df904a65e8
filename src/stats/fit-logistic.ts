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
 * Fits chances to scores by maximum likelihood: `fitLogisticMany` of one feature, without a ridge. Null without a
 * positive, without a negative, or where all scores are equal.
 */
export function fitLogistic(items: readonly ScoredOutcome[]): LogisticFit | null {
  const fit = fitLogisticMany(items.map(({ score, isPositive }) => ({ features: [score], isPositive })));
  if (fit === null) return null;
  const { intercept, features } = fit;
  return { intercept, ...features[0]! };
}

/** The chance that a fit gives a score, 0..1. */
export function predictLogistic({ intercept, ...feature }: LogisticFit, score: number): number {
  return predictLogisticMany({ intercept, features: [feature] }, [score]);
}

/**
 * The chance of features x_j, as 1 / (1 + exp(-(intercept + sum_j slope_j (x_j - centre_j) / scale_j))); plain JSON.
 */
export interface LogisticFitMany {
  readonly intercept: number;
  readonly features: readonly Omit<LogisticFit, 'intercept'>[];
}

/** Features in one order for all rows, and whether what they should foretell came. */
export interface FeaturedOutcome {
  readonly features: readonly number[];
  readonly isPositive: boolean;
}

/**
 * Fits chances to several features by Newton's steps: the least value of
 *   sum over rows of the log loss to their targets, in nats, + ridge / 2 sum_j slope_j^2,
 * slopes a standard deviation of their feature, so that the unit of a feature makes no difference; the intercept is
 * free. ridge 0 is maximum likelihood, and 1 / ridge is scikit-learn's C. The targets are Platt's: (P + 1) / (P + 2)
 * for the P positives and 1 / (N + 2) for the N negatives in place of 1 and 0, so that rows which separate without
 * exception have a fit, too. A feature that never varies has the slope 0. Null without a positive, without a negative,
 * or where no feature varies. `usage-invalid` for a negative ridge, for rows of unequal length and for features that
 * are not finite. Platt 1999, Advances in Large Margin Classifiers, 61; Lin, Lin and Weng 2007, Machine Learning
 * 68:267; Hoerl and Kennard 1970, Technometrics 12:55.
 */
export function fitLogisticMany(rows: readonly FeaturedOutcome[], ridge = 0): LogisticFitMany | null {
  requireRows(rows, ridge);
  const positives = rows.filter(({ isPositive }) => isPositive).length;
  const negatives = rows.length - positives;
  if (positives === 0 || negatives === 0) return null;
  const scales = rows[0]!.features.map((_, index) => scaleOf(rows.map(({ features }) => features[index]!)));
  if (scales.every(({ varies }) => !varies)) return null;
  const points = rows.map(({ features, isPositive }) => ({
    // The intercept is the weight of a feature that is always 1.
    places: [1, ...scales.map(({ centre, scale }, index) => (features[index]! - centre) / scale)],
    target: isPositive ? (positives + 1) / (positives + 2) : 1 / (negatives + 2),
  }));
  const penalties = [0, ...scales.map(() => ridge)];
  const start = [Math.log((positives + 1) / (negatives + 1)), ...scales.map(() => 0)];
  const [intercept, ...slopes] = descend(points, penalties, start);
  return {
    intercept: intercept!,
    features: scales.map(({ centre, scale }, index) => ({ slope: slopes[index]!, centre, scale })),
  };
}

/** The chance that a fit gives a row of features, 0..1. */
export function predictLogisticMany({ intercept, features }: LogisticFitMany, row: readonly number[]): number {
  requireLength(row, features.length);
  const logit = features.reduce(
    (sum, { slope, centre, scale }, index) => sum + (slope * (row[index]! - centre)) / scale,
    intercept,
  );
  return 1 / (1 + Math.exp(-logit));
}

/** Mean and standard deviation; 1 in its place where the values are all the same. */
function scaleOf(values: readonly number[]): { centre: number; scale: number; varies: boolean } {
  const centre = values.reduce((sum, value) => sum + value, 0) / values.length;
  const scale = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / values.length);
  // The mean of equal values may be off by rounding, and a deviation of that size is none.
  const varies = scale > 1e-14 * Math.abs(centre);
  return { centre: varies ? centre : values[0]!, scale: varies ? scale : 1, varies };
}

interface Point {
  readonly places: readonly number[];
  readonly target: number;
}

const dot = (left: readonly number[], right: readonly number[]): number =>
  left.reduce((sum, value, index) => sum + value * right[index]!, 0);

/** Newton's steps from `start`, each halved until the loss does not rise. */
function descend(points: readonly Point[], penalties: readonly number[], start: readonly number[]): readonly number[] {
  const lossOf = (weights: readonly number[]): number =>
    points.reduce(
      (sum, { places, target }) => {
        const logit = dot(places, weights);
        // log(1 + exp(x)), without overflow.
        return sum + Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit))) - target * logit;
      },
      weights.reduce((sum, weight, index) => sum + (penalties[index]! * weight ** 2) / 2, 0),
    );
  let weights = start;
  let least = lossOf(weights);
  for (let step = 0; step < 100; step += 1) {
    const slopes = weights.map((weight, index) => penalties[index]! * weight);
    const curvature = weights.map((_, row) =>
      weights.map((__, column) => (row === column ? penalties[row]! + 1e-12 : 0)),
    );
    for (const { places, target } of points) {
      const chance = 1 / (1 + Math.exp(-dot(places, weights)));
      for (const [row, place] of places.entries()) {
        slopes[row]! += (chance - target) * place;
        const weight = chance * (1 - chance) * place;
        for (const [column, other] of places.entries()) curvature[row]![column]! += weight * other;
      }
    }
    if (slopes.every((slope) => Math.abs(slope) < 1e-10)) break;
    const move = solve(curvature, slopes);
    let size = 1;
    const moved = (): number[] => weights.map((weight, index) => weight - size * move[index]!);
    let found = lossOf(moved());
    while (!(found <= least) && size > 1e-10) {
      size /= 2;
      found = lossOf(moved());
    }
    if (!(found <= least)) break;
    [weights, least] = [moved(), found];
  }
  return weights;
}

/**
 * The x with matrix x = right, for a symmetric matrix whose eigenvalues are above 0: Gauss's elimination, which then
 * needs no pivots.
 */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, index) => [...row, right[index]!]);
  for (const [index, pivot] of rows.entries())
    for (const row of rows.slice(index + 1)) {
      const factor = row[index]! / pivot[index]!;
      for (let column = index; column < row.length; column += 1) row[column]! -= factor * pivot[column]!;
    }
  const found = right.map(() => 0);
  for (let index = rows.length - 1; index >= 0; index -= 1) {
    const row = rows[index]!;
    const known = found.reduce((sum, value, column) => (column > index ? sum + value * row[column]! : sum), 0);
    found[index] = (row[row.length - 1]! - known) / row[index]!;
  }
  return found;
}

function requireRows(rows: readonly FeaturedOutcome[], ridge: number): void {
  if (!(ridge >= 0 && ridge < Infinity)) throw invalid(`${String(ridge)} is not a ridge`, 'Give a number from 0 on.');
  for (const { features } of rows) {
    requireLength(features, rows[0]!.features.length);
    if (!features.every(Number.isFinite))
      throw invalid(`${features.join(', ')} are not features`, 'Leave out rows that lack a number, and say how many.');
  }
}

function requireLength(features: readonly number[], length: number): void {
  if (features.length === length) return;
  throw invalid(
    `a row has ${String(features.length)} features in place of ${String(length)}`,
    'Give each row the same features in the same order.',
  );
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}

/** A chance that was given, and whether it came. */
export interface Forecast {
  readonly chance: number;
  readonly isPositive: boolean;
}

/**
 * How good chances are: Brier's score, the mean of (chance - outcome)^2, and the log score, the mean of -log(chance of
 * what came) in nats, chances kept 1e-15 away from 0 and 1 as scikit-learn once did. Both are 0 for certainty that is
 * right; chances of 1/2 have 0.25 and 0.693. Null without forecasts. Brier 1950, Monthly Weather Review 78:1; Good
 * 1952, JRSS B 14:107.
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
