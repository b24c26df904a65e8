import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { countSteps } from '../../engine/train/plan-training.js';
import { waitFor } from '../../foundation/clock.js';
import { openJsonLinesWriter } from '../../foundation/append-json-lines.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { limitConcurrency } from '../../foundation/limit-concurrency.js';
import type { Trainer, TrainingJob, TrainingProgress, TrainingResult, TunedModel } from '../trainer.js';
import { readClusterCell, writeClusterCell, type ClusterCellRecord } from './cluster-cell.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { collectResult, readDone, type DoneCell } from './collect-result.js';
import { explainFailedJob, explainJobFault, parseFault, type FaultyWork } from './explain-fault.js';
import { cellHash, trainJobId, type JobProgress } from './job-ids.js';
import { isNameTaken } from './ray-answers.js';
import { markTraining, prepareCell, type PreparedCell } from './prepare-cell.js';

export interface ClusterTrainerSettings {
  readonly cluster: ClusterRun;
  readonly model: ClusterModel;
  /** Told when a fine-tune begins and ends: as long as some are under way, more will be asked. */
  readonly onUnderWay?: (change: 1 | -1) => void;
}

/** The log of a fine-tune, here and in the storage. */
const logFile = 'training.jsonl';
const logSchema = z.looseObject({ step: z.int().positive(), loss: z.number() });

/** Jobs that end without a word are made anew so often, as long as they do not move. */
const fruitlessJobs = 3;
/** Names of jobs that Ray may hold for those that are gone, before that is an error. */
const mostTakenNames = 20;
/** With which a driver ends that has written a fault down. */
const faultCode = 3;

/**
 * Fine-tunes on a cluster: a job for each cell, whose name is the hash of all that decides what comes out of it. Whoever was killed or stopped in
 * between finds it again; one that was killed itself goes on from its last checkpoint.
 */
export function openClusterTrainer({ cluster, model, onUnderWay = () => undefined }: ClusterTrainerSettings): Trainer {
  const { settings, ray, watcher, onNotice } = cluster;
  let limit: Promise<ReturnType<typeof limitConcurrency>> | null = null;
  const enter = async <Result>(task: () => Promise<Result>): Promise<Result> =>
    (
      await (limit ??= chooseJobsAtOnce(cluster).catch((cause: unknown) => {
        limit = null;
        throw cause;
      }))
    )(task);

  async function train(
    job: TrainingJob,
    { signal, onStep = () => undefined }: Parameters<Trainer['train']>[1] & object,
  ): Promise<TrainingResult> {
    const { folder, recipe, keepSteps = [] } = job;
    if (recipe.method !== 'lora') throw onlyAdapters(recipe.method);
    const mark = markTraining(model, job);
    const before = await readClusterCell(folder);
    if (before?.state === 'finished' && before.mark === mark) return describeResult(folder, before);
    if (before?.state === 'begun' && before.mark !== mark) throw otherJob(folder, before);
    const cell = cellHash(mark);
    let id = trainJobId(cell);
    const isStopped = (): boolean => signal?.aborted === true;
    if (isStopped()) throw stopped(null);
    const prepared = await prepareCell(model, job, settings);
    await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
      throw writeFailure(folder, cause);
    });
    const record: ClusterCellRecord = {
      ...{ v: 1, mark, job: id, address: ray.address, storage: settings.storage, state: 'begun' },
      ...{ steps: prepared.steps, kept: [...keepSteps] },
    };
    // Steps of another fine-tune are not those of this one.
    if (before?.mark !== mark) await rm(join(folder, logFile), { force: true });
    await writeClusterCell(folder, record);
    const log = await openStepLog(join(folder, logFile), prepared.steps, { onStep, signal });
    try {
      const done = await followCell({
        ...{ id, mark, cell, prepared, log, job, signal },
        onRenamed: (name) => {
          id = name;
        },
      });
      const stopping = signal === undefined ? {} : { signal };
      await cluster.patiently(async () => {
        const wayBack = await cluster.wayBack(signal);
        await log.tell(await wayBack.read(`cells/${cell}/out/${logFile}`, { purpose: 'done', signal }));
        await collectResult(wayBack, cell, done, { folder, keepSteps, ...stopping }, () => log.close());
      }, signal);
      const finished: ClusterCellRecord = { ...record, state: 'finished', steps: done.steps };
      await writeClusterCell(folder, finished);
      return describeResult(folder, finished);
    } catch (cause) {
      if (isStopped()) {
        onNotice(`${id} goes on at ${ray.address}; the same command finds it again`);
        throw stopped(id);
      }
      throw cause;
    } finally {
      await log.close();
    }
  }

  interface CellUnderWay {
    readonly id: string;
    readonly mark: string;
    readonly cell: string;
    readonly prepared: PreparedCell;
    readonly log: StepLog;
    readonly job: TrainingJob;
    readonly signal: AbortSignal | undefined;
    /** Told what its job is called from now on. */
    readonly onRenamed: (id: string) => void;
  }

  /** Has the job made, and made again where it ends without a word, until the cell is done or says why it will never be. */
  async function followCell(underWay: CellUnderWay): Promise<DoneCell> {
    const { mark, cell, prepared, log, job, signal, onRenamed } = underWay;
    let { id } = underWay;
    const work: FaultyWork = {
      ...{ job: id, address: ray.address, recipe: job.recipe, model: model.text },
      ...{ storage: settings.storage, python: settings.python },
    };
    const stopping = signal === undefined ? {} : { signal };
    let isFirst = true;
    // Ends without a word, and words of an end without a result.
    const ends = { fruitless: 0, empty: 0 };
    let number = 0;
    for (;;) {
      const name = id;
      const ask = () => submit({ id: name, mark, cell, prepared, signal, renews: !isFirst });
      // Whoever never had an answer need not be waited for.
      const made = isFirst ? await ask() : await cluster.patiently(ask, signal);
      if (isFirst && made.how === 'found') onNotice(`the cluster has ${name} already, and it is not made again`);
      isFirst = false;
      const moved = { steps: -1, has: false };
      const onMoved = async ({ count, state }: JobProgress): Promise<void> => {
        if (state !== 'running') return;
        moved.has ||= moved.steps !== -1 && count > moved.steps;
        moved.steps = count;
        const lines = count - log.told();
        if (lines <= 0) return;
        const wayBack = await cluster.wayBack(signal);
        // Some more than are new: the cell goes on while its log is read.
        const options = { purpose: 'progress', signal, lines: lines + 10 } as const;
        await log.tell(await wayBack.read(`cells/${cell}/out/${logFile}`, options));
      };
      const { status } = await watcher.follow({ kind: 'train', name: cell, job: name, onMoved, ...stopping });
      const left = await cluster.patiently(() => readEnd({ id: name, cell, mark, status, signal }), signal);
      if (left.done !== null) return left.done;
      const { failed, fault } = left;
      if (fault !== null) throw explainJobFault(parseFault(fault), work);
      if (failed !== null && isNameTaken(failed) && number < mostTakenNames) {
        number += 1;
        id = trainJobId(cell, number);
        onRenamed(id);
        continue;
      }
      // So that Ray has done with it before its name is used anew.
      if (status === 'FAILED') await waitFor(cluster.clock, cluster.pace.few, signal ?? never);
      if (status === 'DONE') {
        // It says that it is done and has left nothing: a storage that somebody emptied. The word stands until the job that was made anew begins.
        ends.empty += 1;
        await waitFor(cluster.clock, cluster.pace.jobs, signal ?? never);
      } else ends.fruitless = moved.has ? 0 : ends.fruitless + 1;
      if (failed !== null && ends.fruitless >= fruitlessJobs) throw explainFailedJob(failed, work);
      if (Math.max(ends.fruitless, ends.empty) >= 2 * fruitlessJobs)
        throw explainJobFault(
          { kind: 'other', message: `it ended so many times, and left nothing: ${String(status)}` },
          work,
        );
    }
  }

  /** What a job left when it ended. */
  async function readEnd({
    id,
    cell,
    mark,
    status,
    signal,
  }: Pick<CellUnderWay, 'id' | 'cell' | 'mark' | 'signal'> & { readonly status: string | null }) {
    const wayBack = await cluster.wayBack(signal);
    const done = await readDone(wayBack, cell, mark, signal);
    const failed = done === null && status === 'FAILED' ? await ray.find(id, signal) : null;
    // With any other code it ended before it could look whether a fault that is there is an earlier one's.
    const hasFault = failed?.driver_exit_code === faultCode;
    const fault = hasFault ? await wayBack.read(`cells/${cell}/out/fault.json`, { purpose: 'done', signal }) : null;
    return { done, failed, fault };
  }

  function submit({
    id,
    mark,
    cell,
    prepared,
    signal,
    renews,
  }: Pick<CellUnderWay, 'id' | 'mark' | 'cell' | 'prepared' | 'signal'> & { readonly renews: boolean }) {
    const { gpus_per_cell: gpus, stalled_after: minutes, resources } = settings;
    return cluster.submit(
      {
        ...{ kind: 'train', id, mark, metadata: { cell } },
        keys: { cell, gpus, resources, stalled_after: Math.round(minutes * 60) },
        deliver: async () => new Map([...(await model.readFiles()), ...prepared.files]),
        // What one that succeeded left is looked for first.
        onEnded: renews ? 'renew' : 'keep',
      },
      signal,
    );
  }

  return {
    countSteps: (rows, recipe) => countSteps(recipe, rows),
    train: async (job, options = {}) => {
      const finished = await findFinished(model, job);
      if (finished !== null) return finished;
      onUnderWay(1);
      try {
        return await enter(() => train(job, options));
      } finally {
        onUnderWay(-1);
      }
    },
  };
}

async function findFinished(model: ClusterModel, job: TrainingJob): Promise<TrainingResult | null> {
  const record = await readClusterCell(job.folder);
  return record?.state === 'finished' && record.mark === markTraining(model, job)
    ? describeResult(job.folder, record)
    : null;
}

/** As many as there are GPUs for, and some more, so that no GPU waits for driftline. */
async function chooseJobsAtOnce({ settings, ray }: ClusterRun): Promise<ReturnType<typeof limitConcurrency>> {
  const { jobs_at_once: given, gpus_per_cell: each } = settings;
  if (given !== undefined) return limitConcurrency(given);
  const { total } = await ray.gpus();
  return limitConcurrency(each === 0 ? 4 : Math.max(1, Math.ceil((total / each) * 1.1)));
}

const never = new AbortController().signal;

/** What has been told of a fine-tune's steps, each once, over stops and restarts. */
interface StepLog {
  /** The last step that was told. */
  readonly told: () => number;
  /** Tells what is new in lines of the log; null tells nothing. */
  readonly tell: (lines: Uint8Array | null) => Promise<void>;
  readonly close: () => Promise<void>;
}

async function openStepLog(
  file: string,
  steps: number,
  {
    onStep,
    signal,
  }: { readonly onStep: (progress: TrainingProgress) => unknown; readonly signal: AbortSignal | undefined },
): Promise<StepLog> {
  const writer = await openJsonLinesWriter(file);
  let last = readSteps(await readFile(file)).at(-1)?.step ?? 0;
  let isOpen = true;
  const begun = { step: last, time: performance.now() };
  return {
    told: () => last,
    tell: async (lines) => {
      for (const entry of readSteps(lines ?? new Uint8Array())) {
        // The lines that were read may begin later: a step is told after the one before it.
        if (entry.step !== last + 1) continue;
        signal?.throwIfAborted();
        await writer.append(entry);
        last = entry.step;
        const each = (performance.now() - begun.time) / Math.max(1, last - begun.step);
        onStep({ step: last, steps, loss: entry.loss, millisecondsLeft: Math.round((steps - last) * each) });
      }
      signal?.throwIfAborted();
    },
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      await writer.close();
    },
  };
}

/** The steps of a log that may be growing, or begin in the middle. */
function readSteps(bytes: Uint8Array): z.output<typeof logSchema>[] {
  const text = new TextDecoder().decode(bytes);
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => {
      try {
        return [logSchema.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}

function describeResult(folder: string, { steps, kept }: ClusterCellRecord): TrainingResult {
  const stateOf = (step: number): TunedModel => ({
    kind: 'adapter',
    folder: join(folder, 'checkpoints', `step-${String(step)}`),
  });
  return { model: { kind: 'adapter', folder }, kept: new Map(kept.map((step) => [step, stateOf(step)])), steps };
}

function onlyAdapters(method: string): DriftlineError {
  return new DriftlineError({
    code: 'recipe-invalid',
    message: `the method "${method}" trains a whole model, and what an experiment asks for are adapters`,
    hint: 'Set method: lora.',
  });
}

function stopped(job: string | null): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: job === null ? 'Training was stopped before it began' : `Training was stopped; its job is ${job}`,
    hint: 'Train again with the same job and folder: it is found again.',
  });
}

function otherJob(folder: string, { job, address }: ClusterCellRecord): DriftlineError {
  return new DriftlineError({
    code: 'training-state-mismatch',
    message: `${folder} belongs to another fine-tune that is not finished: ${job} at ${address}`,
    hint: 'Train in another folder, or remove this one if that job is not wanted any more.',
    details: { folder, job },
  });
}
