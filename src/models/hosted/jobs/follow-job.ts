import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { readJsonLines } from '../../../foundation/read-json-lines.js';
import type { HostedClient } from '../client/hosted-client.js';
import { readHostedEvent, readHostedJob, stateOfJob, type HostedJob, type HostedStep } from './hosted-job.js';
import { listItems, sendCall } from '../traffic/send-call.js';
import type { TrainingProgress } from '../../trainer.js';

/** The steps that a job has told of, in its folder. */
export const trainingLog = 'training.jsonl';

interface FollowJobSettings {
  /** Of the whole job, where the service does not say. */
  readonly steps: number;
  /** Steps up to this one have been told of. */
  readonly after: number;
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** Milliseconds between two looks at a job: the less there is to see, the longer. */
const pause = { least: 200, most: 10_000 };

/** Follows a job to its end, and tells of its steps in their order, each once. */
export async function followJob(
  { client, traffic }: HostedClient,
  id: string,
  { steps, after, wait, signal }: FollowJobSettings,
  tell: (progress: TrainingProgress) => Promise<void>,
): Promise<HostedJob> {
  let told = after;
  let begun: HostedStep | null = null;
  let lastEvent: string | null = null;
  let milliseconds = pause.least;
  const stopping = signal === undefined ? {} : { signal };

  /** Those since the last look, oldest first; services list them newest first. */
  async function readNews(): Promise<readonly HostedStep[]> {
    const news: HostedStep[] = [];
    const ids: string[] = [];
    const events = listItems(
      traffic,
      (after) => (options) => client.fineTuning.jobs.listEvents(id, { limit: 100, ...after }, options),
      stopping,
    );
    for await (const listed of events) {
      const event = readHostedEvent(listed);
      if (event === null) continue;
      ids.push(event.id);
      if (event.id === lastEvent) break;
      if (event.told !== null) news.push(event.told);
    }
    lastEvent = ids[0] ?? lastEvent;
    return news.sort((left, right) => left.step - right.step);
  }

  for (;;) {
    signal?.throwIfAborted();
    // First the job and then its events: those of a job that has ended are all there.
    const job = readHostedJob(
      await sendCall(traffic, (options) => client.fineTuning.jobs.retrieve(id, options), stopping),
    );
    const news = await readNews();
    for (const one of news) {
      begun ??= one;
      if (one.step <= told) continue;
      told = one.step;
      const whole = one.steps ?? steps;
      await tell({ step: one.step, steps: whole, loss: one.loss, millisecondsLeft: estimateLeft(begun, one, whole) });
      signal?.throwIfAborted();
    }
    if (stateOfJob(job) !== 'unfinished') return job;
    milliseconds = news.length > 0 ? Math.max(pause.least, milliseconds / 2) : Math.min(pause.most, milliseconds * 1.5);
    await wait(milliseconds, signal);
  }
}

/** From the pace since the first step that was told of, by the service's clock; 0 where that says nothing. */
function estimateLeft(first: HostedStep, last: HostedStep, steps: number): number {
  if (first.at === null || last.at === null || last.step <= first.step) return 0;
  return Math.max(0, ((last.at - first.at) / (last.step - first.step)) * (steps - last.step) * 1000);
}

const loggedSchema = z.object({ step: z.int() });

/** The last step that was told of; 0 where there is none. */
export async function readLastStep(folder: string): Promise<number> {
  let last = 0;
  try {
    for await (const { value } of readJsonLines(join(folder, trainingLog), { halfWrittenEnd: 'skip' })) {
      const logged = loggedSchema.safeParse(value);
      if (logged.success) last = Math.max(last, logged.data.step);
    }
  } catch (cause) {
    // Without a log, or with one that is broken, steps are told of again.
    if (!DriftlineError.isInstance(cause)) throw cause;
  }
  return last;
}
