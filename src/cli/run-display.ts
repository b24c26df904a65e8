import type { ClusterSeen } from '../api/open-experiment.js';
import type { RunForecast } from '../experiment/run/forecast-run.js';
import type { RunEvent } from '../experiment/run/run-progress.js';
import { formatDuration } from '../foundation/format-quantities.js';
import type { ProgressDisplay, ProgressState } from '../foundation/progress-display.js';

/** How long one kind of work has taken so far in this run. */
interface Pace {
  count: number;
  milliseconds: number;
}

/**
 * Shows the progress of a run: a line for each model that is trained or asked, with the time left for it. The time left for the
 * whole plan, by the pace of this run, comes first, then its progress and what hosted models have cost so far. Once several cells
 * are under way together it is one line for the whole run, with what each of them does.
 */
export function createRunDisplay(
  display: ProgressDisplay,
  { cells }: Pick<RunForecast, 'cells'>,
  now: () => number,
  describePaid: () => string | null = () => null,
): (event: RunEvent | ClusterSeen) => void {
  const left = new Map(cells.map(({ cell, stepsToDo, answersToAsk }) => [cell, { stepsToDo, answersToAsk }]));
  const paces = { step: { count: 0, milliseconds: 0 }, answer: { count: 0, milliseconds: 0 } };
  /** What cells that are under way do. */
  const underWay = new Map<string, string>();
  /** What the plan's cluster did when it was last seen. */
  let seen: ClusterSeen | null = null;
  const all = sumLeft();
  let areSeveral = false;
  let finished = 0;
  let last = now();

  /** Books the time since the last event. Where several cells are under way, it is what each kind takes of the time of all. */
  function book(pace: Pace, count: number): void {
    const time = now();
    pace.count += count;
    pace.milliseconds += time - last;
    last = time;
  }

  /** How long the whole plan will take; null before the first of each kind is done. */
  function describeTime(): string | null {
    let milliseconds = 0;
    for (const { stepsToDo, answersToAsk } of left.values())
      for (const [count, pace] of [
        [stepsToDo, paces.step],
        [answersToAsk, paces.answer],
      ] as const) {
        if (count === 0) continue;
        if (pace.count === 0) return null;
        milliseconds += (count * pace.milliseconds) / pace.count;
      }
    return `${formatDuration(milliseconds)} left in all`;
  }

  function sumLeft(): { readonly steps: number; readonly answers: number } {
    let [steps, answers] = [0, 0];
    for (const { stepsToDo, answersToAsk } of left.values()) {
      steps += stepsToDo;
      answers += answersToAsk;
    }
    return { steps, answers };
  }

  /** Cells by what they do, steps and answers of all: on a cluster there may be hundreds of each. */
  function describeCluster({ waiting, training, answering, gpus, secondsLeft }: ClusterSeen): string[] {
    const { steps, answers } = sumLeft();
    const states = [
      ...(waiting > 0 ? [`${String(waiting)} wait for a GPU`] : []),
      ...(training > 0 ? [`${String(training)} train`] : []),
      ...(answering > 0 ? [`${String(answering)} vLLM`] : []),
    ];
    const time = secondsLeft === null ? describeTime() : describeRange(secondsLeft);
    return [
      ...(time === null ? [] : [time]),
      ...states,
      ...(all.steps > 0 ? [`steps ${String(all.steps - steps)}/${String(all.steps)}`] : []),
      ...(all.answers > 0 ? [`answers ${String(all.answers - answers)}/${String(all.answers)}`] : []),
      ...(gpus.total > 0 ? [`${String(gpus.used)} of ${String(gpus.total)} GPUs busy`] : []),
    ];
  }

  const join = (...parts: readonly (string | null)[]): string => parts.filter((part) => part !== null).join(', ');

  function showModel(state: Omit<ProgressState, 'note'>, note: string | null = null): void {
    const place = `model ${String(Math.min(finished + 1, cells.length))} of ${String(cells.length)}`;
    display.show({ ...state, note: join(describeTime(), place, describePaid(), note) });
  }

  function showAll(): void {
    // Found out when a line is drawn: a thousand cells move more often than that.
    const note = (): string =>
      seen === null
        ? join(describeTime(), describePaid(), ...underWay.values())
        : join(...describeCluster(seen), describePaid());
    display.show({ label: 'run', total: cells.length, unit: 'models', isPaced: false, count: finished, note });
  }

  function show(cell: string, state: Omit<ProgressState, 'note'>, note: string | null = null): void {
    underWay.set(cell, `${state.label} ${String(state.count)}/${String(state.total)}`);
    areSeveral ||= underWay.size > 1;
    if (areSeveral) showAll();
    else showModel(state, note);
  }

  function showAnswers(
    cell: string,
    label: string,
    { before, done, total }: { readonly before: number; readonly done: number; readonly total: number },
  ): void {
    show(cell, { label, total, unit: 'answers', initialCount: before, count: done });
  }

  return (event) => {
    if (event.kind === 'cluster-seen') {
      seen = event;
      areSeveral = true;
      showAll();
      return;
    }
    const ofCell = left.get(event.cell);
    switch (event.kind) {
      case 'training-step': {
        const { cell, step, steps, loss } = event;
        book(paces.step, 1);
        if (ofCell !== undefined) ofCell.stepsToDo = steps - step;
        // Those before the first that is shown had been done earlier.
        const state = { label: `training ${cell}`, total: steps, unit: 'steps', initialCount: step - 1, count: step };
        show(cell, state, `loss ${loss.toFixed(3)}`);
        return;
      }
      case 'answers-stored': {
        const { cell, model, stored } = event;
        book(paces.answer, stored);
        if (ofCell !== undefined) {
          ofCell.stepsToDo = 0;
          ofCell.answersToAsk = Math.max(0, ofCell.answersToAsk - stored);
        }
        showAnswers(cell, `asking ${model}`, event);
        return;
      }
      case 'judgements-stored':
        // Nothing is known of the pace of judges in advance: where others wait for them, their time is nobody else's.
        if (!areSeveral) last = now();
        showAnswers(event.cell, `judging ${event.model}`, event);
        return;
      case 'cell-finished':
        finished = event.done;
        left.delete(event.cell);
        underWay.delete(event.cell);
        if (areSeveral) showAll();
        else last = now();
    }
  };
}

function describeRange([least, most]: readonly [number, number]): string {
  const [low, high] = [formatDuration(least * 1000), formatDuration(most * 1000)];
  return `${low === high ? low : `${low} to ${high}`} left in all`;
}
