import {
  createProgressLine,
  type ProgressLine,
  type ProgressLineSettings,
  type ProgressNote,
} from './progress-line.js';

type ProgressDisplaySettings = Pick<ProgressLineSettings, 'stream' | 'now' | 'environment'>;

/** How far something is; the label tells it from what was shown before. */
export interface ProgressState extends Pick<
  ProgressLineSettings,
  'label' | 'total' | 'unit' | 'initialCount' | 'isPaced'
> {
  readonly count: number;
  readonly note?: ProgressNote;
}

/** Progress of one thing after another, each on a line of its own. */
export interface ProgressDisplay {
  /** A new label starts a new line; total, unit and initial count are those of its first state. */
  readonly show: (state: ProgressState) => void;
  /** Leaves the last state standing. Call it however the work ended. */
  readonly finish: () => void;
}

export function createProgressDisplay(settings: ProgressDisplaySettings): ProgressDisplay {
  const { stream, now, environment } = settings;
  let current: { readonly label: string; readonly line: ProgressLine } | null = null;
  const finish = (): void => {
    current?.line.finish();
    current = null;
  };
  return {
    show: ({ count, note, ...described }) => {
      if (current?.label !== described.label) {
        finish();
        current = { label: described.label, line: createProgressLine({ ...described, stream, now, environment }) };
      }
      current.line.update(count, note);
    },
    finish,
  };
}
