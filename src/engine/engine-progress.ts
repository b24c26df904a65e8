import { createProgressLine, type ProgressLine, type ProgressStream } from '../foundation/progress-line.js';
import type { DownloadProgress } from './checkpoint/hub-model.js';
import type { TrainingStepEvent } from './train/fine-tune.js';

export interface EngineProgressSettings {
  /** Where progress is shown; process.stderr is one. */
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

export function createEngineProgress({ stream, environment, now }: EngineProgressSettings): EngineProgress {
  let current: { readonly label: string; readonly line: ProgressLine } | null = null;
  const finish = (): void => {
    current?.line.finish();
    current = null;
  };
  const lineFor = (label: string, total: number, unit: string, initialCount: number): ProgressLine => {
    if (current?.label === label) return current.line;
    finish();
    const line = createProgressLine({ label, total, unit, initialCount, stream, now, environment });
    current = { label, line };
    return line;
  };
  return {
    onDownload: ({ file, receivedBytes, totalBytes }) => {
      const received = Math.floor(receivedBytes / megabyte);
      lineFor(`downloading ${file}`, Math.ceil(totalBytes / megabyte), 'MB', received).update(received);
      if (receivedBytes >= totalBytes) finish();
    },
    onStep: ({ step, steps, loss }) => {
      lineFor('training', steps, 'steps', step - 1).update(step, `loss ${loss.toFixed(3)}`);
      if (step === steps) finish();
    },
    finish,
  };
}
