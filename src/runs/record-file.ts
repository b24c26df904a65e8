import { rm, stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { openJsonLinesWriter } from '../foundation/append-json-lines.js';
import { hashJson } from '../foundation/content-hash.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { isMissing } from '../foundation/file-failure.js';
import { readByteLines } from '../foundation/read-byte-lines.js';
import { parseLine, parseUnfinishedLine } from '../foundation/read-json-lines.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import { locateIndex, openRecordIndexWriter, readRecordIndex, type RecordIndexWriter } from './record-index.js';
import { createRecordTable, type GrowingTable, type RecordTable } from './record-table.js';

/** A file of records that grows during a run; the first line of each key counts. Overlapping calls are done one after the other. */
export interface RecordFile<Stored extends object> {
  /** By key, in the order of the file. Grows with every append. */
  readonly records: RecordTable<Stored>;
  /**
   * Of a large file: another one whenever records were lost or changed, so that what was once known of all of them must
   * be found out again.
   */
  readonly generation: () => string | null;
  /** Resolves when they have reached the disk. A key that is already there is an internal error. */
  append(records: readonly Stored[]): Promise<void>;
  /** Removes the records of these keys, so that others may take their place. */
  drop(keys: Iterable<string>): Promise<void>;
  /** Rewrites the file in the order of these keys; records of other keys follow. */
  arrange(keys: Iterable<string>): Promise<void>;
  close(): Promise<void>;
}

/** What a file of records holds. */
export interface RecordKind<Stored extends object> {
  /** File name. */
  readonly name: string;
  /** What a line holds besides its `check`. */
  readonly schema: z.ZodType<Stored>;
  readonly keyOf: (record: Stored) => string;
  /** What records are equal by, whatever their keys; left out where nobody asks. */
  readonly inputOf?: (record: Stored) => string;
}

export interface OpenRecordFileOptions {
  /** Called with the numbers of lines that were changed or damaged: they are left out, and their work is done again. */
  readonly onSpoilt?: (lines: readonly number[]) => void;
  /** Records up to which all are held in memory. */
  readonly mostInMemory?: number;
}

/** Length of a checksum, which begins the hash of its record: enough that no edit passes by chance. */
export const checkLength = 16;
/** Lines per write. */
const linesOfWrite = 1024;
/** Lines of a file that are looked at to see whether its index is about it. */
const linesOfSample = 64;
/** Records after which others have their turn, where many are gone through. */
const recordsOfTurn = 4096;

/** Opens a file of records for writing, and reads what it has; creates it if it is missing. */
export async function openRecordFile<Stored extends object>(
  file: string,
  kind: Omit<RecordKind<Stored>, 'name'>,
  { onSpoilt, mostInMemory }: OpenRecordFileOptions = {},
): Promise<RecordFile<Stored>> {
  const { keyOf } = kind;
  let writer = await openJsonLinesWriter(file);
  let index: RecordIndexWriter | null = null;
  const table = createTable(file, kind, mostInMemory);
  /** Bytes of the file. */
  let length: number;
  try {
    const found = await fillTable(file, kind, table);
    length = (await stat(file)).size;
    if (found.spoilt.length > 0) {
      onSpoilt?.(found.spoilt);
      await rewrite(Uint32Array.from({ length: table.size }, (_, number) => number));
    } else await openIndex(found);
  } catch (cause) {
    await writer.close();
    throw cause;
  }

  let last: Promise<unknown> = Promise.resolve();
  /** Does calls one after the other, also if they overlap. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = last.then(work);
    // The caller gets the failure; the next call runs all the same.
    last = done.catch(() => undefined);
    return done;
  }

  /** Has the lines from `known` on written into the index, once the table is large. */
  async function openIndex({
    known = 0,
    generation = null,
  }: { readonly known?: number; readonly generation?: string | null } = {}): Promise<void> {
    if (!table.isLarge()) {
      await rm(locateIndex(file), { force: true });
      return;
    }
    index = await openRecordIndexWriter(file, { count: known, generation });
    for (let number = known; number < table.size; number += 1) await index.add(table.lineAt(number));
  }

  async function rewrite(numbers: Uint32Array, generation: string | null = null): Promise<void> {
    await index?.close();
    index = null;
    // Killed in between, the new file must not meet the old index.
    await rm(locateIndex(file), { force: true });
    await writer.close();
    await writeFileAtomically(file, table.readLines(numbers));
    table.reorder(numbers);
    length = table.end();
    writer = await openJsonLinesWriter(file);
    await openIndex({ generation });
  }

  interface Appended {
    readonly added: readonly Stored[];
    readonly resolve: () => void;
    readonly reject: (cause: unknown) => void;
  }
  const waiting: Appended[] = [];

  async function appendTogether(appended: readonly Appended[]): Promise<void> {
    const keys = new Set<string>();
    const taken: Appended[] = [];
    for (const one of appended) {
      const own = new Set<string>();
      const twice = one.added
        .map(keyOf)
        .find((key) => own.size === own.add(key).size || keys.has(key) || table.has(key));
      if (twice !== undefined) {
        one.reject(writtenTwice(file, twice));
        continue;
      }
      for (const key of own) keys.add(key);
      taken.push(one);
    }
    try {
      await write(taken.flatMap(({ added }) => added));
      for (const { resolve } of taken) resolve();
    } catch (cause) {
      for (const { reject } of taken) reject(cause);
    }
  }

  async function write(added: readonly Stored[]): Promise<void> {
    for (let start = 0; start < added.length; start += linesOfWrite) {
      const next = added.slice(start, start + linesOfWrite);
      const lines = next.map((record) => Buffer.from(`${JSON.stringify(withCheck(record))}\n`));
      await writer.appendLines(Buffer.concat(lines));
      // A record counts only when it has reached the disk.
      for (const [place, record] of next.entries()) {
        const bytes = lines[place]?.length ?? 0;
        table.add(record, length, bytes);
        length += bytes;
        await index?.add(table.lineAt(table.size - 1));
      }
      if (index === null && table.isLarge()) await openIndex();
    }
  }

  return {
    records: table,
    generation: () => index?.generation ?? null,
    append: (added) =>
      new Promise((resolve, reject) => {
        waiting.push({ added, resolve, reject });
        // What others append meanwhile goes with it: each write waits for the disk.
        inTurn(() => appendTogether(waiting.splice(0))).catch(() => undefined);
      }),
    drop: (keys) =>
      inTurn(async () => {
        const dropped = new Set<number>();
        for (const key of keys) {
          const number = table.findNumber(key);
          if (number !== -1) dropped.add(number);
        }
        if (dropped.size === 0) return;
        const kept = Array.from({ length: table.size }, (_, number) => number).filter((number) => !dropped.has(number));
        await rewrite(Uint32Array.from(kept));
      }),
    arrange: (keys) =>
      inTurn(async () => {
        const order = await arrangeNumbers(table, keys);
        // Nothing is lost by it.
        if (order.some((number, place) => number !== place)) await rewrite(order, index?.generation ?? null);
      }),
    close: () =>
      inTurn(async () => {
        await writer.close();
        await index?.seal();
        await index?.close();
        index = null;
        table.release();
      }),
  };
}

function createTable<Stored extends object>(
  file: string,
  { schema, keyOf, inputOf }: Omit<RecordKind<Stored>, 'name'>,
  mostInMemory: number | undefined,
): GrowingTable<Stored> {
  return createRecordTable<Stored>({
    ...{ file, keyOf, inputOf: inputOf ?? null },
    parse: (bytes, isChecked) => {
      // Byte order marks are allowed on the first line, and nobody asks here which that is.
      const parsed = parseLine(bytes, 1);
      if (parsed.kind !== 'value') return null;
      // The cast is true: it passed its schema when it was looked at first.
      return isChecked ? (withoutCheck(parsed.value) as Stored) : readRecord(parsed.value, schema);
    },
    ...(mostInMemory === undefined ? {} : { mostInMemory }),
  });
}

/** Fills a table with what its file has: from its index as far as that goes, which is `known` lines, and then line by line. */
async function fillTable<Stored extends object>(
  file: string,
  { schema, keyOf }: Omit<RecordKind<Stored>, 'name'>,
  table: GrowingTable<Stored>,
): Promise<{ readonly known: number; readonly generation: string | null; readonly spoilt: readonly number[] }> {
  const index = await readRecordIndex(file);
  if (index !== null) table.load(index.lines);
  if (!isOfTable(table)) table.clear();
  const known = table.size;
  const spoilt: number[] = [];
  let start = table.end();
  try {
    for await (const { line, bytes, isEnded } of readByteLines(file, start)) {
      const parsed = isEnded ? parseLine(bytes, known + line) : parseUnfinishedLine(bytes, known + line);
      const length = bytes.length + (isEnded ? 1 : 0);
      start += length;
      if (parsed.kind === 'empty' || (parsed.kind === 'broken' && !isEnded)) continue;
      const record = parsed.kind === 'value' ? readRecord(parsed.value, schema) : null;
      if (record === null || table.has(keyOf(record))) spoilt.push(known + line);
      else table.add(record, start - length, length);
    }
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
  }
  return { known, generation: known === 0 ? null : (index?.generation ?? null), spoilt };
}

/** Whether the first and the last line and some between stand where an index says: a file that was edited has them elsewhere. */
function isOfTable<Stored>(table: GrowingTable<Stored>): boolean {
  const step = Math.max(1, Math.floor(table.size / linesOfSample));
  for (let number = table.size - 1; number >= 0; number -= step) if (table.recordAt(number) === null) return false;
  return table.size === 0 || table.recordAt(0) !== null;
}

/** Numbers of a table's records in the order of these keys, then all others. */
async function arrangeNumbers<Stored>(table: GrowingTable<Stored>, keys: Iterable<string>): Promise<Uint32Array> {
  const [order, taken] = [new Uint32Array(table.size), new Uint8Array(table.size)];
  let placed = 0;
  const take = (number: number): void => {
    if (number === -1 || taken[number] === 1) return;
    taken[number] = 1;
    order[placed] = number;
    placed += 1;
  };
  let seen = 0;
  for (const key of keys) {
    take(table.findNumber(key));
    seen += 1;
    if (table.isLarge() && seen % recordsOfTurn === 0) await setImmediate();
  }
  for (let number = 0; number < table.size; number += 1) take(number);
  return order;
}

function withCheck<Stored extends object>(record: Stored): Stored & { check: string } {
  return { ...record, check: hashJson(record).slice(0, checkLength) };
}

/** Of a line that was read or written before, and so is an object still. */
function withoutCheck(value: unknown): object {
  const { check: _, ...record } = value as { readonly check: string };
  return record;
}

/** Made once: zod compiles a schema when it first parses. */
const checkedSchema = z.looseObject({ check: z.string() });

/** The record of a line, without its checksum; null if the line was changed, or is of another kind. */
function readRecord<Stored extends object>(value: unknown, schema: z.ZodType<Stored>): Stored | null {
  const { success, data } = checkedSchema.safeParse(value);
  if (!success) return null;
  const { check, ...rest } = data;
  if (hashJson(rest).slice(0, checkLength) !== check) return null;
  const parsed = schema.safeParse(rest);
  return parsed.success ? parsed.data : null;
}

function writtenTwice(file: string, key: string): DriftlineError {
  return new DriftlineError({
    code: 'internal-error',
    message: `${file} has a record of ${key} already`,
    hint: 'Report this: nothing should be asked twice.',
  });
}

export interface RecordLines<Stored> {
  /** By key, in the order of the file; the first record of each key. */
  readonly records: RecordTable<Stored>;
  /** Lines that were changed, are not JSON, or repeat an earlier key. */
  readonly spoilt: readonly number[];
}

/**
 * Reads a file of records, even one that is still open for writing; a missing file has none. Every line carries a checksum of its content,
 * so an edited line is not trusted, even if it is still JSON. A half-written last line is left by a killed run, and is not reported.
 */
export async function readRecordLines<Stored extends object>(
  file: string,
  kind: Omit<RecordKind<Stored>, 'name'>,
  { mostInMemory }: Pick<OpenRecordFileOptions, 'mostInMemory'> = {},
): Promise<RecordLines<Stored>> {
  const table = createTable(file, kind, mostInMemory);
  const { spoilt } = await fillTable(file, kind, table);
  return { records: table, spoilt };
}
