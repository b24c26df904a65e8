import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { FloatTensor } from '../engine/checkpoint/float-tensor.js';
import { readSafetensors } from '../engine/checkpoint/read-safetensors.js';
import { writeSafetensors } from '../engine/checkpoint/write-safetensors.js';
import { writeFailure } from '../foundation/file-failure.js';
import { hashFile } from '../foundation/hash-file.js';
import { lockFolder } from '../foundation/lock-folder.js';
import { openRecordFile, readRecordLines, type RecordFile, type RecordKind } from '../runs/record-file.js';
import type { RecordTable } from '../runs/record-table.js';

/** What was read of models, kept so that nothing is read twice: detectors score old models without opening them. */
export interface ArtefactStore {
  /** Where new artefacts go. */
  readonly folder: string;
  /**
   * The records of these keys. `compute` makes those that no folder has, by their places among the keys, in batches:
   * killed, it has lost at most one. Calls about one kind wait for each other.
   */
  readonly remember: <Stored extends object>(
    kind: RecordKind<Stored>,
    keys: readonly string[],
    compute: (missing: readonly number[]) => Promise<readonly Stored[]>,
    options?: RememberOptions,
  ) => Promise<readonly Stored[]>;
  /** The tensors of a key, which decides all of them; `name` is that of their folder. */
  readonly rememberTensors: (name: string, key: string, compute: () => Promise<Tensors>) => Promise<Tensors>;
  /** The file of new records itself, for those who write it by themselves. It is closed with the store. */
  readonly open: <Stored extends object>(kind: RecordKind<Stored>) => Promise<RecordFile<Stored>>;
  /** May be called twice. */
  readonly close: () => Promise<void>;
}

export interface RememberOptions {
  /** Records that are made and stored together; default 256. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
}

type Tensors = ReadonlyMap<string, FloatTensor>;

const defaultBatch = 256;
/** The folder of artefacts, within the folder that models lie in. */
const artefactsFolder = 'artefacts';

/**
 * Opens what the folders have: reads in all of them, and writes into the first, which is created, and locked, when it
 * is first needed. Records that were changed since they were written are made again.
 */
export function openArtefactStore([first, ...others]: readonly [string, ...string[]]): ArtefactStore {
  const folder = join(first, artefactsFolder);
  const files = new Map<string, Promise<RecordFile<never>>>();
  const tables = new Map<string, Promise<readonly RecordTable<never>[]>>();
  const turns = new Map<string, Promise<unknown>>();
  let locked: Promise<() => Promise<void>> | null = null;

  async function lock(): Promise<() => Promise<void>> {
    await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
      throw writeFailure(folder, cause);
    });
    return lockFolder(folder);
  }

  async function openFile<Stored extends object>(kind: RecordKind<Stored>): Promise<RecordFile<Stored>> {
    await (locked ??= lock());
    return openRecordFile(join(folder, kind.name), kind);
  }

  // One name is one kind, so what is kept by a kind's name is of its records: hence the casts.
  function open<Stored extends object>(kind: RecordKind<Stored>): Promise<RecordFile<Stored>> {
    const known = files.get(kind.name) ?? openFile(kind);
    files.set(kind.name, known as Promise<RecordFile<never>>);
    return known;
  }

  /** What other folders have. */
  function readOthers<Stored extends object>(kind: RecordKind<Stored>): Promise<readonly RecordTable<Stored>[]> {
    const read = async (): Promise<RecordTable<Stored>[]> =>
      Promise.all(
        others.map(async (other) => (await readRecordLines(join(other, artefactsFolder, kind.name), kind)).records),
      );
    const known = tables.get(kind.name) ?? read();
    tables.set(kind.name, known as Promise<readonly RecordTable<never>[]>);
    return known;
  }

  function inTurn<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const done = (turns.get(name) ?? Promise.resolve()).then(work);
    // The caller gets the failure; the next call runs all the same.
    turns.set(
      name,
      done.catch(() => undefined),
    );
    return done;
  }

  const remember: ArtefactStore['remember'] = (kind, keys, compute, { batch = defaultBatch, signal } = {}) =>
    inTurn(kind.name, async () => {
      const file = await open(kind);
      const all = [file.records, ...(await readOthers(kind))];
      const places = new Map<string, number>();
      for (const [place, key] of keys.entries())
        if (!places.has(key) && !all.some((table) => table.has(key))) places.set(key, place);
      const missing = [...places.values()];
      for (let start = 0; start < missing.length; start += batch) {
        signal?.throwIfAborted();
        await file.append(await compute(missing.slice(start, start + batch)));
      }
      return keys.map((key) => {
        for (const table of all) {
          const found = table.get(key);
          if (found !== undefined) return found;
        }
        throw new Error(`${kind.name}: nothing was made for the key ${key}`);
      });
    });

  return {
    ...{ folder, remember, open },
    rememberTensors: (name, key, compute) =>
      inTurn(name, async () => {
        const kind = tensorKind(name);
        const file = await open(kind);
        for (const [index, table] of [file.records, ...(await readOthers(kind))].entries()) {
          const record = table.get(key);
          const place = locateTensors([first, ...others][index] ?? first, name, key);
          if (record !== undefined && (await hashOf(place)) === record.sha256)
            return readSafetensors(place, 'checkpoint-invalid');
        }
        const tensors = await compute();
        const place = locateTensors(first, name, key);
        await mkdir(join(folder, name), { recursive: true });
        await writeSafetensors(place, tensors);
        await file.drop([key]);
        await file.append([{ key, sha256: await hashFile(place) }]);
        // As whoever reads them again gets them: in the order of their names.
        return readSafetensors(place, 'checkpoint-invalid');
      }),
    close: async () => {
      const opened = [...files.values()];
      files.clear();
      tables.clear();
      for (const file of opened) await (await file.catch(() => null))?.close();
      const unlock = await locked?.catch(() => null);
      locked = null;
      await unlock?.();
    },
  };
}

const tensorSchema = z.strictObject({ key: z.string(), sha256: z.string() });

/** Which tensors there are: a file that was changed since is made again. */
function tensorKind(name: string): RecordKind<z.output<typeof tensorSchema>> {
  return { name: `${name}.jsonl`, schema: tensorSchema, keyOf: ({ key }) => key };
}

function locateTensors(folder: string, name: string, key: string): string {
  return join(folder, artefactsFolder, name, `${key}.safetensors`);
}

/** Null where there is no such file. */
async function hashOf(file: string): Promise<string | null> {
  return hashFile(file).catch(() => null);
}
