import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeProblems } from '../../../foundation/explain-issue.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { writeFailure } from '../../../foundation/file-failure.js';
import { writeFileAtomically } from '../../../foundation/write-file-atomically.js';

const text = z.string().nullish().catch(null);
const count = z.int().nonnegative().nullish().catch(null);

/** Only what is used: services differ in the rest. */
const batchSchema = z.object({
  id: z.string().min(1),
  status: z.string(),
  input_file_id: text,
  output_file_id: text,
  error_file_id: text,
  metadata: z.record(z.string(), z.unknown()).nullish().catch(null),
  request_counts: z.object({ total: count, completed: count, failed: count }).nullish().catch(null),
  errors: z
    .object({ data: z.array(z.object({ code: text, message: text })) })
    .nullish()
    .catch(null),
});

export type HostedBatch = z.output<typeof batchSchema>;

/** A batch as a service tells of it. */
export function readHostedBatch(value: unknown): HostedBatch {
  const parsed = batchSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DriftlineError({
    code: 'provider-unavailable',
    message: `the server's answer is no batch: ${describeProblems(parsed.error)}`,
    hint: 'Leave batches out: answers are then asked for by single calls.',
  });
}

/** Whether nothing more will come of a batch. A status that nobody knows is one of a batch that goes on. */
export function isBatchOver({ status }: HostedBatch): boolean {
  return /^(completed?|finished|failed|error|expired|cancell?ed)$/i.test(status);
}

/** Whether the service would not take it: there are no results. */
export function isRejected({ status }: HostedBatch): boolean {
  return /^(failed|error)$/i.test(status);
}

/** Requests that are done with, whatever came of them. */
export function countDone({ request_counts: counts }: HostedBatch): number {
  return (counts?.completed ?? 0) + (counts?.failed ?? 0);
}

/** What the service says of a batch that it would not take; null where it says nothing. */
export function describeErrors({ errors }: HostedBatch): string | null {
  const said = (errors?.data ?? []).flatMap(({ code, message }) => message ?? code ?? []);
  if (said.length === 0) return null;
  const more = said.length > 3 ? `; and ${String(said.length - 3)} more` : '';
  return `${said.slice(0, 3).join('; ').slice(0, 500)}${more}`;
}

const recordSchema = z.object({
  /** Hash of its requests: what it bears at the service. */
  mark: z.string(),
  endpoint: z.string(),
  model: z.string(),
  /** The uploaded requests; null while it is not known whether they are there. */
  file: z.string().nullable(),
  /** Null while it is not known whether it was made. */
  batch: z.string().nullable(),
  /** Ids of its requests. */
  requests: z.array(z.string()),
});

/** What a run folder knows of a batch: written before it is made, and again when it is there. */
export type HostedBatchRecord = z.output<typeof recordSchema>;

export interface StoredBatchRecord {
  readonly file: string;
  readonly record: HostedBatchRecord;
}

const nameOf = (mark: string, attempt: number): string => `${mark.slice(0, 16)}-${String(attempt)}.json`;

/** All of a folder, in an order of their own; what is not ours is left out. */
export async function readBatchRecords(folder: string): Promise<StoredBatchRecord[]> {
  const names = await readdir(folder).catch(() => []);
  const records: StoredBatchRecord[] = [];
  for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
    const file = join(folder, name);
    try {
      records.push({ file, record: recordSchema.parse(JSON.parse(await readFile(file, 'utf8'))) });
    } catch {
      // Whoever edited it wants it forgotten; the batch is looked for at the service then.
    }
  }
  return records;
}

/** The place of another record with this mark. */
export async function locateBatchRecord(folder: string, mark: string): Promise<string> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const names = new Set(await readdir(folder));
  let attempt = 1;
  while (names.has(nameOf(mark, attempt))) attempt += 1;
  return join(folder, nameOf(mark, attempt));
}

export async function writeBatchRecord({ file, record }: StoredBatchRecord): Promise<void> {
  await writeFileAtomically(file, `${JSON.stringify(record)}\n`);
}

export async function removeBatchRecord({ file }: StoredBatchRecord): Promise<void> {
  await rm(file, { force: true });
}
