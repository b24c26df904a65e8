import { copyFile, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { badRequest, notFound } from '../http/protocol-error.js';
import { readServerRecord } from '../read-record.js';
import { secondsOf, type ServerContext } from '../server-context.js';

/** What clients may upload files for, and what the server makes files for. */
export const uploadPurposes = ['fine-tune', 'batch', 'assistants', 'user_data', 'evals', 'vision'] as const;
const purposes = [...uploadPurposes, 'fine-tune-results', 'batch_output'] as const;

/** A file in the protocol's form. */
const storedFileSchema = z.object({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int().nonnegative(),
  created_at: z.int(),
  filename: z.string(),
  purpose: z.enum(purposes),
  status: z.literal('processed'),
});

type StoredFile = z.output<typeof storedFileSchema>;

export interface FileStore {
  /** Oldest first. */
  readonly list: () => readonly StoredFile[];
  /** Throws what the client is told where there is none. */
  readonly get: (id: string) => StoredFile;
  /** The same for a file that another request names. */
  readonly require: (id: string, param: string, purpose: StoredFile['purpose']) => StoredFile;
  readonly read: (file: StoredFile) => Promise<Buffer>;
  readonly copyTo: (file: StoredFile, path: string) => Promise<void>;
  /** A given id is made only once, so that work repeated after a kill makes no second file. */
  readonly create: (
    filename: string,
    purpose: StoredFile['purpose'],
    bytes: Uint8Array,
    id?: string,
  ) => Promise<StoredFile>;
  /** The same with a file that lies elsewhere. */
  readonly adopt: (id: string, filename: string, purpose: StoredFile['purpose'], path: string) => Promise<StoredFile>;
  readonly remove: (file: StoredFile) => Promise<void>;
}

/** Files in a folder: `<id>.data`, and `<id>.json` which is written last. Ids come from the table of files alone, never from a path. */
export async function openFileStore(
  folder: string,
  context: Pick<ServerContext, 'now' | 'makeId'>,
): Promise<FileStore> {
  await mkdir(folder, { recursive: true });
  const files = new Map<string, StoredFile>();
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.json')) continue;
    const file = await readServerRecord(join(folder, name), storedFileSchema);
    files.set(file.id, file);
  }
  const pathOf = ({ id }: Pick<StoredFile, 'id'>): string => join(folder, `${id}.data`);

  async function record(file: StoredFile): Promise<StoredFile> {
    await writeFileAtomically(join(folder, `${file.id}.json`), `${JSON.stringify(file)}\n`);
    files.set(file.id, file);
    return file;
  }

  function describe(id: string, filename: string, purpose: StoredFile['purpose'], bytes: number): StoredFile {
    return { id, object: 'file', bytes, created_at: secondsOf(context), filename, purpose, status: 'processed' };
  }

  function find(id: string): StoredFile | null {
    return files.get(id) ?? null;
  }

  return {
    list: () => [...files.values()].sort(byAge),
    get: (id) => {
      const file = find(id);
      if (file === null) throw notFound(`There is no file ${JSON.stringify(id.slice(0, 100))}`, 'file_id');
      return file;
    },
    require: (id, param, purpose) => {
      const file = find(id);
      if (file === null) throw badRequest(`${param}: there is no file ${JSON.stringify(id.slice(0, 100))}`, param);
      if (file.purpose === purpose) return file;
      throw badRequest(`${param}: the purpose of ${id} is ${file.purpose}, and it has to be ${purpose}`, param);
    },
    read: (file) => readFile(pathOf(file)),
    copyTo: (file, path) => copyFile(pathOf(file), path),
    create: async (filename, purpose, bytes, id = context.makeId('file-')) => {
      const known = find(id);
      if (known !== null) return known;
      const file = describe(id, filename, purpose, bytes.length);
      await writeFileAtomically(pathOf(file), bytes);
      return record(file);
    },
    adopt: async (id, filename, purpose, path) => {
      const known = find(id);
      if (known !== null) return known;
      const { size } = await stat(path);
      const file = describe(id, filename, purpose, size);
      await copyFile(path, pathOf(file));
      return record(file);
    },
    remove: async (file) => {
      files.delete(file.id);
      await rm(join(folder, `${file.id}.json`), { force: true });
      await rm(pathOf(file), { force: true });
    },
  };
}

function byAge(left: StoredFile, right: StoredFile): number {
  return left.created_at - right.created_at;
}
