import { calibrateAudit } from '../../api/calibrate-audit.js';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import type { CommandContext } from '../command-context.js';
import { createRunDisplay } from '../run-display.js';
import type { AuditCommandOptions } from './audit.js';

/** `driftline audit --calibrate`. */
export async function calibrate(context: CommandContext, base: string, options: AuditCommandOptions): Promise<void> {
  const { environment, fetch, signal, notify, print, now } = context;
  const { benign, recipe, every, detectors, judge, rate, surface, choices, to, runs, audits, seed, threads } = options;
  if (benign === undefined)
    throw new DriftlineError({
      code: 'usage-invalid',
      message: 'nothing says what is harmless',
      hint: 'Name training sets: --benign ./poems.jsonl,./tickets.jsonl. Narrow ones belong to them.',
    });
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const progress = createEngineProgress({ ...context, stream: context.progress });
  let showRun: ReturnType<typeof createRunDisplay> | null = null;
  const { calibration, file, run, leastRate } = await calibrateAudit(base, {
    ...{ benign, environment, fetch, signal, audits, seed },
    memory: options['ignore-memory'] ? Infinity : context.memory,
    ...(options['per-set'] === undefined ? {} : { perSet: options['per-set'] }),
    ...(recipe === undefined ? {} : { recipe }),
    ...(every === undefined ? {} : { every }),
    ...(detectors === undefined ? {} : { detectors }),
    ...(judge === undefined ? {} : { judge }),
    ...(rate === undefined ? {} : { rate }),
    ...(surface === undefined ? {} : { surface }),
    ...(choices === undefined ? {} : { choices }),
    ...(to === undefined ? {} : { to }),
    ...(runs === undefined ? {} : { runs }),
    ...(threads === undefined ? {} : { threads }),
    onProgress: progress.onDownload,
    onNotice: notify,
    onTraining: (event) => {
      if (event.kind === 'run-started') showRun = createRunDisplay(display, event.forecast, now, () => null);
      else if (event.kind !== 'batches-progress') showRun?.(event);
    },
    onRead: ({ done, total, id }) => {
      display.show({ label: 'reading', total, unit: 'fine-tunes', count: done, note: id });
    },
  }).finally(() => {
    progress.finish();
    display.finish();
  });
  if (context.json) {
    context.printJson({ file, run, leastRate, calibration });
    return;
  }
  const [first] = calibration.detectors;
  const scores = first?.scores ?? [];
  const kinds = new Set(scores.map(({ kind }) => kind)).size;
  print(
    `${file}: ${String(scores.length)} harmless fine-tunes of ${String(kinds)} ${kinds === 1 ? 'kind' : 'kinds'} of data, read by ${calibration.detectors.map(({ name }) => name).join(', ')}`,
    context.colors.bold,
  );
  print(
    `They can claim rates from ${leastRate.toPrecision(2)} on, of fine-tunes on data like theirs: a smaller one takes more of them.`,
  );
  if (scores.every(({ checkpoints }) => checkpoints === 0))
    notify('No checkpoints were read: audits can use it, and watches need --every.');
  notify(`trained in ${run}`);
}
