import type { BaseModel } from '../../models/base-model.js';
import type { CalibratedThreshold } from '../calibration/calibrated-threshold.js';
import type { Detector } from '../detector.js';
import type { Surface } from '../surface/surface.js';
import { listPredicted, type CheckpointRecord } from './checkpoint-record.js';
import { neededEvidence, raiseAlarm } from './raise-alarm.js';
import type { WatchFile, WatchPoint } from './watch-file.js';

/** What scores are held against, of a file of this name. */
export interface HeldAgainst {
  readonly file: string;
  readonly threshold: CalibratedThreshold;
}

export interface WatchParts extends Pick<WatchFile, 'folder' | 'judge' | 'rate' | 'end' | 'unread'> {
  readonly base: Pick<BaseModel, 'reference'>;
  readonly detector: Pick<Detector, 'name' | 'description'>;
  readonly surface: Pick<Surface, 'name' | 'hash'>;
  readonly calibration: HeldAgainst | null;
  readonly records: readonly CheckpointRecord[];
}

/** What a watch says of the checkpoints that it has scored. */
export function summariseWatch({
  folder,
  base,
  detector,
  surface,
  judge,
  calibration,
  rate,
  records,
  end,
  unread,
}: WatchParts): WatchFile {
  const threshold = calibration?.threshold ?? null;
  return {
    ...{ format: 1, command: 'watch', folder, base: base.reference.text },
    detector: { name: detector.name, description: detector.description },
    ...{ surface: { name: surface.name, hash: surface.hash }, judge, rate },
    calibration: calibration === null ? null : describeThreshold(calibration),
    curve: describeCurve(records, rate),
    ...{ alarm: raiseAlarm(records, { threshold, rate }), end, unread },
    cannot: listUnknown({ records, threshold, judge }),
  };
}

function describeThreshold({
  file,
  threshold: { threshold, fineTunes, kinds, checkpoints },
}: HeldAgainst): NonNullable<WatchFile['calibration']> {
  // Thresholds of runs say how many checkpoints they had.
  return { file, threshold, fineTunes, kinds, checkpoints: checkpoints ?? 1 };
}

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
          `The rate is that of runs like the ${String(threshold.fineTunes)} harmless ones, trained on ${String(threshold.kinds)} ${threshold.kinds === 1 ? 'kind' : 'kinds'} of data; of others nothing is known.`,
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
