import type { CalibratedThreshold } from '../calibration/calibrated-threshold.js';
import { listPredicted, type CheckpointRecord } from './checkpoint-record.js';
import { neededEvidence } from './raise-alarm.js';
import type { WatchFile, WatchPoint } from './watch-file.js';

/** The checkpoints that were scored, in the order of their steps, each with the highest score up to it. */
export function describeCurve(records: readonly CheckpointRecord[], rate: number): WatchPoint[] {
  let highest: number | null = null;
  return records
    .toSorted((left, right) => left.step - right.step || left.look - right.look)
    .map((record) => {
      const { checkpoint, step, kind, look, score, answers, evidence } = record;
      if (score !== null) highest = highest === null ? score : Math.max(highest, score);
      return {
        ...{ checkpoint, step, kind, look, score, highest, answers, evidence },
        predicted: [...listPredicted(record)],
        needed: evidence === null ? null : neededEvidence(look, rate),
      };
    });
}

/** What a watch cannot say, in sentences. */
export function listUnknown({
  records,
  threshold,
  judge,
}: Pick<WatchFile, 'judge'> & {
  readonly records: readonly CheckpointRecord[];
  readonly threshold: CalibratedThreshold | null;
}): string[] {
  const most = threshold?.checkpoints ?? null;
  return [
    'What a checkpoint does in other contexts and to other questions was not looked at.',
    ...(threshold === null
      ? [
          judge === null
            ? 'Nothing says how high harmless fine-tunes of this base come: there is a curve, and no alarm.'
            : 'Nothing says how high harmless fine-tunes of this base come: answers alone raise an alarm, and a narrow fine-tune may drift, too.',
        ]
      : [
          `The rate is that of runs like the ${String(threshold.fineTunes)} harmless ones, which were trained on ${String(threshold.kinds)} kinds of data; of others nothing is known.`,
        ]),
    ...(most !== null && records.length > most
      ? [
          `It has ${String(records.length)} checkpoints, and no run of the calibration more than ${String(most)}: the highest of more scores is higher, so that false alarms may be more frequent.`,
        ]
      : []),
    ...(judge === null ? ['No answer was read: scores say how likely given texts are.'] : []),
    ...new Set(records.flatMap(({ cannot }) => (cannot === null ? [] : [cannot]))),
  ];
}
