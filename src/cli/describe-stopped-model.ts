import type { StoppedModel } from '../analysis/watch-share.js';
import { formatPercent } from '../foundation/format-quantities.js';

/** In one line, why a model was asked less than planned, and what is known of it. */
export function describeStoppedModel(stopped: StoppedModel): string {
  const { model, evaluation, answers, planned, side, limit, confidence, interval } = stopped;
  // Another judge or rule than the plan's may leave it open, though the plan's did not.
  const verdict = side === null ? 'neither surely above nor below' : side;
  const bounds = interval.map(formatPercent).join('-');
  return `${model}, ${evaluation}: ${String(answers)} of ${String(planned)} answers, misaligned ${verdict} ${formatPercent(limit)} % (${bounds}, ${formatPercent(confidence)} % confidence sequence)`;
}
