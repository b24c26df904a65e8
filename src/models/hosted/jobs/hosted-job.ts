import { join } from 'node:path';
import { z } from 'zod';
import { describeProblems } from '../../../foundation/explain-issue.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { writeFileAtomically } from '../../../foundation/write-file-atomically.js';
import { readOwnJson } from '../../../foundation/read-own-json.js';

/** Only what is used: services differ in the rest, and have statuses of their own. */
const jobSchema = z.object({
  id: z.string().min(1),
  status: z.string(),
  fine_tuned_model: z.string().nullish(),
  user_provided_suffix: z.string().nullish(),
  trained_tokens: z.number().nonnegative().nullish().catch(null),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  error: z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
});

export type HostedJob = z.output<typeof jobSchema>;

/** A fine-tuning job as a service tells of it. */
export function readHostedJob(value: unknown): HostedJob {
  const parsed = jobSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DriftlineError({
    code: 'provider-unavailable',
    message: `the server's answer is no fine-tuning job: ${describeProblems(parsed.error)}`,
    hint: 'Check that its address (OPENAI_BASE_URL) is that of a server that fine-tunes as OpenAI does, with /v1 at its end.',
  });
}

const fileSchema = z.object({ id: z.string().min(1) });

/** The id of a file that was uploaded. */
export function readHostedFile(value: unknown): string {
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data.id;
  throw new DriftlineError({
    code: 'provider-unavailable',
    message: `the server did not say what it calls the file that was uploaded: ${describeProblems(parsed.error)}`,
    hint: 'Check that its address (OPENAI_BASE_URL) is that of a server that fine-tunes as OpenAI does, with /v1 at its end.',
  });
}

/** What has come of a job. A status that nobody knows is one of a job that goes on. */
export function stateOfJob({ status }: HostedJob): 'unfinished' | 'succeeded' | 'failed' {
  const word = status.toLowerCase();
  if (/^(succeeded|success|completed?|finished)$/.test(word)) return 'succeeded';
  return /^(failed|error|expired|cancell?ed|cancelling|user_error|deleted)$/.test(word) ? 'failed' : 'unfinished';
}

const eventSchema = z.object({
  id: z.string(),
  created_at: z.number().nullish(),
  data: z
    .object({ step: z.int().positive(), train_loss: z.number(), total_steps: z.int().positive().nullish() })
    .nullish()
    .catch(null),
});

/** A step of a job that its events tell of. */
export interface HostedStep {
  readonly step: number;
  readonly loss: number;
  /** Of the whole job; null where the service does not say. */
  readonly steps: number | null;
  /** Seconds since 1970; null where the service does not say. */
  readonly at: number | null;
}

/** The id of an event, and the step that it tells of: null where it tells of something else. */
export function readHostedEvent(value: unknown): { readonly id: string; readonly told: HostedStep | null } | null {
  const parsed = eventSchema.safeParse(value);
  if (!parsed.success) return null;
  const { id, created_at: at, data } = parsed.data;
  if (data === null || data === undefined) return { id, told: null };
  return { id, told: { step: data.step, loss: data.train_loss, steps: data.total_steps ?? null, at: at ?? null } };
}

const checkpointSchema = z.object({ step_number: z.int(), fine_tuned_model_checkpoint: z.string().min(1) });

/** The step and the name of a kept model; null where it is none. */
export function readHostedCheckpoint(value: unknown): { readonly step: number; readonly model: string } | null {
  const parsed = checkpointSchema.safeParse(value);
  return parsed.success ? { step: parsed.data.step_number, model: parsed.data.fine_tuned_model_checkpoint } : null;
}

const recordSchema = z.object({
  /** Of the model that is made: its base, its rows and its recipe. */
  identity: z.string(),
  /** The same with the steps whose models are kept: the mark that the job bears at the service. */
  mark: z.string(),
  host: z.string(),
  /** Null while it is not known whether the job was made. */
  job: z.string().nullable(),
  state: z.enum(['begun', 'succeeded', 'failed']),
  /** The model that came out of it. */
  model: z.string().optional(),
  kept: z.array(z.object({ step: z.int(), model: z.string() })).default([]),
  steps: z.int().optional(),
});

/** What a training folder knows of its job at a service. */
export type HostedJobRecord = z.output<typeof recordSchema>;

const recordFile = 'hosted-job.json';

/** Null where there is none, or what is there is not ours: the job is looked for at the service then. */
export function readHostedJobRecord(folder: string): Promise<HostedJobRecord | null> {
  return readOwnJson(join(folder, recordFile), recordSchema);
}

export async function writeHostedJobRecord(folder: string, record: HostedJobRecord): Promise<void> {
  await writeFileAtomically(join(folder, recordFile), `${JSON.stringify(record, null, 2)}\n`);
}
