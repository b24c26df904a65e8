import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { notFound } from '../http/protocol-error.js';
import { readServerRecord } from '../read-record.js';
import { batchRecordSchema, type Batch, type BatchRecord } from './batch-record.js';

/** Batches, each in a folder of its own: `batch.json`, `input.jsonl`, and the lines of `output.jsonl` and `errors.jsonl` as they come. */
export interface BatchStore {
  /** Oldest first. */
  readonly list: () => readonly BatchRecord[];
  /** Throws what the client is told where there is none. */
  readonly get: (id: string) => BatchRecord;
  readonly add: (record: BatchRecord, prepare: (inputFile: string) => Promise<void>) => Promise<void>;
  /** Stores changes. */
  readonly change: (id: string, changes: Partial<Batch>) => Promise<BatchRecord>;
  /** Counts without storing: after a restart they are counted anew. */
  readonly count: (id: string, counts: Batch['request_counts']) => void;
  readonly path: (id: string, name: 'input.jsonl' | 'output.jsonl' | 'errors.jsonl') => string;
}

export async function openBatchStore(folder: string): Promise<BatchStore> {
  await mkdir(folder, { recursive: true });
  const records = new Map<string, BatchRecord>();
  for (const name of await readdir(folder)) {
    const record = await readServerRecord(join(folder, name, 'batch.json'), batchRecordSchema).catch(
      async (error: unknown) => {
        if ((await readdir(join(folder, name))).includes('batch.json')) throw error;
        // The server was killed before the client heard of this batch.
        await rm(join(folder, name), { recursive: true });
        return null;
      },
    );
    if (record !== null) records.set(record.batch.id, record);
  }

  function get(id: string): BatchRecord {
    const record = records.get(id);
    if (record === undefined) throw notFound(`There is no batch ${JSON.stringify(id.slice(0, 100))}`, 'batch_id');
    return record;
  }

  let lastWrite: Promise<void> = Promise.resolve();
  async function store(record: BatchRecord): Promise<void> {
    const { id } = record.batch;
    records.set(id, record);
    const written = lastWrite.then(() =>
      writeFileAtomically(join(folder, id, 'batch.json'), `${JSON.stringify(record, null, 2)}\n`),
    );
    // A failure reaches whoever awaits `written`.
    lastWrite = written.catch(() => undefined);
    await written;
  }

  return {
    list: () => [...records.values()].sort((left, right) => left.batch.created_at - right.batch.created_at),
    get,
    add: async (record, prepare) => {
      await mkdir(join(folder, record.batch.id));
      await prepare(join(folder, record.batch.id, 'input.jsonl'));
      await store(record);
    },
    change: async (id, changes) => {
      const before = get(id);
      const after = { ...before, batch: { ...before.batch, ...changes } };
      await store(after);
      return after;
    },
    count: (id, counts) => {
      const before = get(id);
      records.set(id, { ...before, batch: { ...before.batch, request_counts: counts } });
    },
    path: (id, name) => join(folder, id, name),
  };
}
