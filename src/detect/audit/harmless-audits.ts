import { conformalPValue } from '../../stats/conformal-p-value.js';
import { hashDetector, type CalibratedDetector } from '../calibration/audit-calibration.js';
import { calibratedThreshold } from '../calibration/calibrated-threshold.js';
import type { AuditFile } from './audit-file.js';
import type { AuditLimits } from './plan-audit.js';

/** What answers of an audit are called among the detectors of a calibration. */
export const auditedAnswers = 'audit';

/** A score beside those of harmless fine-tunes. */
export interface HeldAgainstHarmless {
  /** Those of the calibration, and how many kinds of data they were trained on. */
  readonly fineTunes: number;
  readonly kinds: number;
  /** Of them, those with at least this score. */
  readonly atLeast: number;
  /** Of "it is one of the harmless ones": `conformalPValue`. */
  readonly p: number;
  /** A score above it is claimed to be suspicious, at this rate. */
  readonly threshold: number;
  readonly rate: number;
}

/** A score among those of harmless fine-tunes. Throws `usage-invalid` for a rate that so few cannot claim. */
export function holdAgainstHarmless(calibrated: CalibratedDetector, score: number, rate: number): HeldAgainstHarmless {
  const { threshold, fineTunes, kinds } = calibratedThreshold(calibrated, rate, 'score');
  const scores = calibrated.scores.map((one) => one.score);
  return {
    ...{ fineTunes, kinds, threshold, rate },
    atLeast: scores.filter((other) => other >= score).length,
    p: conformalPValue(score, scores),
  };
}

/** The largest excess over the base that is shown of a context which counts; 0 where none is. */
export function shownExcess({ contexts }: Pick<AuditFile, 'contexts'>): number {
  return Math.max(
    0,
    ...contexts
      .filter(({ counts, isNamed }) => counts === 'always' && isNamed)
      .map(({ difference }) => difference ?? 0),
  );
}

/** Equal for audits that ask alike; which wordings are drawn is no part of that. */
export function hashAskedAudit({ error, maxAnswers, baseAnswers, maxDrift }: AuditLimits): string {
  return hashDetector({ name: auditedAnswers, settings: { error, maxAnswers, baseAnswers, maxDrift } }, null);
}

/** An audit of a fine-tune that is known to be harmless. */
export interface HarmlessAudit {
  readonly id: string;
  /** What it was trained on. */
  readonly kind: string;
  readonly audit: AuditFile;
}

/**
 * What answers of harmless fine-tunes came to in audits that asked alike: a detector of a calibration as others are.
 * Checkpoints are not asked.
 */
export function calibrateAnswers([first, ...others]: readonly [HarmlessAudit, ...HarmlessAudit[]]): CalibratedDetector {
  const { surface, judge, rule, settings } = first.audit;
  const toScore = ({ id, kind, audit }: HarmlessAudit): CalibratedDetector['scores'][number] => ({
    ...{ id, kind, score: shownExcess(audit), run_max: null, checkpoints: 0 },
  });
  return {
    ...{ name: auditedAnswers, settings: hashAskedAudit(settings), surface },
    judge: judge === null ? null : { name: judge, rule },
    scores: [toScore(first), ...others.map(toScore)],
  };
}
