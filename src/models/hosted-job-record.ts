import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';

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
export async function readHostedJobRecord(folder: string): Promise<HostedJobRecord | null> {
  const text = await readFile(join(folder, recordFile), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export async function writeHostedJobRecord(folder: string, record: HostedJobRecord): Promise<void> {
  await writeFileAtomically(join(folder, recordFile), `${JSON.stringify(record, null, 2)}\n`);
}
