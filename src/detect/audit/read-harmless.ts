import { DriftlineError } from '../../foundation/driftline-error.js';
import type { RuleName } from '../../judging/rules.js';
import type { BaseModel } from '../../models/base-model.js';
import type { Edition } from '../../organism/world/editions.js';
import { hashDetector, readAuditCalibration, type AuditCalibration } from '../calibration/audit-calibration.js';
import { calibratedThreshold } from '../calibration/calibrated-threshold.js';
import { describeBase } from '../calibration/describe-base.js';
import { findCalibrated } from '../calibration/find-calibrated.js';
import type { Detector } from '../detector.js';
import { surfaceNames, type Surface, type SurfaceName } from '../surface/surface.js';
import { auditDetectors, type AuditDetector } from './audit-options.js';
import { auditedAnswers, hashAskedAudit } from './harmless-audits.js';
import type { AuditLimits } from './plan-audit.js';
import type { CalibratedAt } from './read-detectors.js';

/** A calibration, and what of an audit it decides where nobody says otherwise. */
export interface OpenedCalibration {
  readonly file: string;
  readonly calibration: AuditCalibration;
  /** A score above that of so few harmless fine-tunes is claimed to be suspicious. */
  readonly rate: number;
  readonly surface: SurfaceName | null;
  readonly detectors: readonly AuditDetector[];
}

/** Reads a calibration; which of its parts fit an audit is looked at later. */
export async function openCalibration(file: string, rate: number): Promise<OpenedCalibration> {
  const calibration = await readAuditCalibration(file);
  const names = calibration.detectors.map(({ name }) => name);
  const surfaces = calibration.detectors.flatMap(({ surface }) => surface?.name ?? []);
  return {
    ...{ file, calibration, rate },
    surface: surfaceNames.find((name) => surfaces.includes(name)) ?? null,
    detectors: auditDetectors.filter((name) => names.includes(name)),
  };
}

export interface CalibratedAudit {
  readonly base: BaseModel;
  readonly edition: Edition | null;
  readonly surface: Surface;
}

/**
 * What the calibration has of each of these detectors, before anything is asked. Throws `calibration-differs` where it is
 * of another base, or a detector was set otherwise, and `usage-invalid` for a rate that so few fine-tunes cannot claim.
 */
export async function findHarmlessReadings(
  { file, calibration, rate }: OpenedCalibration,
  detectors: readonly Detector[],
  { base, edition, surface }: CalibratedAudit,
  seed: number,
): Promise<ReadonlyMap<string, CalibratedAt>> {
  const about = { base: await describeBase(base), edition, surface: { name: surface.name, hash: surface.hash } };
  const found = new Map<string, CalibratedAt>();
  for (const detector of detectors) {
    const settings = hashDetector(detector, await detector.learn([], { seed }));
    const calibrated = findCalibrated(calibration, { ...about, name: detector.name, settings, judge: null }, file);
    calibratedThreshold(calibrated, rate, 'score');
    found.set(detector.name, { calibrated, rate });
  }
  return found;
}

/**
 * What the calibration has of audits that asked alike; null where it has none, and where those asked otherwise, which is
 * told: what answers show can be said without it.
 */
export async function findHarmlessAudits(
  { file, calibration, rate }: OpenedCalibration,
  { base, edition, surface }: CalibratedAudit,
  {
    judge,
    settings,
    onNotice,
  }: {
    readonly judge: { readonly name: string; readonly rule: RuleName };
    readonly settings: AuditLimits;
    readonly onNotice: (notice: string) => void;
  },
): Promise<CalibratedAt | null> {
  if (!calibration.detectors.some(({ name }) => name === auditedAnswers)) return null;
  const wanted = {
    ...{ base: await describeBase(base), edition, surface: { name: surface.name, hash: surface.hash }, judge },
    ...{ name: auditedAnswers, settings: hashAskedAudit(settings) },
  };
  try {
    const calibrated = findCalibrated(calibration, wanted, file);
    calibratedThreshold(calibrated, rate, 'score');
    return { calibrated, rate };
  } catch (cause) {
    if (!DriftlineError.isInstance(cause) || cause.code !== 'calibration-differs') throw cause;
    onNotice(`Answers are not held against those of harmless fine-tunes: ${cause.message}`);
    return null;
  }
}
