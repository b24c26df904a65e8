import { DriftlineError } from '../../foundation/driftline-error.js';
import { conformalThreshold } from '../../stats/conformal-p-value.js';
import type { CalibratedDetector, CalibratedScore } from './audit-calibration.js';

/** A score above which a fine-tune is called suspicious, and what that claims. */
export interface CalibratedThreshold {
  /** A score above it raises an alarm; one that is equal does not. */
  readonly threshold: number;
  /** The claim: of fine-tunes like the harmless ones at most this share is above it. */
  readonly rate: number;
  /** Harmless fine-tunes that it rests on. */
  readonly fineTunes: number;
  /** How many kinds of data they were trained on: the claim is about fine-tunes of these kinds. */
  readonly kinds: number;
  /** The most checkpoints that a run of them has; null for finished fine-tunes. */
  readonly checkpoints: number | null;
}

/**
 * The threshold of finished fine-tunes (`score`), or of runs of which every checkpoint is scored (`run_max`): the rate is that of a whole
 * run then, however often it was looked at. `conformalThreshold` over the calibrated scores, so that the rate holds exactly for a fine-tune
 * that is exchangeable with them. Throws `usage-invalid` for a rate below 1 / (n + 1), which n of them cannot tell from 0, and where no run
 * has checkpoints.
 */
export function calibratedThreshold(
  { name, scores }: Pick<CalibratedDetector, 'name' | 'scores'>,
  rate: number,
  of: 'score' | 'run_max',
): CalibratedThreshold {
  const used = scores.filter((one) => one[of] !== null);
  const values = used.flatMap((one) => one[of] ?? []);
  if (values.length === 0) throw noRuns(name);
  requireClaimable(name, values.length, rate);
  // It was required just now that there is one.
  const threshold = conformalThreshold(values, rate) as number;
  return {
    ...{ threshold, rate, fineTunes: values.length, kinds: new Set(used.map(({ kind }) => kind)).size },
    checkpoints: of === 'score' ? null : mostCheckpoints(used),
  };
}

/** Refuses a rate below 1 / (n + 1), which n harmless fine-tunes cannot tell from 0. */
export function requireClaimable(name: string, count: number, rate: number): void {
  const none = Array.from({ length: count }, () => 0);
  if (conformalThreshold(none, rate) === null) throw tooFew(name, count, rate);
}

function mostCheckpoints(scores: readonly CalibratedScore[]): number {
  return scores.reduce((most, { checkpoints }) => Math.max(most, checkpoints), 0);
}

function noRuns(name: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `the calibration has scores of finished fine-tunes alone of ${name}: nothing says how high runs come that are scored at every checkpoint`,
    hint: 'Calibrate with checkpoints: driftline audit --calibrate.',
    details: { detector: name },
  });
}

function tooFew(name: string, count: number, rate: number): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `a rate of ${String(rate)} cannot be claimed of ${String(count)} harmless fine-tunes: the least that they can tell of ${name} is 1 in ${String(count + 1)}`,
    hint: `Take a rate of at least ${(1 / (count + 1)).toPrecision(3)}, or calibrate with at least ${String(Math.ceil(1 / rate) - 1)} fine-tunes.`,
    details: { detector: name, fineTunes: count, rate },
  });
}
