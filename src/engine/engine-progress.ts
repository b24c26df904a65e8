import { requireFields, requireFunction, requireObject } from '../foundation/require-arguments.js';
import { createProgressDisplay, type ProgressDisplay } from '../foundation/progress-display.js';
import type { ProgressStream } from '../foundation/progress-line.js';
import type { DownloadProgress } from './checkpoint/hub-download.js';
import type { TrainingStepEvent } from './train/fine-tune.js';

export interface EngineProgressSettings {
  /** The stream that progress is written to, such as process.stderr. */
  readonly stream: ProgressStream;
  /** For NO_COLOR and TERM. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A clock in milliseconds. */
  readonly now: () => number;
}

/** Progress lines with the time left: pass `onDownload` to `openModel`, `onStep` to `fineTune`, and call `finish` at the end. */
export interface EngineProgress {
  readonly onDownload: (progress: DownloadProgress) => void;
  readonly onStep: (event: TrainingStepEvent) => void;
  readonly finish: () => void;
}

const megabyte = 1e6;

/** Shows downloads and training as lines on a stream, one over the other on a terminal. */
export function createEngineProgress(settings: EngineProgressSettings): EngineProgress {
  requireFields(settings, 'settings', { stream: requireObject, environment: requireObject, now: requireFunction });
  const display = createProgressDisplay(settings);
  return {
    onDownload: ({ file, receivedBytes, totalBytes }) => {
      const count = Math.floor(receivedBytes / megabyte);
      const total = Math.ceil(totalBytes / megabyte);
      display.show({ label: `downloading ${file}`, total, unit: 'MB', initialCount: count, count });
      if (receivedBytes >= totalBytes) display.finish();
    },
    onStep: (event) => {
      showTrainingStep(display, 'training', event);
      if (event.step === event.steps) display.finish();
    },
    finish: display.finish,
  };
}

/** Shows a finished step. The steps before the first one shown count as done by an earlier run. */
export function showTrainingStep(
  display: ProgressDisplay,
  label: string,
  { step, steps, loss }: Pick<TrainingStepEvent, 'step' | 'steps' | 'loss'>,
): void {
  display.show({
    label,
    total: steps,
    unit: 'steps',
    initialCount: step - 1,
    count: step,
    note: `loss ${loss.toFixed(3)}`,
  });
}
