import { eLondLevel } from '../../stats/e-lond.js';
import type { CalibratedThreshold } from '../calibration/calibrated-threshold.js';
import type { CheckpointRecord } from './checkpoint-record.js';

/** A checkpoint that is not what the harmless ones are. */
export interface Alarm {
  readonly checkpoint: string;
  readonly step: number;
  /** What it is raised by: a detector's score above those of harmless fine-tunes, or answers. */
  readonly by: 'score' | 'answers';
  /** The score, or the evidence of the answers. */
  readonly score: number;
  /** What a score must be above, and evidence must reach. */
  readonly threshold: number;
  /** How often a training is stopped that did not deserve it; of what it is, `by` says. */
  readonly rate: number;
  /** The checkpoint before it; null where there is none, so that only the base is left. */
  readonly lastGood: { readonly checkpoint: string; readonly step: number } | null;
}

/** What of a record an alarm depends on. */
export type AlarmingRecord = Pick<CheckpointRecord, 'checkpoint' | 'step' | 'look' | 'score' | 'evidence'>;

/**
 * The alarm of a training, that of its first checkpoint which raises one; null where none does. By score: a checkpoint is above the threshold
 * of whole runs (`calibratedThreshold` of `run_max`), which harmless runs like those of the calibration are at any of their checkpoints at
 * most at the rate. By answers: their evidence reaches 1 / a_k, with a_k the `eLondLevel` of the k-th look, so that a training without any
 * drift ever has an alarm at most at the rate, by the chance of what is drawn, however many checkpoints it has. Each of both keeps its rate.
 */
export function raiseAlarm(
  curve: readonly AlarmingRecord[],
  { threshold, rate }: { readonly threshold: CalibratedThreshold | null; readonly rate: number },
): Alarm | null {
  const rising = curve.toSorted((left, right) => left.step - right.step || left.look - right.look);
  for (const [place, { checkpoint, step, look, score, evidence }] of rising.entries()) {
    const before = rising[place - 1];
    const about = {
      ...{ checkpoint, step, rate },
      lastGood: before === undefined ? null : { checkpoint: before.checkpoint, step: before.step },
    };
    if (threshold !== null && score !== null && score > threshold.threshold)
      return { ...about, by: 'score', score, threshold: threshold.threshold };
    const needed = neededEvidence(look, rate);
    if (evidence !== null && evidence >= needed) return { ...about, by: 'answers', score: evidence, threshold: needed };
  }
  return null;
}

/** The evidence that answers of the k-th checkpoint must reach. */
export function neededEvidence(look: number, rate: number): number {
  return 1 / eLondLevel(look, 0, rate);
}
