import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { countSteps } from '../../engine/train/plan-training.js';
import { systemClock, waitFor } from '../../foundation/clock.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFailure } from '../../foundation/file-failure.js';
import type { FinishedUse, SpendingMeter } from '../hosted/spending/spending-ledger.js';
import type { Trainer, TrainingJob, TrainingResult, TunedModel } from '../trainer.js';
import { mapTinkerRecipe, tinkerAlpha } from './review-tinker-recipe.js';
import {
  adapterFolder,
  runTinkerSession,
  trainingLogFile,
  type TinkerRun,
  type TinkerSessionSettings,
} from './run-tinker-session.js';
import { describeSaid, explainTinkerFailure, isLostSession } from './tinker-failure.js';
import { readTinkerRun, writeTinkerRun, type TinkerRunRecord } from './tinker-run.js';
import { prepareTinkerSteps } from './tinker-steps.js';
import { readTinkerAddress, readTinkerKey } from './tinker-worker.js';

export interface TinkerTrainerSettings extends Omit<TinkerSessionSettings, 'host' | 'key' | 'fetches' | 'patience'> {
  /** Identifies the base with its tokenizer. */
  readonly identity: string;
  /** A folder with config, tokenizer and template. */
  readonly tokenizer: string;
  /** Whether adapters are fetched even where the service answers. */
  readonly keepsAdapter: boolean;
  /** Counts what is trained on. */
  readonly meter?: SpendingMeter;
  /** Waits before another session is begun. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly patience?: number;
}

/** Sessions that may be lost without a state in between. */
const mostLosses = 3;
/** Milliseconds before the second session, and how much more before the next. */
const [firstPause, growth] = [5_000, 4];

/**
 * Fine-tunes at Tinker, step by step: driftline decides on rows, order, losses and learning rates, the service
 * computes. Every few steps a state is saved there and noted here; whoever was killed or stopped goes on from it. After
 * any error a session is left alone: what stood behind the failed request may have been done, so that the model is not
 * what it should be.
 */
export function openTinkerTrainer(settings: TinkerTrainerSettings): Trainer {
  const { model, identity, environment, onNotice, meter, isAskedThere, keepsAdapter } = settings;
  const { wait = pause, patience = 60_000 } = settings;
  const { host } = new URL(readTinkerAddress(environment));
  const fetches = !isAskedThere || keepsAdapter;

  async function train(
    job: TrainingJob,
    { signal, onStep = () => undefined }: NonNullable<Parameters<Trainer['train']>[1]>,
  ): Promise<TrainingResult> {
    const { rows, recipe, folder, keepSteps = [] } = job;
    const lora = mapTinkerRecipe(recipe);
    const mark = hashJson({
      ...{ v: 1, base: identity, rows: hashJson(rows), recipe, keepSteps: [...keepSteps], isAskedThere },
    });
    const before = await readTinkerRun(folder);
    const bill = `tinker-${mark.slice(0, 16)}`;
    if (before?.state === 'finished' && before.mark === mark) {
      // Whoever was killed behind its last step has not counted it.
      if (meter?.isOpen(bill) === true) await meter.close(bill, countPaid(before));
      return describeResult(folder, before);
    }
    if (before?.state === 'begun' && before.mark !== mark) throw otherJob(folder, before);
    if (signal?.aborted === true) throw stopped(null);
    const key = readTinkerKey(environment);
    const prepared = await prepareTinkerSteps(settings.tokenizer, job);
    const most = { input: prepared.tokens, output: 0 };
    await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
      throw writeFailure(folder, cause);
    });
    if (meter?.isOpen(bill) === false && !meter.fits(most)) throw meter.refuse(most);
    // At once: what others begin meanwhile must not fit into the same room.
    await meter?.open(bill, { ...most, calls: 1 });
    // Steps of another fine-tune are not those of this one.
    if (before?.mark !== mark) await rm(join(folder, trainingLogFile), { force: true });
    const run: TinkerRun = {
      ...{ job, lora, prepared, signal, onStep, done: 0, told: 0, hasStarted: false },
      record:
        before?.mark === mark
          ? before
          : {
              ...{ v: 1, mark, base: model, host, sdk: '', scale: tinkerAlpha / lora.rank, state: 'begun' },
              ...{ steps: prepared.steps, saved: null, kept: [...keepSteps], weights: [] },
              paid: { tokens: 0, lost_steps: 0 },
            },
    };
    await writeTinkerRun(folder, run.record);
    await runSessions(run, { ...settings, host, key, fetches, patience });
    await meter?.close(bill, countPaid(run.record));
    return describeResult(folder, run.record);
  }

  /** One session after the other, until the fine-tune is done. */
  async function runSessions(run: TinkerRun, session: TinkerSessionSettings): Promise<void> {
    const { key } = session;
    let losses = { since: run.record.saved?.step ?? 0, count: 0, steps: 0 };
    for (;;) {
      try {
        await runTinkerSession(run, session);
        return;
      } catch (cause) {
        if (run.signal?.aborted === true) throw stopped(run.record);
        // Whoever never had a session has lost none: the service is not there.
        if (!isLostSession(cause) || !run.hasStarted)
          throw explainTinkerFailure(cause, { model, host, key, folder: run.job.folder });
        const since = run.record.saved?.step ?? 0;
        if (since !== losses.since) losses = { since, count: 0, steps: 0 };
        losses = { since, count: losses.count + 1, steps: losses.steps + Math.max(0, run.done - since) };
        const said = describeSaid(cause, key);
        if (losses.count >= mostLosses) throw sessionLost(run.record, { host, said, steps: losses.steps });
        onNotice(
          `the session at ${host} was lost after step ${String(run.done)} (${said}): a new one goes on ${since === 0 ? 'from the beginning' : `from the state of step ${String(since)}`}`,
        );
        await wait(firstPause * growth ** (losses.count - 1), run.signal ?? never).catch(() => undefined);
        if (isAborted(run.signal)) throw stopped(run.record);
      }
    }
  }

  function describeResult(folder: string, { weights, kept, steps }: TinkerRunRecord): TrainingResult {
    const modelOf = (step: number): TunedModel =>
      isAskedThere
        ? { kind: 'named', model: weights.find((one) => one.step === step)?.path ?? '' }
        : { kind: 'adapter', folder: adapterFolder(folder, step, steps) };
    return { model: modelOf(steps), kept: new Map(kept.map((step) => [step, modelOf(step)])), steps };
  }

  return {
    countSteps: (rows, recipe) => countSteps(recipe, rows),
    train: (job, options = {}) => train(job, options),
  };
}

function countPaid({ paid }: TinkerRunRecord): FinishedUse {
  return { input: paid.tokens, output: 0, calls: 1, unreported: 0 };
}

const never = new AbortController().signal;

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return waitFor(systemClock, milliseconds, signal);
}

/** It changes between two awaits, which a type does not know. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function stopped(record: TinkerRunRecord | null): DriftlineError {
  const saved = record?.saved ?? null;
  const message =
    record === null
      ? 'Training was stopped before it began'
      : `Training was stopped; ${saved === null ? 'no state had been saved yet' : `the state of step ${String(saved.step)} of ${String(record.steps)} is kept at ${record.host} for a week`}`;
  return new DriftlineError({
    code: 'interrupted',
    message,
    hint: 'Run the same command again: it goes on from the last state.',
  });
}

function sessionLost(
  { saved, paid }: TinkerRunRecord,
  { host, said, steps }: { readonly host: string; readonly said: string; readonly steps: number },
): DriftlineError {
  const state = saved === null ? 'no state had been saved' : `the state of step ${String(saved.step)} is kept`;
  return new DriftlineError({
    code: 'tinker-session-lost',
    message: `${host} lost the session ${String(mostLosses)} times (${said}): ${String(steps)} ${steps === 1 ? 'step was' : 'steps were'} lost that may be charged; ${state}`,
    hint: 'Run the same command again later: it goes on from there. A lower save_every in the key tinker of the plan loses fewer steps.',
    details: { host, steps, saved, paid },
  });
}

function otherJob(folder: string, { base, host, steps }: TinkerRunRecord): DriftlineError {
  return new DriftlineError({
    code: 'training-state-mismatch',
    message: `${folder} belongs to another fine-tune that is not finished: ${base} at ${host}, ${String(steps)} steps`,
    hint: 'Train in another folder, or remove this one if that fine-tune is not wanted any more.',
    details: { folder },
  });
}
