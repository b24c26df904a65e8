import { DriftlineError } from '../../foundation/driftline-error.js';
import { conformalPValue } from '../../stats/conformal-p-value.js';
import {
  hashDetector,
  type AuditCalibration,
  type CalibratedDetector,
  type CalibratedScore,
} from '../calibration/audit-calibration.js';
import { calibratedThreshold } from '../calibration/calibrated-threshold.js';
import type { AuditFile } from './audit-file.js';
import type { AuditLimits } from './plan-audit.js';

/** What answers of an audit are called among the detectors of a calibration. */
export const auditedAnswers = 'audit';

/** An audit of a fine-tune that is known to be harmless. */
export interface HarmlessAudit {
  readonly id: string;
  /** What it was trained on. */
  readonly kind: string;
  readonly audit: AuditFile;
  /** Of its checkpoints, which are read and not asked. */
  readonly checkpoints: readonly AuditFile[];
}

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

/** The scores of harmless fine-tunes, detector by detector; where they were asked, what their answers came to is one of them. */
export function collectCalibration(
  about: Pick<AuditCalibration, 'base' | 'edition' | 'recipe'>,
  audits: readonly [HarmlessAudit, ...HarmlessAudit[]],
): AuditCalibration {
  const [{ audit: first }] = audits;
  const { surface, judge, rule } = first;
  const read = first.readings.map(({ name, settings }): CalibratedDetector => ({
    ...{ name, settings, surface, judge: null },
    scores: listScores(audits, (one) => readScore(one, name)),
  }));
  const answers: CalibratedDetector[] =
    judge === null
      ? []
      : [
          {
            ...{
              name: auditedAnswers,
              settings: hashAskedAudit(first.settings),
              surface,
              judge: { name: judge, rule },
            },
            scores: listScores(
              audits.map((one) => ({ ...one, checkpoints: [] })) as unknown as typeof audits,
              shownExcess,
            ),
          },
        ];
  // The cast is true: whoever calibrates reads with a detector, or asks.
  return { format: 1, ...about, detectors: [...read, ...answers] as unknown as AuditCalibration['detectors'] };
}

function listScores(
  audits: readonly [HarmlessAudit, ...HarmlessAudit[]],
  scoreOf: (audit: AuditFile) => number,
): CalibratedDetector['scores'] {
  const scores = audits.map(({ id, kind, audit, checkpoints }): CalibratedScore => {
    const score = scoreOf(audit);
    const all = [...checkpoints.map(scoreOf), score];
    return checkpoints.length === 0
      ? { id, kind, score, run_max: null, checkpoints: 0 }
      : { id, kind, score, run_max: Math.max(...all), checkpoints: all.length };
  });
  // The cast is true: as many as audits.
  return scores as unknown as CalibratedDetector['scores'];
}

function readScore({ readings, model }: AuditFile, name: string): number {
  const found = readings.find((one) => one.name === name);
  if (found !== undefined && found.score !== null) return found.score;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${name} has no score for ${model}: ${found?.cannot ?? 'it was not read'}`,
    hint: 'Name detectors that can read it: --detectors, in the library `detectors`.',
    details: { detector: name, model },
  });
}
