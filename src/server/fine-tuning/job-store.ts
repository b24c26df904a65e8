import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openJsonLinesWriter } from '../../foundation/append-json-lines.js';
import { readJsonLines } from '../../foundation/read-json-lines.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { notFound } from '../http/protocol-error.js';
import { readServerRecord } from '../read-record.js';
import { secondsOf, type ServerContext } from '../server-context.js';
import { jobEventSchema, jobRecordSchema, type FineTuningJob, type JobEvent, type JobRecord } from './job-record.js';

type NewEvent = Pick<JobEvent, 'message'> & Partial<Pick<JobEvent, 'level' | 'type' | 'data'>>;

type JobChanges = Partial<Omit<JobRecord, 'job'>> & { readonly job?: Partial<FineTuningJob> };

/** Fine-tuning jobs, each in a folder of its own: `job.json`, `events.jsonl`, `rows.jsonl` and what training leaves in `model/`. */
export interface JobStore {
  /** Oldest first. */
  readonly list: () => readonly JobRecord[];
  /** Throws what the client is told where there is none. */
  readonly get: (id: string) => JobRecord;
  /** Adds a job once `prepare` has put into its folder what it needs. */
  readonly add: (record: JobRecord, prepare: (rowsFile: string) => Promise<void>) => Promise<void>;
  /** Stores changes of a job, and returns it as it is then. */
  readonly change: (id: string, changes: JobChanges) => Promise<JobRecord>;
  /** The same without storing: for what is known again after a restart, or does not matter then. */
  readonly note: (id: string, changes: JobChanges) => void;
  readonly addEvent: (id: string, event: NewEvent) => Promise<void>;
  /** Oldest first. */
  readonly readEvents: (id: string) => Promise<readonly JobEvent[]>;
  readonly rowsFile: (id: string) => string;
  readonly modelFolder: (id: string) => string;
}

export async function openJobStore(folder: string, context: Pick<ServerContext, 'now' | 'makeId'>): Promise<JobStore> {
  await mkdir(folder, { recursive: true });
  const records = new Map<string, JobRecord>();
  for (const name of await readdir(folder)) {
    // A folder without a record: the server was killed before the client heard of the job.
    const record = await readServerRecord(join(folder, name, 'job.json'), jobRecordSchema).catch(
      async (error: unknown) => {
        if ((await readdir(join(folder, name))).includes('job.json')) throw error;
        await rm(join(folder, name), { recursive: true });
        return null;
      },
    );
    if (record !== null) records.set(record.job.id, record);
  }
  const placeOf = (id: string, ...path: string[]): string => join(folder, id, ...path);
  /** Writes come one after the other: a later state is never replaced by an earlier one. */
  let lastWrite: Promise<void> = Promise.resolve();

  function get(id: string): JobRecord {
    const record = records.get(id);
    if (record === undefined)
      throw notFound(`There is no fine-tuning job ${JSON.stringify(id.slice(0, 100))}`, 'fine_tuning_job_id');
    return record;
  }

  function changed(id: string, { job, ...changes }: JobChanges): JobRecord {
    const before = get(id);
    return { ...before, ...changes, job: { ...before.job, ...job } };
  }

  async function store(record: JobRecord): Promise<void> {
    records.set(record.job.id, record);
    const written = lastWrite.then(() =>
      writeFileAtomically(placeOf(record.job.id, 'job.json'), `${JSON.stringify(record, null, 2)}\n`),
    );
    // A failure reaches whoever awaits `written`.
    lastWrite = written.catch(() => undefined);
    await written;
  }

  return {
    list: () => [...records.values()].sort((left, right) => left.job.created_at - right.job.created_at),
    get,
    add: async (record, prepare) => {
      await mkdir(placeOf(record.job.id));
      await prepare(placeOf(record.job.id, 'rows.jsonl'));
      await store(record);
    },
    change: async (id, changes) => {
      const after = changed(id, changes);
      await store(after);
      return after;
    },
    note: (id, changes) => {
      records.set(id, changed(id, changes));
    },
    addEvent: async (id, event) => {
      const writer = await openJsonLinesWriter(placeOf(id, 'events.jsonl'));
      try {
        await writer.append({
          id: context.makeId('ftevent-'),
          object: 'fine_tuning.job.event',
          created_at: secondsOf(context),
          level: 'info',
          type: 'message',
          data: null,
          ...event,
        } satisfies JobEvent);
      } finally {
        await writer.close();
      }
    },
    readEvents: async (id) => {
      get(id);
      const events: JobEvent[] = [];
      for await (const { value } of readJsonLines(placeOf(id, 'events.jsonl'), { halfWrittenEnd: 'skip' }))
        events.push(jobEventSchema.parse(value));
      return events;
    },
    rowsFile: (id) => placeOf(id, 'rows.jsonl'),
    modelFolder: (id) => placeOf(id, 'model'),
  };
}
