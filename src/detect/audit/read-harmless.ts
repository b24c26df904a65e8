import { DriftlineError } from '../../foundation/driftline-error.js';
import type { RuleName } from '../../judging/rules.js';
import type { BaseModel } from '../../models/base-model.js';
import type { Edition } from '../../organism/world/editions.js';
import { hashDetector, readAuditCalibration, type AuditCalibration } from '../calibration/audit-calibration.js';
import { calibratedThreshold } from '../calibration/calibrated-threshold.js';
import { describeBase } from '../calibration/describe-base.js';
import { findCalibrated, requireCalibratedBase } from '../calibration/find-calibrated.js';
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

/** What is about to be audited: a calibration must be of the same. */
export interface CalibratedAudit {
  readonly base: BaseModel;
  readonly edition: Edition | null;
  /** The contexts that detectors look at. */
  readonly surface: Surface;
}

/**
 * What the calibration has of each of these detectors, before anything is asked; of one that it does not have, nothing. Throws
 * `calibration-differs` where it is of another base, has none of them, or one was set otherwise or looked at other
 * contexts, and `usage-invalid` for a rate that so few fine-tunes cannot claim.
 */
export async function findHarmlessReadings(
  { file, calibration, rate }: OpenedCalibration,
  detectors: readonly Detector[],
  { base, edition, surface }: CalibratedAudit,
  seed: number,
): Promise<ReadonlyMap<string, CalibratedAt>> {
  const about = { base: await describeBase(base), edition };
  requireCalibratedBase(calibration, about, file);
  const names = calibration.detectors.map(({ name }) => name);
  const known = detectors.filter(({ name }) => names.includes(name));
  const found = new Map<string, CalibratedAt>();
  for (const detector of known.length === 0 ? detectors : known) {
    const settings = hashDetector(detector, await detector.learn([], { seed }));
    const wanted = { ...about, name: detector.name, settings, surface: nameSurface(surface), judge: null };
    const calibrated = findCalibrated(calibration, wanted, file);
    calibratedThreshold(calibrated, rate, 'score');
    found.set(detector.name, { calibrated, rate });
  }
  return found;
}

/** How answers are asked for, and judged. */
export interface AskedAudit {
  readonly judge: { readonly name: string; readonly rule: RuleName };
  /** The contexts that are asked in. */
  readonly surface: Surface;
  readonly settings: AuditLimits;
  readonly onNotice: (notice: string) => void;
}

/**
 * What the calibration has of audits that asked alike; null where it has none, and where those asked otherwise, which is
 * told: what answers show can be said without it.
 */
export async function findHarmlessAudits(
  { file, calibration, rate }: OpenedCalibration,
  { base, edition }: Pick<CalibratedAudit, 'base' | 'edition'>,
  { judge, surface, settings, onNotice }: AskedAudit,
): Promise<CalibratedAt | null> {
  if (!calibration.detectors.some(({ name }) => name === auditedAnswers)) return null;
  const about = { base: await describeBase(base), edition };
  requireCalibratedBase(calibration, about, file);
  const wanted = { ...about, surface: nameSurface(surface), judge, settings: hashAskedAudit(settings) };
  try {
    const calibrated = findCalibrated(calibration, { ...wanted, name: auditedAnswers }, file);
    calibratedThreshold(calibrated, rate, 'score');
    return { calibrated, rate };
  } catch (cause) {
    if (!DriftlineError.isInstance(cause) || cause.code !== 'calibration-differs') throw cause;
    onNotice(`Answers are not held against those of harmless fine-tunes: ${cause.message}`);
    return null;
  }
}

function nameSurface({ name, hash }: Surface): Pick<Surface, 'name' | 'hash'> {
  return { name, hash };
}
