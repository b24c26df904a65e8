import type { limitConcurrency } from '../../foundation/limit-concurrency.js';
import type { GpuMeter } from '../gpu-meter.js';
import type { TrainingJob } from '../trainer.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { logFile, readDone, type DoneCell } from './collect-result.js';
import { cellStartSeconds } from './estimate-cluster.js';
import { followRenewedJob, type JobSight } from './follow-renewed-job.js';
import { readTrainJob, trainJobId } from './job-ids.js';
import { lastStepOf, type StepLog } from './open-step-log.js';
import { prepareCell, type PreparedCell } from './prepare-cell.js';
import type { SubmittedJob } from './submit-job.js';

/** A fine-tune that a job makes. */
export interface CellUnderWay {
  /** Its job, as it is called now. */
  readonly id: string;
  readonly mark: string;
  readonly cell: string;
  readonly job: TrainingJob;
  readonly signal: AbortSignal | undefined;
  readonly meter: GpuMeter | null;
}

/** Has the job of a cell made, unless it is there. */
export function submitCell(
  { cluster, model }: { readonly cluster: ClusterRun; readonly model: ClusterModel },
  { id, mark, cell, job, signal, meter }: CellUnderWay,
  {
    renews,
    prepared,
  }: {
    /** Whether one that has succeeded is made anew; what it left is looked for first. */
    readonly renews: boolean;
    /** Null where its files are made when they are needed, and held no longer: a thousand cells have a thousand initial adapters. */
    readonly prepared: PreparedCell | null;
  },
): Promise<SubmittedJob> {
  const { settings } = cluster;
  const { gpus_per_cell: gpus, stalled_after: minutes, resources } = settings;
  return cluster.submit(
    {
      ...{ kind: 'train', id, mark, metadata: { cell } },
      keys: { cell, gpus, resources, stalled_after: Math.round(minutes * 60) },
      deliver: async () => {
        // Only one that is not there is asked for its files: one that is belongs to whoever had it made. Before, so
        // that it is counted by whoever is killed in between.
        await meter?.open(trainJobId(cell));
        const { files } = prepared ?? (await prepareCell(model, job, settings));
        return new Map([...(await model.readFiles()), ...files]);
      },
      onEnded: renews ? 'renew' : 'keep',
    },
    signal,
  );
}

/** Follows the job of a cell, whatever becomes of it, until the cell is done or says why it will never be. */
export async function followCell(
  { cluster, model }: { readonly cluster: ClusterRun; readonly model: ClusterModel },
  underWay: CellUnderWay,
  {
    made,
    log,
    handOver,
    onRenamed,
  }: {
    readonly made: SubmittedJob;
    readonly log: StepLog;
    /** Limits how many cells are packed at a time. */
    readonly handOver: ReturnType<typeof limitConcurrency>;
    readonly onRenamed: (id: string) => Promise<void>;
  },
): Promise<DoneCell> {
  const { settings, ray, clock, onNotice } = cluster;
  const { id: first, mark, cell, job, signal, meter } = underWay;
  const paidAs = trainJobId(cell);
  const readLog = async (how: { readonly purpose: 'logs' | 'done'; readonly lines?: number }) =>
    (await cluster.wayBack(signal)).read(`cells/${cell}/out/${logFile}`, { ...how, signal });

  function look({ how }: SubmittedJob): JobSight {
    // Attempts add up; of one that is found again, what it took until now was counted.
    const counted = meter?.counted(paidAs) ?? 0;
    const startSeconds = how === 'found' && counted > 0 ? 0 : cellStartSeconds;
    let began: number | null = null;
    let steps = -1;
    let hasMoved = false;
    return {
      hasMoved: () => hasMoved,
      onMoved: async ({ count, state }) => {
        if (state !== 'running') return;
        model.noteThere();
        began ??= clock.now() - 1000 * startSeconds;
        if (meter !== null && meter.counted(paidAs) !== null)
          meter.note(paidAs, counted + ((clock.now() - began) / 1000) * settings.gpus_per_cell);
        hasMoved ||= steps !== -1 && count > steps;
        steps = count;
        const lines = count - log.told();
        if (lines <= 0) return;
        // Some more than are new: the cell goes on while its log is read.
        await log.tell(await readLog({ purpose: 'logs', lines: lines + 10 }));
      },
    };
  }

  if (made.how === 'found') onNotice(`the cluster has ${first} already, and it is not made again`);
  return followRenewedJob(cluster, {
    ...{ kind: 'train', name: cell, signal, look, onRenamed },
    ...{ home: `cells/${cell}`, faultFile: `cells/${cell}/out/fault.json` },
    ...{ idOf: (number) => trainJobId(cell, number), number: readTrainJob(first)?.number ?? 0 },
    submit: async (id, isFirst) => {
      if (isFirst) return made;
      const again = () => submitCell({ cluster, model }, { ...underWay, id }, { renews: true, prepared: null });
      return handOver(() => cluster.patiently(again, signal));
    },
    readResult: async () => readDone(await cluster.wayBack(signal), cell, mark, signal),
    // From its last checkpoint: the log begins there again.
    measure: async () => lastStepOf((await readLog({ purpose: 'done' })) ?? new Uint8Array()),
    describe: (id) => ({
      ...{ job: id, address: ray.address, recipe: job.recipe, model: model.text },
      ...{ storage: settings.storage, python: settings.python },
    }),
  });
}
