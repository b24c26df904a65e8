import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { countSteps } from '../../engine/train/plan-training.js';
import { waitFor } from '../../foundation/clock.js';
import { canonicalJson } from '../../foundation/content-hash.js';
import { openJsonLinesWriter } from '../../foundation/append-json-lines.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatDuration } from '../../foundation/format-quantities.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { limitConcurrency } from '../../foundation/limit-concurrency.js';
import type { GpuMeter } from '../gpu-meter.js';
import type { Trainer, TrainingJob, TrainingProgress, TrainingResult, TunedModel } from '../trainer.js';
import { readClusterCell, writeClusterCell, type ClusterCellRecord } from './cluster-cell.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { collectResult, logFile, readDone, type DoneCell } from './collect-result.js';
import {
  explainFailedJob,
  explainJobFault,
  faultCode,
  fruitlessJobs,
  parseFault,
  type FaultyWork,
} from './explain-fault.js';
import { cellStartSeconds } from './estimate-cluster.js';
import { cellHash, formatWholeModel, readTrainJob, trainJobId, wholeModelFolder, type JobProgress } from './job-ids.js';
import { readMeasuredCell } from './measured-cell.js';
import { isNameTaken, mostTakenNames } from './ray-answers.js';
import type { SubmittedJob } from './submit-job.js';
import { markTraining, prepareCell, type PreparedCell } from './prepare-cell.js';
import { isPlaced, quietAfter, stopStalled } from './stalled-work.js';

export interface ClusterTrainerSettings {
  readonly cluster: ClusterRun;
  readonly model: ClusterModel;
  /** Told when a fine-tune begins and ends: as long as some are under way, more will be asked. */
  readonly onUnderWay?: (change: 1 | -1, cell: string) => void;
}

const logSchema = z.looseObject({ step: z.int().positive(), loss: z.number() });

/** Cells that are packed and handed over, or collected, at the same time: each may hold an adapter of a large model in memory. */
const handedAtOnce = 4;

/**
 * Fine-tunes on a cluster: a job for each cell, whose name is the hash of all that decides what comes out of it. Whoever was killed or stopped in
 * between finds it again; one that was killed itself goes on from its last checkpoint.
 */
export function openClusterTrainer({ cluster, model, onUnderWay = () => undefined }: ClusterTrainerSettings): Trainer {
  const { settings, ray, watcher, onNotice } = cluster;
  let limit: Promise<ReturnType<typeof limitConcurrency>> | null = null;
  const handOver = limitConcurrency(handedAtOnce);
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
    const { folder, keepSteps = [] } = job;
    const mark = markTraining(model, job);
    const before = await readClusterCell(folder);
    if (before !== null && hasFinished(before, mark)) return describeResult(folder, before);
    if (before?.state === 'begun' && before.mark !== mark) throw otherJob(folder, before);
    const cell = cellHash(mark);
    // What it costs is counted under its first name.
    const paidAs = trainJobId(cell);
    // Where it was given another name, the job that goes on is that one.
    let id = before?.mark === mark && readTrainJob(before.job)?.cell === cell ? before.job : paidAs;
    const isStopped = (): boolean => signal?.aborted === true;
    if (isStopped()) throw stopped(null);
    const logs = { open: null as StepLog | null };
    try {
      const meter = cluster.spending.meter('fine-tuning', model.text);
      const carryOut = async (): Promise<EndedCell> => {
        const begun = await handOver(() => begin({ id, mark, cell, job, signal, meter, before }));
        let { record } = begun;
        const opened = (logs.open = await openStepLog(join(folder, logFile), record.steps, { onStep, signal }));
        const done = await followCell({
          ...{ id, mark, cell, made: begun.made, log: opened, job, signal, meter },
          onRenamed: async (name) => {
            id = name;
            record = { ...record, job: name };
            await writeClusterCell(folder, record);
          },
        });
        return { record, opened, done };
      };
      // What is done already costs nothing more.
      const isDone = (): Promise<boolean> =>
        cluster.patientlyOnceReached(
          async () => (await readDone(await cluster.wayBack(signal), cell, mark, signal)) !== null,
          signal,
        );
      const { record, opened, done } =
        meter === null || !meter.isLimited || (await isDone())
          ? await carryOut()
          : await meter.hold(paidAs, await handOver(() => boundSeconds(job)), signal ?? never, carryOut);
      const { gpu_seconds: seconds } = done;
      if (meter !== null && meter.counted(paidAs) !== null && typeof seconds === 'number')
        await meter.settle(paidAs, seconds);
      const stopping = signal === undefined ? {} : { signal };
      await handOver(() =>
        cluster.patiently(async () => {
          const wayBack = await cluster.wayBack(signal);
          await opened.tell(await wayBack.read(`cells/${cell}/out/${logFile}`, { purpose: 'done', signal }));
          await collectResult(wayBack, cell, done, { folder, keepSteps, ...stopping }, () => opened.close());
        }, signal),
      );
      await learnFrom(job);
      const finished: ClusterCellRecord = { ...record, state: 'finished', steps: done.steps };
      await writeClusterCell(folder, finished);
      if (finished.weights !== undefined) onNotice(`${id} made a whole model: ${finished.weights} of ${ray.address}`);
      return describeResult(folder, finished);
    } catch (cause) {
      if (isStopped()) {
        if (!cluster.cancelsJobs) onNotice(`${id} goes on at ${ray.address}; the same command finds it again`);
        throw stopped(id);
      }
      throw cause;
    } finally {
      await logs.open?.close();
    }
  }

  /** What a finished fine-tune measured bounds those like it, also where it was finished by an earlier start of driftline. */
  async function learnFrom({ folder, recipe }: TrainingJob): Promise<void> {
    const measured = await readMeasuredCell(folder);
    if (measured !== null) cluster.spending.learn(model.text, recipe, measured);
  }

  /** The most GPU-seconds that a fine-tune may take. */
  async function boundSeconds(job: TrainingJob): Promise<number> {
    const { work, steps } = await prepareCell(model, job, settings);
    return cluster.spending.boundCell(model.text, work, steps);
  }

  /** Notes the cell in its folder, and has its job made unless it is there. */
  async function begin({
    id,
    mark,
    cell,
    job,
    signal,
    meter,
    before,
  }: Pick<CellUnderWay, 'id' | 'mark' | 'cell' | 'job' | 'signal' | 'meter'> & {
    readonly before: ClusterCellRecord | null;
  }) {
    const { folder, recipe, keepSteps = [] } = job;
    signal?.throwIfAborted();
    // One that was begun is there, and its files need not be made to find it.
    const prepared = before === null || before.mark !== mark ? await prepareCell(model, job, settings) : null;
    await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
      throw writeFailure(folder, cause);
    });
    const record: ClusterCellRecord = {
      ...{ v: 1, mark, job: id, address: ray.address, storage: settings.storage, state: 'begun' },
      ...{ steps: prepared?.steps ?? before?.steps ?? 0, kept: [...keepSteps] },
      ...(recipe.method === 'full' ? { weights: `${settings.storage}/${wholeModelFolder({ cell, step: null })}` } : {}),
    };
    // Steps of another fine-tune are not those of this one.
    if (before?.mark !== mark) await rm(join(folder, logFile), { force: true });
    // A thousand cells that are found again are not written again: each time waits for the disk.
    if (canonicalJson(before) !== canonicalJson(record)) await writeClusterCell(folder, record);
    const first = () => submit({ id, mark, cell, job, signal, meter, renews: false }, prepared);
    return { record, made: await cluster.patientlyOnceReached(first, signal) };
  }

  interface EndedCell {
    readonly record: ClusterCellRecord;
    readonly opened: StepLog;
    readonly done: DoneCell;
  }

  interface CellUnderWay {
    readonly id: string;
    readonly mark: string;
    readonly cell: string;
    readonly made: SubmittedJob;
    readonly log: StepLog;
    readonly job: TrainingJob;
    readonly signal: AbortSignal | undefined;
    readonly meter: GpuMeter | null;
    /** Told what its job is called from now on. */
    readonly onRenamed: (id: string) => Promise<void>;
  }

  /** Has the job made, and made again where it ends without a word, until the cell is done or says why it will never be. */
  async function followCell(underWay: CellUnderWay): Promise<DoneCell> {
    const { mark, cell, log, job, signal, meter, onRenamed } = underWay;
    const paidAs = trainJobId(cell);
    let { id, made } = underWay;
    const work: FaultyWork = {
      ...{ job: id, address: ray.address, recipe: job.recipe, model: model.text },
      ...{ storage: settings.storage, python: settings.python },
    };
    const stopping = signal === undefined ? {} : { signal };
    let stalledAt: number | null = null;
    /** A cell that stalls is begun once more, from its last checkpoint, until it stalls without having come further. */
    const endStall = async (message: string): Promise<void> => {
      const step = await cluster.patiently(async () => {
        const wayBack = await cluster.wayBack(signal);
        const bytes = await wayBack.read(`cells/${cell}/out/${logFile}`, { purpose: 'done', signal });
        return readSteps(bytes ?? new Uint8Array()).at(-1)?.step ?? 0;
      }, signal);
      if (stalledAt !== null && step <= stalledAt) throw explainJobFault({ kind: 'stalled', message }, work);
      stalledAt = step;
      onNotice(`${id}: ${message}; it is begun once more`);
    };
    if (made.how === 'found') onNotice(`the cluster has ${id} already, and it is not made again`);
    let isFirst = true;
    // Ends without a word, and words of an end without a result.
    const ends = { fruitless: 0, empty: 0 };
    let number = readTrainJob(id)?.number ?? 0;
    for (;;) {
      const name = id;
      if (!isFirst) {
        const again = () => submit({ id: name, mark, cell, job, signal, meter, renews: true }, null);
        made = await handOver(() => cluster.patiently(again, signal));
      }
      isFirst = false;
      // Attempts add up; of one that is found again, what it took until now was counted.
      const counted = meter?.counted(paidAs) ?? 0;
      const startSeconds = made.how === 'found' && counted > 0 ? 0 : cellStartSeconds;
      const began = { at: null as number | null };
      const moved = { steps: -1, has: false };
      const onMoved = async ({ count, state }: JobProgress): Promise<void> => {
        if (state !== 'running') return;
        model.noteThere();
        began.at ??= cluster.clock.now() - 1000 * startSeconds;
        if (meter !== null && meter.counted(paidAs) !== null)
          meter.note(paidAs, counted + ((cluster.clock.now() - began.at) / 1000) * settings.gpus_per_cell);
        moved.has ||= moved.steps !== -1 && count > moved.steps;
        moved.steps = count;
        const lines = count - log.told();
        if (lines <= 0) return;
        const wayBack = await cluster.wayBack(signal);
        // Some more than are new: the cell goes on while its log is read.
        const options = { purpose: 'logs', signal, lines: lines + 10 } as const;
        await log.tell(await wayBack.read(`cells/${cell}/out/${logFile}`, options));
      };
      const ended = await watcher.follow({
        ...{ kind: 'train', name: cell, job: name, onMoved, quietAfter: quietAfter(cluster), ...stopping },
      });
      let { status } = ended;
      if (status === 'QUIET') {
        const hangs = await cluster.patiently(
          async () => isPlaced(await cluster.wayBack(signal), `cells/${cell}`, signal),
          signal,
        );
        if (!hangs) continue;
        await cluster.patiently(() => stopStalled(ray, name, cluster.clock, signal ?? never), signal);
        await endStall(`its node said nothing for ${formatDuration(quietAfter(cluster))}`);
        continue;
      }
      const readLeft = (how: string | null) =>
        cluster.patiently(() => readEnd({ id: name, cell, mark, status: how, signal }), signal);
      let left = await readLeft(status);
      if (left.done === null && status === 'DONE') {
        // It says that it is done and has left nothing: a storage that somebody emptied. The word stands until the job that was made anew begins.
        ends.empty += 1;
        await waitFor(cluster.clock, cluster.pace.jobs, signal ?? never);
        // One that has failed meanwhile has said more than that.
        const there = await cluster.patiently(() => ray.find(name, signal), signal);
        if (there?.status === 'FAILED') left = await readLeft((status = 'FAILED'));
      }
      if (left.done !== null) return left.done;
      const { failed, fault } = left;
      if (fault !== null) {
        const told = parseFault(fault);
        if (told.kind !== 'stalled') throw explainJobFault(told, work);
        await endStall(told.message);
        continue;
      }
      if (failed !== null && isNameTaken(failed) && number < mostTakenNames) {
        number += 1;
        id = trainJobId(cell, number);
        await onRenamed(id);
        continue;
      }
      // So that Ray has done with it before its name is used anew.
      if (status === 'FAILED') await waitFor(cluster.clock, cluster.pace.few, signal ?? never);
      if (status !== 'DONE') ends.fruitless = moved.has ? 0 : ends.fruitless + 1;
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

  function submit(
    {
      id,
      mark,
      cell,
      job,
      signal,
      meter,
      renews,
    }: Pick<CellUnderWay, 'id' | 'mark' | 'cell' | 'job' | 'signal' | 'meter'> & { readonly renews: boolean },
    /** Made when they are needed, and held no longer: a thousand cells have a thousand initial adapters. */
    prepared: PreparedCell | null,
  ) {
    const { gpus_per_cell: gpus, stalled_after: minutes, resources } = settings;
    return cluster.submit(
      {
        ...{ kind: 'train', id, mark, metadata: { cell } },
        keys: { cell, gpus, resources, stalled_after: Math.round(minutes * 60) },
        deliver: async () => {
          // Only one that is not there is asked for its files: one that is belongs to whoever had it made. Before, so that it is counted by whoever is
          // killed in between.
          await meter?.open(trainJobId(cell));
          const { files } = prepared ?? (await prepareCell(model, job, settings));
          return new Map([...(await model.readFiles()), ...files]);
        },
        // What one that succeeded left is looked for first.
        onEnded: renews ? 'renew' : 'keep',
      },
      signal,
    );
  }

  /** Whole models of another storage are not here. */
  function hasFinished({ state, mark, weights, storage }: ClusterCellRecord, wanted: string): boolean {
    return state === 'finished' && mark === wanted && (weights === undefined || storage === settings.storage);
  }

  async function findFinished(job: TrainingJob): Promise<TrainingResult | null> {
    const record = await readClusterCell(job.folder);
    return record !== null && hasFinished(record, markTraining(model, job)) ? describeResult(job.folder, record) : null;
  }

  return {
    countSteps: (rows, recipe) => countSteps(recipe, rows),
    train: async (job, options = {}) => {
      const finished = await findFinished(job);
      if (finished !== null) {
        await learnFrom(job);
        return finished;
      }
      const cell = cellHash(markTraining(model, job));
      onUnderWay(1, cell);
      try {
        return await enter(() => train(job, options));
      } finally {
        onUnderWay(-1, cell);
      }
    },
  };
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

function describeResult(folder: string, { mark, steps, kept, weights }: ClusterCellRecord): TrainingResult {
  const stateOf = (step: number | null): TunedModel => {
    if (weights !== undefined) return { kind: 'named', model: formatWholeModel({ cell: cellHash(mark), step }) };
    return {
      ...{ kind: 'adapter' },
      folder: step === null ? folder : join(folder, 'checkpoints', `step-${String(step)}`),
    };
  };
  return { model: stateOf(null), kept: new Map(kept.map((step) => [step, stateOf(step)])), steps };
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
