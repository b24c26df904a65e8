import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { countSteps } from '../../../engine/train/plan-training.js';
import { openJsonLinesWriter } from '../../../foundation/append-json-lines.js';
import { hashJson } from '../../../foundation/content-hash.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { createJob, findJob, hashRows } from './find-or-create-job.js';
import { probeFineTuning, type FineTuningService, countTrainedCharacters } from './fine-tuning-service.js';
import { followJob, readLastStep, trainingLog } from './follow-job.js';
import { createHostedClient, type HostedClient, type HostedClientSettings } from '../client/hosted-client.js';
import {
  readHostedCheckpoint,
  readHostedJob,
  stateOfJob,
  type HostedJob,
  readHostedJobRecord,
  writeHostedJobRecord,
  type HostedJobRecord,
} from './hosted-job.js';
import type { TokenCount } from '../spending/hosted-prices.js';
import type { FinishedUse, SpendingMeter } from '../spending/spending-ledger.js';
import { listItems, sendCall } from '../traffic/send-call.js';
import type { Trainer, TrainingJob, TrainingResult } from '../../trainer.js';

export interface HostedTrainerSettings extends HostedClientSettings {
  /** As the provider spells it. */
  readonly model: string;
  /** Stands for the model and who hosts it. */
  readonly identity: string;
  /** Whether a job that is stopped here is cancelled there; else it goes on, and is found again. */
  readonly cancelsJobs?: boolean;
  /** Counts what jobs cost, and keeps it within a limit. */
  readonly meter?: SpendingMeter;
  readonly onNotice?: (notice: string) => void;
  readonly wait?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

const never = new AbortController().signal;

const waitForTimer = async (milliseconds: number, signal?: AbortSignal): Promise<void> => {
  await setTimeout(milliseconds, undefined, signal === undefined ? {} : { signal });
};

/**
 * Fine-tunes by the jobs of a service of OpenAI's protocol. A job that was made is found again, whoever was killed or
 * stopped in between.
 */
export function openHostedTrainer(settings: HostedTrainerSettings): Promise<Trainer> {
  const { model, identity: base, cancelsJobs = false, onNotice = () => undefined, wait = waitForTimer } = settings;
  const { meter } = settings;
  let opened: Promise<{ readonly hosted: HostedClient; readonly service: FineTuningService }> | null = null;
  // A finished job needs neither key nor server.
  const open = (): NonNullable<typeof opened> =>
    (opened ??= Promise.resolve()
      .then(() => createHostedClient(settings))
      .then(async (hosted) => ({ hosted, service: await probeFineTuning(hosted, model) }))
      .catch((cause: unknown) => {
        opened = null;
        throw cause;
      }));

  return Promise.resolve({
    countSteps: (rows, recipe) => countSteps(recipe, rows),
    train: async (job, { signal, onStep = () => undefined } = {}) => {
      const { rows, recipe, folder, keepSteps = [], learningRateMultiplier = null } = job;
      const identity = hashJson({ base, rows: hashRows(rows), recipe, learningRateMultiplier });
      const mark = hashJson({ identity, keepSteps });
      const before = await readHostedJobRecord(folder);
      const finished = before === null ? null : resultOf(before, identity, keepSteps);
      if (finished !== null) return finished;
      if (before?.state === 'begun' && before.identity !== identity) throw otherJob(folder, before);
      const isStopped = (): boolean => signal?.aborted === true;
      if (isStopped()) throw stopped(null);

      const { hosted, service } = await open();
      const { client, host, explain } = hosted;
      let found: HostedJob | null = null;
      try {
        service.review({ rows: rows.length, recipe, keepSteps, learningRateMultiplier });
        await mkdir(folder, { recursive: true });
        const record = { identity, mark, host, job: null, state: 'begun', kept: [] } satisfies HostedJobRecord;
        found = await findAgain(hosted, before?.state === 'begun' ? before : null, mark, signal);
        const most = estimateTrainedTokens(rows, recipe);
        if (found === null) {
          const create = async (): Promise<HostedJob> => {
            // Steps of a job that failed are not those of the next one.
            await rm(join(folder, trainingLog), { force: true });
            await writeHostedJobRecord(folder, record);
            const made = await createJob(
              hosted,
              { model, mark, rows, recipe, keepSteps, learningRateMultiplier, takesRecipes: service.takesRecipes },
              wait,
              signal,
            );
            // Noted while its room is held, so that nobody else takes it; that it is saved is awaited below.
            meter?.open(made.id, { ...most, calls: 1 }).catch(() => undefined);
            return made;
          };
          found = await (meter === undefined ? create() : meter.hold(() => most, signal ?? never, create));
          onNotice(`${host} fine-tunes ${model}: job ${found.id}`);
        } else if (before?.job !== found.id) {
          onNotice(`${host} has this job already, and it is not made again: ${found.id}`);
        }
        const { id } = found;
        await writeHostedJobRecord(folder, { ...record, job: id });
        await meter?.open(id, { ...most, calls: 1 });
        const steps = countSteps(recipe, rows.length);
        const log = await openJsonLinesWriter(join(folder, trainingLog));
        const ended = await followJob(
          hosted,
          id,
          { steps, after: await readLastStep(folder), wait, ...(signal === undefined ? {} : { signal }) },
          async (progress) => {
            await log.append({ step: progress.step, loss: progress.loss });
            onStep(progress);
          },
        ).finally(() => log.close());
        // While it is being cancelled it is not known yet what it was trained on.
        if (!/^cancelling$/i.test(ended.status)) await meter?.close(id, countTrained(ended));
        if (stateOfJob(ended) === 'failed') {
          await writeHostedJobRecord(folder, { ...record, job: id, state: 'failed' });
          throw jobFailed(ended, host);
        }
        const named = ended.fine_tuned_model;
        if (typeof named !== 'string' || named === '') throw noModel(id, host);
        const kept = await findKept(hosted, id, keepSteps, signal);
        const outcome: HostedJobRecord = { ...record, job: id, state: 'succeeded', model: named, kept, steps };
        await writeHostedJobRecord(folder, outcome);
        return toResult(named, kept, steps);
      } catch (cause) {
        if (isStopped() && !isJobFailure(cause)) {
          if (found !== null && cancelsJobs) await client.fineTuning.jobs.cancel(found.id).catch(() => undefined);
          if (found !== null) onNotice(describeStopped(found.id, host, cancelsJobs));
          throw stopped(found);
        }
        throw explain(cause, model, 'fine-tuning');
      }
    },
  });
}

/** A quarter of the characters: what services charge for, as far as it can be known before. */
function estimateTrainedTokens(rows: TrainingJob['rows'], recipe: TrainingJob['recipe']): TokenCount {
  return { input: Math.ceil(countTrainedCharacters(rows, recipe) / 4), output: 0 };
}

/**
 * What a service says that it trained on. Of a job that failed it says nothing, since it asks for nothing; one that was
 * cancelled may be paid in part.
 */
function countTrained(job: HostedJob): FinishedUse {
  const { trained_tokens: tokens } = job;
  const isUnknown = typeof tokens !== 'number' && !/^(failed|error|user_error)$/i.test(job.status);
  return { input: tokens ?? 0, output: 0, calls: 1, unreported: isUnknown ? 1 : 0 };
}

async function findAgain(
  hosted: HostedClient,
  before: HostedJobRecord | null,
  mark: string,
  signal: AbortSignal | undefined,
): Promise<HostedJob | null> {
  // The one that is written down, whatever came of it: that it failed has not been told yet.
  if (before?.job !== undefined && before.job !== null && before.mark === mark)
    return findStored(hosted, before.job, signal);
  return findJob(hosted, mark, signal);
}

async function findStored({ client, traffic }: HostedClient, id: string, signal?: AbortSignal): Promise<HostedJob> {
  const stopping = signal === undefined ? {} : { signal };
  return readHostedJob(await sendCall(traffic, (options) => client.fineTuning.jobs.retrieve(id, options), stopping));
}

function resultOf(record: HostedJobRecord, identity: string, keepSteps: readonly number[]): TrainingResult | null {
  const { state, model, kept, steps } = record;
  if (state !== 'succeeded' || record.identity !== identity || model === undefined || steps === undefined) return null;
  const wanted = kept.filter(({ step }) => keepSteps.includes(step));
  return wanted.length === keepSteps.length ? toResult(model, wanted, steps) : null;
}

function toResult(model: string, kept: HostedJobRecord['kept'], steps: number): TrainingResult {
  return {
    model: { kind: 'named', model },
    kept: new Map(kept.map((one) => [one.step, { kind: 'named', model: one.model }])),
    steps,
  };
}

async function findKept(
  { client, host, traffic }: HostedClient,
  id: string,
  keepSteps: NonNullable<TrainingJob['keepSteps']>,
  signal: AbortSignal | undefined,
): Promise<HostedJobRecord['kept']> {
  if (keepSteps.length === 0) return [];
  const there = new Map<number, string>();
  const checkpoints = listItems(
    traffic,
    (after) => (options) => client.fineTuning.jobs.checkpoints.list(id, { limit: 100, ...after }, options),
    signal === undefined ? {} : { signal },
  );
  for await (const listed of checkpoints) {
    const checkpoint = readHostedCheckpoint(listed);
    if (checkpoint !== null) there.set(checkpoint.step, checkpoint.model);
  }
  return keepSteps.map((step) => {
    const model = there.get(step);
    if (model !== undefined) return { step, model };
    throw new DriftlineError({
      code: 'provider-refused',
      message: `${host} kept no model of step ${step} of ${id}, but of ${[...there.keys()].sort((left, right) => left - right).join(', ') || 'none'}`,
      hint: 'Leave dynamics out of the plan: the finished model is there, and is found again.',
      details: { job: id, step },
    });
  });
}

function jobFailed({ id, status, error }: HostedJob, host: string): DriftlineError {
  const wasCancelled = /cancel/i.test(status);
  const reason = error?.message ?? error?.code ?? null;
  return new DriftlineError({
    code: 'job-failed',
    message: `${id} at ${host} ${wasCancelled ? 'was cancelled' : 'failed'}${reason === null ? '' : `: ${reason.slice(0, 500)}`}`,
    hint: wasCancelled
      ? 'Run the same command again to have it made anew.'
      : 'Change what the service names, and run the same command again: it asks for a new job.',
    details: { job: id, host, status },
  });
}

function isJobFailure(cause: unknown): boolean {
  return DriftlineError.isInstance(cause) && cause.code === 'job-failed';
}

function noModel(id: string, host: string): DriftlineError {
  return new DriftlineError({
    code: 'provider-unavailable',
    message: `${host} says that ${id} succeeded, and names no model`,
    hint: 'Run the same command again: the job is found again.',
    details: { job: id, host },
  });
}

function describeStopped(id: string, host: string, isCancelled: boolean): string {
  return isCancelled
    ? `${id} at ${host} was cancelled`
    : `${id} goes on at ${host}; the same command finds it again. --cancel-jobs cancels jobs instead.`;
}

function stopped(job: HostedJob | null): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: job === null ? 'Training was stopped before it began' : `Training was stopped; its job is ${job.id}`,
    hint: 'Train again with the same job and folder: it is found again.',
  });
}

function otherJob(folder: string, { job, host }: HostedJobRecord): DriftlineError {
  return new DriftlineError({
    code: 'training-state-mismatch',
    message: `${folder} belongs to another fine-tune that is not finished: ${job ?? 'a job'} at ${host}`,
    hint: 'Train in another folder, or remove this one if that job is not wanted any more.',
    details: { folder, job },
  });
}
