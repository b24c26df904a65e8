import { DriftlineError } from '../foundation/driftline-error.js';
import { incompleteBeta, inverseIncompleteBeta } from './incomplete-beta.js';

/**
 * Student's distribution function: the share of a t distribution with these degrees of freedom (above 0, whole or not) below
 * `value`, I_x(v/2, 1/2) / 2 with x = v / (v + t^2) for t below 0. Relative error about 1e-13.
 */
export function studentCumulative(value: number, degreesOfFreedom: number): number {
  requireDegrees(degreesOfFreedom);
  if (Number.isNaN(value)) throw invalid('not a number has no place in a t distribution');
  const squared = value ** 2;
  if (squared === Infinity) return value < 0 ? 0 : 1;
  const tail =
    squared < degreesOfFreedom
      ? (1 - incompleteBeta(squared / (degreesOfFreedom + squared), 0.5, degreesOfFreedom / 2)) / 2
      : incompleteBeta(degreesOfFreedom / (degreesOfFreedom + squared), degreesOfFreedom / 2, 0.5) / 2;
  return value < 0 ? tail : 1 - tail;
}

/**
 * The value below which a draw from a t distribution falls with this probability, 0 < probability < 1, degrees of freedom above 0
 * (else `usage-invalid`). Relative error about 1e-13.
 */
export function studentQuantile(probability: number, degreesOfFreedom: number): number {
  requireDegrees(degreesOfFreedom);
  if (!(probability > 0 && probability < 1)) throw invalid(`${String(probability)} is no probability with a quantile`);
  if (probability === 0.5) return 0;
  const below = probability < 0.5;
  const { value, rest } = inverseIncompleteBeta(2 * (below ? probability : 1 - probability), degreesOfFreedom / 2, 0.5);
  const distance = Math.sqrt(degreesOfFreedom * (rest / value));
  return below ? -distance : distance;
}

function requireDegrees(degreesOfFreedom: number): void {
  if (degreesOfFreedom > 0 && Number.isFinite(degreesOfFreedom)) return;
  throw invalid(`${String(degreesOfFreedom)} are no degrees of freedom`);
}

function invalid(message: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message,
    hint: 'Give a number, a probability between 0 and 1, and degrees of freedom above 0.',
  });
}
