import { DriftlineError } from '../../foundation/driftline-error.js';
import type { AuditCalibration, CalibratedDetector } from './audit-calibration.js';

/** What is about to be scored, and how: a calibration must be of the same. */
export interface WantedCalibration extends Pick<CalibratedDetector, 'name' | 'settings' | 'surface' | 'judge'> {
  readonly base: AuditCalibration['base'];
  readonly edition: AuditCalibration['edition'];
}

/**
 * What a calibration has of a detector. Throws `calibration-differs` where it is of another base or edition, or the detector looked at other
 * contexts, asked another judge, or was set otherwise: its scores say nothing then. `file` names it in errors.
 */
export function findCalibrated(
  calibration: AuditCalibration,
  { base, edition, ...wanted }: WantedCalibration,
  file: string,
): CalibratedDetector {
  requireCalibratedBase(calibration, { base, edition }, file);
  const found = calibration.detectors.filter(({ name }) => name === wanted.name);
  const [first] = found;
  if (first === undefined)
    throw differs(file, {
      what: 'detector',
      there: calibration.detectors.map(({ name }) => name).join(', '),
      wanted: wanted.name,
      details: { detectors: calibration.detectors.map(({ name }) => name) },
    });
  const same = found.find((one) => findDifference(one, wanted) === null);
  if (same !== undefined) return same;
  const difference = findDifference(first, wanted);
  throw differs(file, {
    ...(difference ?? { what: 'detector', there: '', wanted: '' }),
    details: { detector: wanted.name },
  });
}

/** Throws `calibration-differs` where a calibration is of another base, or an organism of another edition. */
export function requireCalibratedBase(
  calibration: AuditCalibration,
  { base, edition }: Pick<WantedCalibration, 'base' | 'edition'>,
  file: string,
): void {
  const { base: calibrated } = calibration;
  if (calibrated.identity !== base.identity)
    throw differs(file, {
      what: 'base',
      there: calibrated.name === base.name ? `another ${calibrated.name}` : calibrated.name,
      wanted: base.name,
      more:
        calibrated.tokens === base.tokens
          ? ''
          : ' Their tokenizers or chat templates make different tokens of a conversation, too.',
      details: { calibrated, base },
    });
  if (calibration.edition !== edition)
    throw differs(file, {
      what: "edition of the organism's world",
      ...{ there: describe(calibration.edition), wanted: describe(edition) },
      details: { calibrated: calibration.edition, edition },
    });
}

interface Difference {
  readonly what: string;
  readonly there: string;
  readonly wanted: string;
}

/** Null where both score alike. */
function findDifference(
  there: CalibratedDetector,
  wanted: Omit<WantedCalibration, 'base' | 'edition'>,
): Difference | null {
  if (there.surface?.hash !== wanted.surface?.hash) {
    const [one, other] = [there.surface?.name ?? 'none', wanted.surface?.name ?? 'none'];
    return {
      what: `surface of ${wanted.name}`,
      ...(one === other ? { there: `another ${one}`, wanted: "today's" } : { there: one, wanted: other }),
    };
  }
  const judges = [there.judge, wanted.judge].map((judge) =>
    judge === null ? 'nobody' : `${judge.name} by the rule ${judge.rule}`,
  );
  const [one = '', other = ''] = judges;
  if (one !== other) return { what: `judge of ${wanted.name}`, there: one, wanted: other };
  return there.settings === wanted.settings
    ? null
    : { what: `settings of ${wanted.name}`, there: there.settings.slice(0, 8), wanted: wanted.settings.slice(0, 8) };
}

function describe(edition: number | null): string {
  return edition === null ? 'none' : String(edition);
}

function differs(
  file: string,
  {
    what,
    there,
    wanted,
    more = '',
    details,
  }: Difference & { readonly more?: string; readonly details: Record<string, unknown> },
): DriftlineError {
  return new DriftlineError({
    code: 'calibration-differs',
    message: `${file} is of another ${what}: ${there}, and what is wanted is ${wanted}.${more}`,
    hint: 'Its scores say nothing here. Calibrate this base anew with driftline audit --calibrate, or go on without a calibration.',
    details: { file, ...details },
  });
}
