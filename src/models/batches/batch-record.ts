import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFailure } from '../../foundation/write-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';

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
export type BatchRecord = z.output<typeof recordSchema>;

export interface StoredBatchRecord {
  readonly file: string;
  readonly record: BatchRecord;
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
