import colors from 'picocolors';
import { formatDuration } from './format-quantities.js';

const silentMilliseconds = 2000;
const redrawMilliseconds = 100;
const plainLineMilliseconds = 5000;

/** Where progress is shown; process.stderr is one. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  /** Width of the terminal in characters. */
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressLineSettings {
  /** What is being done: "training insecure-0". */
  readonly label: string;
  /** How much there is to do; null where nobody knows. */
  readonly total: number | null;
  /** What is counted, in the plural: "steps". */
  readonly unit: string;
  /** What had been done before, in a resumed task; it does not count towards the rate. */
  readonly initialCount?: number;
  /** Whether its pace, and the time left by that, are shown. Default they are. */
  readonly isPaced?: boolean;
  readonly stream: ProgressStream;
  /** A clock in milliseconds. */
  readonly now: () => number;
  /** Environment variables, for NO_COLOR and TERM. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What stands after the count, such as "loss 1.234"; a function is called when a line is drawn, where finding it out takes long. */
export type ProgressNote = string | (() => string);

export interface ProgressLine {
  /** `count` is all that is done so far. */
  update(count: number, note?: ProgressNote): void;
  /** Leaves the last state standing. Call it however the task ended. */
  finish(): void;
}

/**
 * Shows progress of anything that takes more than two seconds, and nothing of what is faster: on a terminal one line that is
 * redrawn, elsewhere a plain line every five seconds. It draws only when it is called.
 */
export function createProgressLine(settings: ProgressLineSettings): ProgressLine {
  const { label, total, unit, initialCount = 0, isPaced = true, stream, now, environment } = settings;
  const redraws = stream.isTTY === true && environment['TERM'] !== 'dumb';
  const colored = redraws && (environment['NO_COLOR'] ?? '') === '';
  const { dim } = colors.createColors(colored);
  const interval = redraws ? redrawMilliseconds : plainLineMilliseconds;
  const start = now();
  let count = initialCount;
  let note: ProgressNote = '';
  let lastDrawn: number | null = null;
  let finished = false;

  function describe(elapsed: number): [done: string, pace: string] {
    const share = total === null || total === 0 ? '' : ` (${Math.floor((100 * count) / total)}%)`;
    const done = `${label} ${count}${total === null ? '' : `/${total}`} ${unit}${share}`;
    const perSecond = (count - initialCount) / (elapsed / 1000);
    // What it says of the whole matters more than the pace, and a narrow terminal cuts the end off.
    const told = typeof note === 'string' ? note : note();
    const pace = told === '' ? [] : [told];
    if (isPaced && perSecond > 0) pace.push(`${formatRate(perSecond)} ${unit}/s`);
    if (isPaced && total !== null && perSecond > 0 && count < total) {
      pace.push(`${formatDuration((1000 * (total - count)) / perSecond)} left`);
    }
    const isIncomplete = total !== null && count < total;
    if (finished) pace.push(isIncomplete ? `${formatDuration(elapsed)} so far` : `in ${formatDuration(elapsed)}`);
    return [done, pace.map((part) => `, ${part}`).join('')];
  }

  function draw(): void {
    const time = now();
    let [done, pace] = describe(time - start);
    if (!redraws) {
      stream.write(`${done}${pace}\n`);
    } else {
      // A line that wraps cannot be redrawn, and terminals wrap at their last column.
      const width = (stream.columns ?? 80) - 1;
      done = done.slice(0, width);
      pace = pace.slice(0, width - done.length);
      stream.write(`\r\u001b[2K${done}${dim(pace)}${finished ? '\n' : ''}`);
    }
    lastDrawn = time;
  }

  return {
    update(newCount, newNote: ProgressNote = '') {
      count = newCount;
      note = newNote;
      const time = now();
      if (finished || time - start < silentMilliseconds) return;
      if (lastDrawn === null || time - lastDrawn >= interval) draw();
    },
    finish() {
      if (finished) return;
      finished = true;
      if (lastDrawn !== null) draw();
    },
  };
}

/** Three significant digits. */
function formatRate(rate: number): string {
  return rate >= 100 ? String(Math.round(rate)) : String(Number(rate.toPrecision(3)));
}
