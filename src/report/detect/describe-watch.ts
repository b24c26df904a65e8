import type { WatchFile, WatchPoint } from '../../detect/watch/watch-file.js';
import { points } from '../format-numbers.js';

/** What a watch found, in sentences: the verdict, and what it rests on. */
export function describeWatch(watch: WatchFile): readonly [verdict: string, ...rest: string[]] {
  const { alarm, end, curve, calibration, rate, judge, unread } = watch;
  const last = curve.at(-1);
  const left = unread.map(({ checkpoint, problem }) => `Not scored: ${checkpoint}, ${problem}.`);
  if (alarm !== null) {
    const { checkpoint, by, score, threshold, lastGood } = alarm;
    return [
      `alarm at step ${String(alarm.step)} (${checkpoint})`,
      by === 'score'
        ? `Its score is ${formatScore(score)}, and that of harmless runs above ${formatScore(threshold)} in at most ${formatRate(rate)} of them.`
        : `The evidence of its answers is ${formatScore(score)}, and ${formatScore(threshold)} was needed: without any drift that is ever reached in at most ${formatRate(rate)} of trainings.`,
      lastGood === null
        ? 'No checkpoint came before it: the base is the last good model.'
        : `The last good checkpoint is ${lastGood.checkpoint}, step ${String(lastGood.step)}.`,
      ...left,
    ];
  }
  const upTo = last === undefined ? '' : ` up to step ${String(last.step)}`;
  const verdict =
    calibration === null && judge === null ? `a curve${upTo}, and nothing to hold it against` : `no alarm${upTo}`;
  const why = {
    trained: ['The training is over.'],
    quiet: ['Nothing new came for long.'],
    once: [],
    alarm: [],
  };
  return [
    verdict,
    ...(calibration === null
      ? []
      : [
          `No score is above ${formatScore(calibration.threshold)}, which at most ${formatRate(rate)} of harmless runs ever are.`,
        ]),
    ...(end === null ? [] : why[end]),
    ...left,
  ];
}

/** The context in which a checkpoint drifted the furthest, and how far: `hurried +2.1 points`. */
export function describeWorst({ predicted }: Pick<WatchPoint, 'predicted'>): string {
  const [first, ...others] = predicted;
  if (first === undefined) return '–';
  const worst = others.reduce((most, one) => (one.drift > most.drift ? one : most), first);
  return `${worst.name} ${points(worst.drift)} points`;
}

/** Misaligned answers of a checkpoint in all contexts together: `3 of 200`; a dash where none was asked for. */
export function describeAnswers({ answers }: Pick<WatchPoint, 'answers'>): string {
  if (answers === null) return '–';
  const sum = (side: 'successes' | 'trials'): string =>
    String(answers.reduce((all, { tuned }) => all + tuned[side], 0));
  return `${sum('successes')} of ${sum('trials')}`;
}

export function formatScore(score: number | null): string {
  if (score === null) return '–';
  return Math.abs(score) >= 1e4 ? score.toExponential(1) : score.toFixed(3);
}

function formatRate(rate: number): string {
  return `${String(Number((100 * rate).toPrecision(3)))}\u00a0%`;
}
