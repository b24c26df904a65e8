import type { RunForecast } from '../experiment/run/forecast-run.js';
import type { RunEvent } from '../experiment/run/run-progress.js';
import { formatDuration } from '../foundation/format-quantities.js';
import type { ProgressDisplay } from '../foundation/progress-display.js';

/** What a kind of work has taken in this run. */
interface Pace {
  count: number;
  milliseconds: number;
}

/**
 * Shows a run while it goes on: a line for each model that is trained or asked, with the time that is left for it and, at its end, how far
 * the whole plan is and what is left of that, from the pace of this run; and what hosted models were paid so far.
 */
export function createRunDisplay(
  display: ProgressDisplay,
  { cells }: Pick<RunForecast, 'cells'>,
  now: () => number,
  describePaid: () => string | null = () => null,
): (event: RunEvent) => void {
  const left = new Map(cells.map(({ cell, stepsToDo, answersToAsk }) => [cell, { stepsToDo, answersToAsk }]));
  const paces = { step: { count: 0, milliseconds: 0 }, answer: { count: 0, milliseconds: 0 } };
  let finished = 0;
  let last = now();

  /** Books the time since the last event. */
  function book(pace: Pace, count: number): void {
    const time = now();
    pace.count += count;
    pace.milliseconds += time - last;
    last = time;
  }

  function describePlan(): string {
    const paid = describePaid();
    return `${describeTime()}${paid === null ? '' : `, ${paid}`}`;
  }

  function describeTime(): string {
    const places = `model ${String(Math.min(finished + 1, cells.length))} of ${String(cells.length)}`;
    let milliseconds = 0;
    for (const { stepsToDo, answersToAsk } of left.values())
      for (const [count, pace] of [
        [stepsToDo, paces.step],
        [answersToAsk, paces.answer],
      ] as const) {
        if (count === 0) continue;
        // Nobody knows before the first of its kind is done.
        if (pace.count === 0) return places;
        milliseconds += (count * pace.milliseconds) / pace.count;
      }
    return `${places}, ${formatDuration(milliseconds)} left in all`;
  }

  function showAnswers(
    label: string,
    { before, done, total }: { readonly before: number; readonly done: number; readonly total: number },
  ): void {
    display.show({ label, total, unit: 'answers', initialCount: before, count: done, note: describePlan() });
  }

  return (event) => {
    const ofCell = left.get(event.cell);
    switch (event.kind) {
      case 'training-step': {
        const { cell, step, steps, loss } = event;
        book(paces.step, 1);
        if (ofCell !== undefined) ofCell.stepsToDo = steps - step;
        display.show({
          label: `training ${cell}`,
          total: steps,
          unit: 'steps',
          // Those before the first that is shown had been done earlier.
          initialCount: step - 1,
          count: step,
          note: `loss ${loss.toFixed(3)}, ${describePlan()}`,
        });
        return;
      }
      case 'answers-stored': {
        const { model, stored } = event;
        book(paces.answer, stored);
        if (ofCell !== undefined) {
          ofCell.stepsToDo = 0;
          ofCell.answersToAsk = Math.max(0, ofCell.answersToAsk - stored);
        }
        showAnswers(`asking ${model}`, event);
        return;
      }
      case 'judgements-stored':
        // Nothing is known of the pace of judges in advance: their time is nobody else's.
        last = now();
        showAnswers(`judging ${event.model}`, event);
        return;
      case 'cell-finished':
        finished = event.done;
        left.delete(event.cell);
        last = now();
    }
  };
}
