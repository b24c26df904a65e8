import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { openTrainingLog } from '../../engine/train/training-log.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { TrainingJob, TrainingProgress } from '../trainer.js';
import { completeTinkerAdapter } from './complete-tinker-adapter.js';
import type { TinkerLora } from './review-tinker-recipe.js';
import { describeSaid, TinkerFailure } from './tinker-failure.js';
import { writeTinkerRun, type TinkerRunRecord } from './tinker-run.js';
import type { TinkerSteps } from './tinker-steps.js';
import { greetWorker, openTinkerWorker, type TinkerWorker } from './tinker-worker.js';

/** What all sessions of fine-tunes of a base have in common. */
export interface TinkerSessionSettings {
  /** The base as the service calls it. */
  readonly model: string;
  readonly host: string;
  readonly key: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether the service answers, with weights that it keeps. */
  readonly isAskedThere: boolean;
  /** Whether adapters are fetched into the folder of the cell. */
  readonly fetches: boolean;
  readonly saveEvery: number;
  readonly project: string | null;
  /** Milliseconds; only for the time left. */
  readonly clock: () => number;
  readonly onNotice: (notice: string) => void;
  /** Milliseconds that what is under way has after a stop. */
  readonly patience: number;
}

/** A fine-tune over its sessions. */
export interface TinkerRun {
  readonly job: TrainingJob;
  readonly lora: TinkerLora;
  readonly prepared: TinkerSteps;
  readonly signal: AbortSignal | undefined;
  readonly onStep: (progress: TrainingProgress) => unknown;
  record: TinkerRunRecord;
  /** Steps done in the session, and the last that `onStep` was told. */
  done: number;
  told: number;
  /** Whether any session of this process had a model. */
  hasStarted: boolean;
}

export const trainingLogFile = 'training.jsonl';

/** Seconds that what a fine-tune goes on from is kept there. */
const keptStates = 7 * 24 * 3600;
/** Seconds that weights are kept there which are fetched at once. */
const keptParcels = 24 * 3600;

/** How adapters are fetched, as the worker found out. */
type Way = 'external' | 'archive';
const checkSchema = z.object({ adapters: z.enum(['external', 'archive']) });
const startSchema = z.object({ run: z.string() });
const stepSchema = z.object({ loss: z.number().nullable(), grad_norm: z.number().nullable() });
const pathSchema = z.object({ path: z.string().min(1) });

/**
 * One session: from the last state to the end, or to the first error. If the signal stops it, it saves a state and
 * throws the signal's reason.
 */
export async function runTinkerSession(run: TinkerRun, settings: TinkerSessionSettings): Promise<void> {
  const { job, signal, prepared } = run;
  const { environment, saveEvery, clock } = settings;
  const worker = openTinkerWorker({ environment });
  let status: Parameters<TinkerWorker['close']>[0] = 'errored';
  try {
    const sdk = await greetWorker(worker, { environment }, signal);
    const { adapters: way } = await worker.call('check', {}, checkSchema, signal);
    await startModel(run, worker, settings);
    run.hasStarted = true;
    run.record = { ...run.record, sdk };
    const from = run.record.saved?.step ?? 0;
    run.done = from;
    await countLostSteps(run, from);
    const log = await openTrainingLog(join(job.folder, trainingLogFile), from);
    try {
      const begun = clock();
      // A state may have been saved where the weights of its step were not yet.
      await keepWeights(run, worker, settings, way);
      let tokens = 0;
      const saveState = async (): Promise<void> => {
        await withPatience(saveStateOf(run, worker, tokens), worker, settings, signal);
        tokens = 0;
      };
      while (run.done < prepared.steps) {
        const step = prepared.at(run.done);
        const asked = worker.call('step', { rows: step.rows, adam: step.adam }, stepSchema);
        const { loss, grad_norm: norm } = await withPatience(asked, worker, settings, signal);
        if (loss === null) throw diverged(run);
        run.done += 1;
        tokens += step.tokens;
        await log.append({
          ...{ step: run.done, loss, learning_rate: step.adam.learning_rate },
          ...(norm === null ? {} : { grad_norm: norm }),
          tokens: step.tokens,
        });
        const each = (clock() - begun) / (run.done - from);
        tell(run, loss, Math.round((prepared.steps - run.done) * each));
        if (run.done % saveEvery === 0 || isWanted(run, run.done)) await saveState();
        await keepWeights(run, worker, settings, way);
        if (signal?.aborted === true && run.done < prepared.steps) {
          if (run.record.saved?.step !== run.done) await saveState();
          signal.throwIfAborted();
        }
      }
    } finally {
      await log.close();
    }
    run.record = { ...run.record, state: 'finished' };
    await writeTinkerRun(job.folder, run.record);
    status = 'success';
  } catch (cause) {
    if (signal?.aborted === true) status = 'interrupted';
    throw cause;
  } finally {
    await worker.close(status);
  }
}

/** A new model, or the one of the last state. A state that is not there any more is as none: then all is done again. */
async function startModel(
  run: TinkerRun,
  worker: TinkerWorker,
  { model, host, key, project, onNotice }: TinkerSessionSettings,
): Promise<void> {
  const { lora, signal } = run;
  const { saved, mark } = run.record;
  const start = {
    ...{ base: model, lora, project, state: saved?.path ?? null },
    // By it the user finds the session in the service's console.
    metadata: { driftline: mark.slice(0, 16) },
  };
  try {
    await worker.call('start', start, startSchema, signal);
  } catch (cause) {
    const isGone = cause instanceof TinkerFailure && ['missing', 'refused', 'expired'].includes(cause.kind);
    if (!isGone) throw cause;
    if (saved === null) throw new TinkerFailure('refused', cause.type, cause.message);
    onNotice(
      `the state of step ${String(saved.step)} is not at ${host} any more (${describeSaid(cause, key)}): the fine-tune begins anew`,
    );
    run.record = { ...run.record, saved: null, weights: [] };
    await writeTinkerRun(run.job.folder, run.record);
    // This session has met an error: the next one begins.
    run.hasStarted = true;
    throw new TinkerFailure('expired', cause.type, cause.message);
  }
}

async function saveStateOf(run: TinkerRun, worker: TinkerWorker, tokens: number): Promise<void> {
  const step = run.done;
  const { path } = await save(worker, { kind: 'state', name: `step-${String(step)}`, ttl: keptStates });
  const { paid } = run.record;
  run.record = { ...run.record, saved: { step, path }, paid: { ...paid, tokens: paid.tokens + tokens } };
  await writeTinkerRun(run.job.folder, run.record);
}

function isWanted({ prepared, record }: TinkerRun, step: number): boolean {
  return step === prepared.steps || record.kept.includes(step);
}

/** Weights of the step that is done, if they are wanted and not kept yet: at the service, or in the folder of the cell. */
async function keepWeights(
  run: TinkerRun,
  worker: TinkerWorker,
  { model, isAskedThere, fetches }: TinkerSessionSettings,
  way: Way,
): Promise<void> {
  const step = run.done;
  if (!isWanted(run, step) || run.record.weights.some((one) => one.step === step)) return;
  const name = step === run.prepared.steps ? 'final' : `step-${String(step)}`;
  const kept = isAskedThere ? (await save(worker, { kind: 'sampler', name, ttl: null })).path : null;
  let parcel = way === 'archive' ? kept : null;
  if (fetches) {
    const kind = way === 'archive' ? 'sampler' : 'external';
    parcel ??= (await save(worker, { kind, name: `${name}-parcel`, ttl: keptParcels })).path;
    const folder = adapterFolder(run.job.folder, step, run.prepared.steps);
    await worker.call('fetch', { path: parcel, to: folder, way }, z.unknown(), run.signal);
    await completeTinkerAdapter(folder, { rank: run.lora.rank, baseModel: model });
  }
  run.record = { ...run.record, weights: [...run.record.weights, { step, path: kept ?? parcel ?? '' }] };
  await writeTinkerRun(run.job.folder, run.record);
}

function save(
  worker: TinkerWorker,
  what: { readonly kind: 'state' | 'sampler' | 'external'; readonly name: string; readonly ttl: number | null },
): Promise<z.output<typeof pathSchema>> {
  return worker.call('save', what, pathSchema);
}

/** Where the adapter of a step lies. */
export function adapterFolder(folder: string, step: number, steps: number): string {
  return step === steps ? folder : join(folder, 'checkpoints', `step-${String(step)}`);
}

/** What is under way when the fine-tune is stopped is paid: it is waited for, but not for ever. */
async function withPatience<Result>(
  work: Promise<Result>,
  worker: TinkerWorker,
  { patience }: TinkerSessionSettings,
  signal: AbortSignal | undefined,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const hurry = (): void => {
    timer = setTimeout(worker.kill, patience);
  };
  signal?.addEventListener('abort', hurry, { once: true });
  if (signal?.aborted === true) hurry();
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', hurry);
  }
}

/** Each step is told once, in however many sessions it is done. */
function tell(run: TinkerRun, loss: number, millisecondsLeft: number): void {
  if (run.done <= run.told) return;
  run.told = run.done;
  run.onStep({ step: run.done, steps: run.prepared.steps, loss, millisecondsLeft });
}

const lineSchema = z.looseObject({ step: z.int(), tokens: z.int().nonnegative() });

/** Steps behind the last state were paid, and are done again. Of a process that was killed only the log knows them. */
async function countLostSteps(run: TinkerRun, from: number): Promise<void> {
  const text = await readFile(join(run.job.folder, trainingLogFile), 'utf8').catch(() => '');
  const lost = text.split('\n').flatMap((line) => {
    const parsed = lineSchema.safeParse(parseOrNull(line));
    return parsed.success && parsed.data.step > from ? [parsed.data] : [];
  });
  if (lost.length > 0) {
    const { tokens, lost_steps: steps } = run.record.paid;
    const paid = { tokens: lost.reduce((sum, one) => sum + one.tokens, tokens), lost_steps: steps + lost.length };
    run.record = { ...run.record, paid };
  }
  await writeTinkerRun(run.job.folder, run.record);
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function diverged({ done, record }: TinkerRun): DriftlineError {
  const { saved } = record;
  return new DriftlineError({
    code: 'loss-not-finite',
    message: `Training diverged at step ${String(done + 1)}: the loss is no number`,
    hint: `Lower the learning rate. ${saved === null ? 'No earlier state had been saved' : `The state of step ${String(saved.step)} is kept: ${saved.path}`}.`,
    details: { step: done + 1 },
  });
}
