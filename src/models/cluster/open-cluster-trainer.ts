import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { countSteps } from '../../engine/train/plan-training.js';
import { canonicalJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { limitConcurrency } from '../../foundation/limit-concurrency.js';
import type { Trainer, TrainingJob, TrainingResult, TunedModel } from '../trainer.js';
import { readClusterCell, writeClusterCell, type ClusterCellRecord } from './cluster-cell.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { collectResult, logFile, readDone, type DoneCell } from './collect-result.js';
import { followCell, submitCell, type CellUnderWay } from './follow-cell.js';
import { cellHash, formatWholeModel, readTrainJob, trainJobId, wholeModelFolder } from './job-ids.js';
import { readMeasuredCell } from './measured-cell.js';
import { openStepLog, type StepLog } from './open-step-log.js';
import { markTraining, prepareCell } from './prepare-cell.js';

export interface ClusterTrainerSettings {
  readonly cluster: ClusterRun;
  readonly model: ClusterModel;
  /** Told when a fine-tune begins and ends: as long as some are under way, more will be asked. */
  readonly onUnderWay?: (change: 1 | -1, cell: string) => void;
}

/** Cells that are packed and handed over, or collected, at the same time: each may hold an adapter of a large model in memory. */
const handedAtOnce = 4;

/**
 * Fine-tunes on a cluster: a job for each cell, whose name is the hash of all that decides what comes out of it.
 * Whoever was killed or stopped in between finds it again; one that was killed itself goes on from its last checkpoint.
 */
export function openClusterTrainer({ cluster, model, onUnderWay = () => undefined }: ClusterTrainerSettings): Trainer {
  const { settings, ray, clock, onNotice } = cluster;
  let limit: Promise<ReturnType<typeof limitConcurrency>> | null = null;
  const handOver = limitConcurrency(handedAtOnce);
  const base = { cluster, model };
  const enter = async <Result>(task: () => Promise<Result>): Promise<Result> =>
    (
      await (limit ??= chooseJobsAtOnce(cluster).catch((cause: unknown) => {
        limit = null;
        throw cause;
      }))
    )(task);

  async function train(
    job: TrainingJob,
    { signal: all, onStep = () => undefined }: Parameters<Trainer['train']>[1] & object,
  ): Promise<TrainingResult> {
    // Of its own: whoever leaves a signal that a thousand fine-tunes listen to is looked for among all of them.
    const signal = all === undefined ? undefined : AbortSignal.any([all]);
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
        const underWay: CellUnderWay = { id, mark, cell, job, signal, meter };
        const begun = await handOver(() => begin(underWay, before));
        let { record } = begun;
        const opened = await openStepLog(join(folder, logFile), record.steps, { onStep, signal, clock });
        logs.open = opened;
        const onRenamed = async (name: string): Promise<void> => {
          id = name;
          record = { ...record, job: name };
          await writeClusterCell(folder, record);
        };
        const done = await followCell(base, underWay, { made: begun.made, log: opened, handOver, onRenamed });
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
  async function begin(underWay: CellUnderWay, before: ClusterCellRecord | null) {
    const { id, mark, cell, job, signal } = underWay;
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
    const first = () => submitCell(base, underWay, { renews: false, prepared });
    return { record, made: await cluster.patientlyOnceReached(first, signal) };
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

interface EndedCell {
  readonly record: ClusterCellRecord;
  readonly opened: StepLog;
  readonly done: DoneCell;
}

/** As many as there are GPUs for, and some more, so that no GPU waits for driftline. */
async function chooseJobsAtOnce({ settings, ray }: ClusterRun): Promise<ReturnType<typeof limitConcurrency>> {
  const { jobs_at_once: given, gpus_per_cell: each } = settings;
  if (given !== undefined) return limitConcurrency(given);
  const { total } = await ray.gpus();
  return limitConcurrency(each === 0 ? 4 : Math.max(1, Math.ceil((total / each) * 1.1)));
}

const never = new AbortController().signal;

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
