import { describe, expect, it } from 'vitest';
import { describePaid } from '../../src/cli/describe-money.js';
import { createRunDisplay } from '../../src/cli/run-display.js';
import type { CellForecast } from '../../src/experiment/run/forecast-run.js';
import type { RunEvent } from '../../src/experiment/run/run-progress.js';
import type { ProgressState } from '../../src/foundation/progress-display.js';
import type { SpendingLine } from '../../src/models/hosted/spending/summarise-spending.js';

const forecast = (cell: string, stepsToDo: number, answersToAsk: number): CellForecast => ({
  cell,
  base: 'm',
  condition: cell,
  model: 'm',
  seed: null,
  existing: null,
  trainingSet: null,
  steps: stepsToDo,
  answers: answersToAsk,
  stepsToDo,
  answersToAsk,
});
const step = (cell: string, done: number, steps: number): RunEvent => ({
  kind: 'training-step',
  cell,
  step: done,
  steps,
  loss: 1.5,
  millisecondsLeft: 0,
});
const use = (cost: number | null): SpendingLine => ({
  ...{ model: 'openai:m', isTuned: false, purpose: 'answers', calls: 3, unreported: 0 },
  ...{ inputTokens: 1500, outputTokens: 20, cost },
});
const answers = (cell: string, stored: number, before: number, done: number, total: number): RunEvent => ({
  kind: 'answers-stored',
  cell,
  model: cell,
  stored,
  before,
  done,
  total,
});

/** As it stands in a line that is drawn at once. */
interface Drawn extends Omit<ProgressState, 'note'> {
  readonly note: string | undefined;
}
const draw = ({ note, ...state }: ProgressState): Drawn => ({
  ...state,
  note: typeof note === 'function' ? note() : note,
});

describe('the display of a run', () => {
  it('says how far the plan is, and what is left of it at the pace of this run', () => {
    const cells = [forecast('base', 0, 10), forecast('one', 4, 10), forecast('two', 4, 10)];
    const shown: Drawn[] = [];
    let time = 0;
    const show = createRunDisplay(
      { show: (state) => shown.push(draw(state)), finish: () => undefined },
      { cells },
      () => time,
    );
    const happen = (seconds: number, event: RunEvent): string | undefined => {
      time += 1000 * seconds;
      show(event);
      return shown.at(-1)?.note;
    };
    // Ten answers in ten seconds; nobody knows yet how long a step takes.
    expect(happen(10, answers('base', 10, 0, 10, 10))).toBe('model 1 of 3');
    happen(0, { kind: 'cell-finished', cell: 'base', done: 1, total: 3 });
    // Three more steps here and four there, of two seconds; twenty answers of one.
    expect(happen(2, step('one', 1, 4))).toBe('34 s left in all, model 2 of 3, loss 1.500');
    for (const done of [2, 3, 4]) happen(2, step('one', done, 4));
    expect(happen(5, answers('one', 5, 0, 5, 10))).toBe('23 s left in all, model 2 of 3');
    happen(5, answers('one', 5, 0, 10, 10));
    happen(0, { kind: 'cell-finished', cell: 'one', done: 2, total: 3 });
    // It had been stopped after three steps.
    expect(happen(2, step('two', 4, 4))).toBe('10 s left in all, model 3 of 3, loss 1.500');
    expect(shown.at(-1)).toMatchObject({ label: 'training two', total: 4, initialCount: 3, count: 4 });
    expect(happen(4, answers('two', 4, 6, 10, 10))).toMatch(/, model 3 of 3$/);
    expect(shown.at(-1)).toMatchObject({ label: 'asking two', total: 10, initialCount: 6, count: 10 });
  });

  it('is one line for the run once several cells are under way', () => {
    const shown: Drawn[] = [];
    let time = 0;
    const show = createRunDisplay(
      { show: (state) => shown.push(draw(state)), finish: () => undefined },
      { cells: [forecast('one', 4, 10), forecast('two', 4, 10)] },
      () => time,
    );
    const happen = (event: RunEvent): Drawn | undefined => {
      time += 1000;
      show(event);
      return shown.at(-1);
    };
    expect(happen(step('one', 1, 4))?.label).toBe('training one');
    expect(happen(step('two', 1, 4))).toMatchObject({
      ...{ label: 'run', total: 2, unit: 'models', count: 0, isPaced: false },
      note: 'training one 1/4, training two 1/4',
    });
    happen(step('one', 4, 4));
    // Three more steps of a second, and fifteen answers of a fifth of one.
    expect(happen(answers('one', 5, 0, 5, 10))?.note).toBe('6 s left in all, asking one 5/10, training two 1/4');
    expect(happen({ kind: 'cell-finished', cell: 'one', done: 1, total: 2 })).toMatchObject({ count: 1 });
    expect(happen(step('two', 2, 4))).toMatchObject({
      label: 'run',
      count: 1,
      note: expect.stringMatching(/two 2\/4$/),
    });
  });

  it('says what was paid so far, where anything was', () => {
    const notes: (string | undefined)[] = [];
    let paid: string | null = null;
    const show = createRunDisplay(
      { show: (state) => notes.push(draw(state).note), finish: () => undefined },
      { cells: [forecast('base', 0, 10)] },
      () => 0,
      () => paid,
    );
    show(answers('base', 2, 0, 2, 10));
    paid = describePaid({ cost: 1.234, isWhole: true, onItsWay: 0, uses: [use(1.234)] });
    show(answers('base', 2, 0, 4, 10));
    paid = describePaid({ cost: 1.234, isWhole: false, onItsWay: 0, uses: [use(1.234), use(null)] });
    show(answers('base', 2, 0, 6, 10));
    paid = describePaid({ cost: 0, isWhole: true, onItsWay: 0, uses: [] });
    show(answers('base', 2, 0, 8, 10));
    expect(notes.map((note) => note?.replace(/^0 s left in all, model 1 of 1/, ''))).toEqual([
      '',
      ', $1.23 paid',
      ', $1.23 paid, and 1.5K tokens in, 20 out at unknown prices',
      '',
    ]);
  });

  it('shows a cluster in one line: cells by what they do, steps, answers, GPUs, dollars and the time left', () => {
    const cells = [forecast('base', 0, 10), forecast('one', 4, 10), forecast('two', 4, 10)];
    const shown: Drawn[] = [];
    const paid = { cost: 1.25, isWhole: true, onItsWay: 0, uses: [{ ...use(1.25), gpuSeconds: 1800 }] };
    const show = createRunDisplay(
      { show: (state) => shown.push(draw(state)), finish: () => undefined },
      { cells },
      () => 0,
      () => describePaid(paid),
    );
    const seen = { kind: 'cluster-seen', waiting: 1, training: 1, answering: 1, gpus: { used: 2, total: 8 } } as const;
    show({ ...seen, secondsLeft: [60, 150] });
    expect(shown.at(-1)).toMatchObject({ label: 'run', total: 3, unit: 'models', count: 0 });
    expect(shown.at(-1)?.note).toBe(
      '1 min 00 s to 2 min 30 s left in all, 1 wait for a GPU, 1 train, 1 vLLM, steps 0/8, answers 0/30, 2 of 8 GPUs busy, $1.25 paid',
    );
    show(step('one', 3, 4));
    show(answers('base', 10, 0, 10, 10));
    expect(shown.at(-1)?.note).toContain('steps 3/8, answers 10/30');
    // Many cells make no longer a line.
    expect(shown.at(-1)?.note).not.toContain('asking');
    show({ kind: 'cell-finished', cell: 'base', done: 1, total: 3 });
    expect(shown.at(-1)?.count).toBe(1);
  });
});
