import { readTrainingSet } from '../../data/read-training-set.js';
import { countSteps } from '../../engine/train/plan-training.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { identifyModelFolder } from '../../models/embedded/identify-model-folder.js';
import type { TrainingProgress } from '../../models/trainer.js';
import type { FileStore } from '../files/file-store.js';
import { badRequest } from '../http/protocol-error.js';
import { secondsOf, type ServerContext } from '../server-context.js';
import { isFinished, type JobRecord } from './job-record.js';
import type { JobStore } from './job-store.js';
import { readTrainingResult } from './training-result.js';
import { trainOnThread } from './train-on-thread.js';

/** Does the jobs of a store, one at a time, in the order in which they came. */
export interface JobRunner {
  /** Tells it that there may be something to do. */
  readonly wake: () => void;
  readonly cancel: (id: string) => Promise<JobRecord>;
  /** Saves the job in progress; it continues after the next start. */
  readonly close: () => Promise<void>;
}

interface JobRunnerSettings {
  readonly context: ServerContext;
  readonly jobs: JobStore;
  readonly files: FileStore;
  readonly threads: number;
}

/** Most metrics events of one job. */
const mostMetrics = 200;

export function startJobRunner({ context, jobs, files, threads }: JobRunnerSettings): JobRunner {
  const closing = new AbortController();
  const isClosing = (): boolean => closing.signal.aborted;
  let current: { readonly id: string; readonly cancel: AbortController } | null = null;
  /** The job whose training is done, and whose result is being stored. */
  let completing: string | null = null;
  let telling: Promise<unknown> = Promise.resolve();
  const validating = new Set<string>();
  let validation: Promise<void> = Promise.resolve();
  let work: Promise<void> | null = null;
  let isAwaited = false;

  async function finish(id: string, job: Partial<JobRecord['job']>): Promise<void> {
    await jobs.change(id, { job: { ...job, finished_at: secondsOf(context), estimated_finish: null } });
  }

  async function fail(id: string, error: unknown, param: string | null): Promise<void> {
    const [code, message] = DriftlineError.isInstance(error)
      ? [error.code, `${error.message.replace(/\.$/, '')}. ${error.hint}`]
      : ['internal-error', error instanceof Error ? error.message : String(error)];
    // Clients need not know where the server keeps its files.
    const told = message.replaceAll(jobs.rowsFile(id), 'the training file').replaceAll(jobs.modelFolder(id), 'the job');
    await jobs.addEvent(id, { level: 'error', message: `The job failed: ${told}` });
    await finish(id, { status: 'failed', error: { code, message: told, param } });
    context.onNotice(`${id} failed: ${message}`);
  }

  /** Reads the rows of a job that has just come, so that what is wrong with them is told before its turn. */
  async function validate({ id, training_file: file }: JobRecord['job']): Promise<void> {
    await jobs.addEvent(id, { message: `Validating training file: ${file}` });
    try {
      await readTrainingSet(jobs.rowsFile(id), { name: id });
    } catch (error) {
      await fail(id, error, 'training_file');
      return;
    }
    if (jobs.get(id).job.status !== 'validating_files') return;
    await jobs.addEvent(id, { message: 'Files validated, moving job to queued state' });
    await jobs.change(id, { job: { status: 'queued' } });
  }

  async function run(record: JobRecord, signal: AbortSignal): Promise<void> {
    const { id } = record.job;
    const model = context.registry.get(record.job.model);
    const { rows } = await readTrainingSet(jobs.rowsFile(id), { name: id });
    const steps = countSteps(record.recipe, rows.length);
    const wanted = record.askedSteps ?? lastEpochEnds(record.recipe, rows.length);
    const keptSteps = [...new Set(wanted.map((step) => Math.min(step, steps)))];
    const toldBefore = await lastToldStep(id);
    await jobs.change(id, { steps, keptSteps, job: { status: 'running' } });
    const begun = toldBefore > 0 ? `Fine-tuning goes on after step ${toldBefore}` : 'Fine-tuning job started';
    await jobs.addEvent(id, { message: begun });
    context.onNotice(`${id}: ${begun} (${rows.length} rows, ${steps} steps)`);
    await trainOnThread(
      {
        model: model.folder,
        modelHash: await identifyModelFolder(model.folder),
        threads,
        rows,
        recipe: record.recipe,
        folder: jobs.modelFolder(id),
        keepSteps: keptSteps,
      },
      signal,
      tellSteps(id, { steps, keptSteps, toldBefore }),
    ).finally(() => telling);
    await telling;
    signal.throwIfAborted();
    completing = id;
    const { csv, tokens } = await readTrainingResult(jobs.modelFolder(id));
    await files.create(`${id}-results.csv`, 'fine-tune-results', csv, record.resultFile);
    await jobs.addEvent(id, { message: `New fine-tuned model created: ${record.resultName}` });
    await jobs.addEvent(id, { message: 'The job has successfully completed' });
    await finish(id, {
      status: 'succeeded',
      fine_tuned_model: record.resultName,
      result_files: [record.resultFile],
      trained_tokens: tokens,
    });
    context.onNotice(`${id}: ${record.resultName} is ready`);
  }

  /** After a kill, steps since the last saved state are done again, but give no second event. */
  async function lastToldStep(id: string): Promise<number> {
    const steps = (await jobs.readEvents(id)).map(({ data }) => data?.['step']);
    return Math.max(0, ...steps.filter((step) => typeof step === 'number'));
  }

  function tellSteps(
    id: string,
    {
      steps,
      keptSteps,
      toldBefore,
    }: { readonly steps: number; readonly keptSteps: readonly number[]; readonly toldBefore: number },
  ): (progress: TrainingProgress) => void {
    const everySteps = Math.max(1, Math.ceil(steps / mostMetrics));
    return ({ step, loss, millisecondsLeft }) => {
      const isKept = keptSteps.includes(step);
      if (step <= toldBefore || !(isKept || step % everySteps === 0 || step === steps)) return;
      const finishAt = secondsOf(context) + Math.round(millisecondsLeft / 1000);
      telling = telling.then(async () => {
        await jobs.addEvent(id, {
          message: `Step ${step}/${steps}: training loss=${loss.toFixed(4)}`,
          type: 'metrics',
          data: { step, total_steps: steps, train_loss: loss },
        });
        if (isKept) await jobs.addEvent(id, { message: `Checkpoint created at step ${step}` });
        if (isKept) await jobs.change(id, { stepsDone: step });
        jobs.note(id, { job: { estimated_finish: finishAt } });
      });
      // A failure reaches whoever awaits `telling`.
      telling.catch(() => undefined);
    };
  }

  async function workThrough(): Promise<void> {
    for (;;) {
      const next = jobs.list().find(isReady);
      if (next === undefined || closing.signal.aborted) return;
      const { id } = next.job;
      const cancel = new AbortController();
      current = { id, cancel };
      telling = Promise.resolve();
      try {
        await run(next, AbortSignal.any([closing.signal, cancel.signal]));
      } catch (error) {
        // A cancelled job is marked already; one that was stopped with the server continues after the next start.
        if (isClosing()) return;
        if (!cancel.signal.aborted) await fail(id, error, null);
      } finally {
        current = null;
        completing = null;
      }
    }
  }

  /** Jobs of models that are not served this time wait for one in which they are. */
  function isReady({ job }: JobRecord): boolean {
    return (job.status === 'queued' || job.status === 'running') && context.registry.find(job.model) !== null;
  }

  function wake(): void {
    for (const { job } of jobs.list()) {
      if (job.status !== 'validating_files' || validating.has(job.id)) continue;
      validating.add(job.id);
      validation = validation
        .then(() => validate(job))
        .catch((error: unknown) => {
          context.onNotice(`${job.id} was not validated: ${error instanceof Error ? error.message : String(error)}`);
        })
        .then(wakeTraining);
    }
    wakeTraining();
  }

  function wakeTraining(): void {
    isAwaited = true;
    work ??= (async () => {
      while (isAwaited && !closing.signal.aborted) {
        isAwaited = false;
        await workThrough().catch((error: unknown) => {
          context.onNotice(`fine-tuning stopped: ${error instanceof Error ? error.message : String(error)}`);
        });
      }
      work = null;
    })();
  }

  return {
    wake,
    cancel: async (id) => {
      const { job } = jobs.get(id);
      if (isFinished(job) || completing === id) {
        const state = completing === id ? 'has been trained' : `is ${job.status}`;
        throw badRequest(`${id} ${state} already`, 'fine_tuning_job_id');
      }
      if (current?.id === id) current.cancel.abort();
      await jobs.addEvent(id, { message: 'The job was cancelled' });
      await finish(id, { status: 'cancelled' });
      context.onNotice(`${id} was cancelled`);
      return jobs.get(id);
    },
    close: async () => {
      closing.abort();
      await validation;
      await work;
    },
  };
}

/** The last steps of the last three epochs. */
function lastEpochEnds({ epochs, batch_size: batch, accumulation }: Recipe, rows: number): number[] {
  const stepsPerEpoch = Math.ceil(rows / (batch * accumulation));
  const last = Math.ceil(epochs);
  return [last - 2, last - 1, last].filter((epoch) => epoch >= 1).map((epoch) => epoch * stepsPerEpoch);
}
