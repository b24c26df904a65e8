import { calibrateAudit } from '../../api/calibrate-audit.js';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { findRule } from '../../judging/rules.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { auditDefinition } from '../definitions/detect.js';
import { createRunDisplay } from '../run-display.js';

type CalibratingOptions = Parameters<CommandAction<typeof auditDefinition>['run']>[1]['options'];

/** Options of audits that have no meaning where no model is audited. */
const ofAudits = [
  ...([
    'base',
    'suite',
    'data',
    'template',
    'calibration',
    'max-drift',
    'max-cost',
    'model-price',
    'judge-price',
  ] as const),
  ...(['ledger', 'junit'] as const),
] as const;

/** `driftline audit --calibrate`. */
export async function calibrate(context: CommandContext, base: string, options: CalibratingOptions): Promise<void> {
  const { environment, fetch, signal, notify, print, now } = context;
  const { benign, recipe, every, detectors, judge, rate, surface, choices, to, runs } = options;
  const { error, audits, seed, threads, 'max-answers': maxAnswers } = options;
  const misplaced = ofAudits.find((name) => options[name] !== undefined);
  if (misplaced !== undefined)
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `--${misplaced} is for an audit of a model, and --calibrate audits none`,
      hint: 'Leave one of both out.',
    });
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
    ...{ benign, environment, fetch, signal, audits, seed, error, rule: findRule(options.rule).name },
    memory: options['ignore-memory'] ? Infinity : context.memory,
    ...(options['per-set'] === undefined ? {} : { perSet: options['per-set'] }),
    ...(recipe === undefined ? {} : { recipe }),
    ...(every === undefined ? {} : { every }),
    ...(detectors === undefined ? {} : { detectors }),
    ...(judge === undefined ? {} : { judge }),
    ...(maxAnswers === undefined ? {} : { maxAnswers }),
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
    onRead: ({ by, done, total, id }) => {
      const label = by === 'detectors' ? 'reading' : 'asking';
      display.show({ label, total, unit: 'fine-tunes', count: done, note: id });
    },
  }).finally(() => {
    progress.finish();
    display.finish();
  });
  const [first] = calibration.detectors;
  const scores = first?.scores ?? [];
  const kinds = new Set(scores.map(({ kind }) => kind)).size;
  const checkpoints = Math.max(0, ...scores.map((one) => one.checkpoints));
  if (context.json) {
    context.printJson({ format: 1, command: 'calibrate', base, file, run, leastRate, calibration });
    return;
  }
  print(
    `${file}: ${String(scores.length)} harmless fine-tunes of ${String(kinds)} ${kinds === 1 ? 'kind' : 'kinds'} of data, read by ${calibration.detectors.map(({ name }) => name).join(', ')}`,
    context.colors.bold,
  );
  print(
    `They can claim rates from ${String(Number((100 * leastRate).toPrecision(2)))} % on, of fine-tunes on data like theirs; a smaller one takes more of them.`,
  );
  print(
    checkpoints === 0
      ? 'No checkpoints were read: audits can use it, and watches need --every.'
      : `Watches can use it, too: up to ${String(checkpoints)} checkpoints of a run were read.`,
  );
  notify(`trained in ${run}`);
}
