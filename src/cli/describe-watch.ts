import type { WatchResult } from '../api/watch.js';
import type { WatchEvent } from '../detect/watch/run-watch.js';
import type { WatchFile } from '../detect/watch/watch-file.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { describeAnswers, describeWorst, formatScore } from '../report/detect/describe-watch.js';
import { formatTable } from './format-table.js';

/** One line for what a watch sees. */
export function describeEvent(event: WatchEvent): string {
  if (event.kind !== 'scored') {
    const { checkpoint, problem } = event;
    const what = {
      unfinished: `${checkpoint} is not whole, and waited for`,
      unreadable: `${checkpoint} cannot be scored`,
      gone: checkpoint,
    }[event.kind];
    return `${what}: ${problem}`;
  }
  const { point, isNew, threshold } = event;
  return [
    `step ${String(point.step)}: score ${formatScore(point.score)}${threshold === null ? '' : ` of ${formatScore(threshold)}`}`,
    describeWorst(point),
    ...(point.answers === null ? [] : [`${describeAnswers(point)} answers misaligned`]),
    ...(isNew ? [] : ['known']),
  ].join(', ');
}

/** All checkpoints. */
export function tabulateCurve({ curve }: WatchFile): readonly string[] {
  const rows = curve.map((point) => [
    ...[point.checkpoint, String(point.step), formatScore(point.score), formatScore(point.highest)],
    ...[describeWorst(point), describeAnswers(point)],
  ]);
  return formatTable(['checkpoint', 'step', 'score', 'highest', 'furthest from the base', 'misaligned'], rows, {
    right: [1, 2, 3, 5],
  });
}

/** What a command ends with; null where no alarm was raised and all checkpoints were scored. */
export function failWatch({ watch, folder, stopFile }: WatchResult): DriftlineError | null {
  const { alarm, unread } = watch;
  if (alarm !== null)
    return new DriftlineError({
      code: 'alarm-raised',
      message: `${alarm.checkpoint} of ${watch.folder} raises an alarm`,
      hint: `Go on from ${alarm.lastGood === null ? 'the base' : alarm.lastGood.checkpoint}. ${stopFile ?? 'The stop file'} tells the trainer to stop; remove it before the next training.`,
      details: { folder, stopFile, alarm },
    });
  const [first] = unread;
  if (first === undefined) return null;
  return new DriftlineError({
    code: 'checkpoint-unfinished',
    message: `${unread.map(({ checkpoint }) => checkpoint).join(', ')} of ${watch.folder} ${unread.length === 1 ? 'was' : 'were'} not scored: ${first.problem}`,
    hint: 'Is the disk full, or was the trainer stopped while it saved? Once it is whole, the same command scores it.',
    details: { folder, unread },
  });
}
