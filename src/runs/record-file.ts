import { z } from 'zod';
import { openJsonLinesWriter } from '../foundation/append-json-lines.js';
import { hashJson } from '../foundation/content-hash.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { isMissing } from '../foundation/file-failure.js';
import { readByteLines } from '../foundation/read-byte-lines.js';
import { parseLine, parseUnfinishedLine } from '../foundation/read-json-lines.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';

/** A file of records that grows during a run; the first line of each key counts. Overlapping calls are done one after the other. */
export interface RecordFile<Stored extends object> {
  /** By key, in the order of the file. Grows with every append. */
  readonly records: ReadonlyMap<string, Stored>;
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
}

export interface OpenRecordFileOptions {
  /** Called with the numbers of lines that were changed or damaged: they are left out, and their work is done again. */
  readonly onSpoilt?: (lines: readonly number[]) => void;
}

/** Length of a checksum, which begins the hash of its record: enough that no edit passes by chance. */
export const checkLength = 16;
/** Lines per write. */
const linesOfWrite = 1024;

/** Opens a file of records for writing, and reads what it has; creates it if it is missing. */
export async function openRecordFile<Stored extends object>(
  file: string,
  kind: Pick<RecordKind<Stored>, 'schema' | 'keyOf'>,
  { onSpoilt }: OpenRecordFileOptions = {},
): Promise<RecordFile<Stored>> {
  const { keyOf } = kind;
  let writer = await openJsonLinesWriter(file);
  let records: Map<string, Stored>;
  try {
    const lines = await readRecordLines(file, kind);
    records = lines.records;
    if (lines.spoilt.length > 0) {
      onSpoilt?.(lines.spoilt);
      await rewrite(records.values());
    }
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

  async function rewrite(kept: Iterable<Stored>): Promise<void> {
    await writer.close();
    await writeFileAtomically(file, encodeInBatches(kept));
    writer = await openJsonLinesWriter(file);
  }

  return {
    records,
    append: (added) =>
      inTurn(async () => {
        const keys = new Set<string>();
        for (const key of added.map(keyOf)) {
          if (records.has(key) || keys.has(key)) throw writtenTwice(file, key);
          keys.add(key);
        }
        for (let start = 0; start < added.length; start += linesOfWrite) {
          const next = added.slice(start, start + linesOfWrite);
          await writer.append(...next.map(withCheck));
          // A record counts only when it has reached the disk.
          for (const record of next) records.set(keyOf(record), record);
        }
      }),
    drop: (keys) =>
      inTurn(async () => {
        const size = records.size;
        for (const key of keys) records.delete(key);
        if (records.size < size) await rewrite(records.values());
      }),
    arrange: (keys) =>
      inTurn(async () => {
        const arranged = new Map<string, Stored>();
        for (const key of [...keys, ...records.keys()]) {
          const record = records.get(key);
          if (record !== undefined) arranged.set(key, record);
        }
        const order = [...records.keys()];
        const isInOrder = [...arranged.keys()].every((key, index) => key === order[index]);
        if (isInOrder) return;
        records.clear();
        for (const [key, record] of arranged) records.set(key, record);
        await rewrite(records.values());
      }),
    close: () => inTurn(() => writer.close()),
  };
}

/** Encodes lines in pieces: all lines of a large run are longer than a string can be. */
function* encodeInBatches(records: Iterable<object>): Generator<Uint8Array, void, undefined> {
  let lines: string[] = [];
  for (const record of records) {
    lines.push(`${JSON.stringify(withCheck(record))}\n`);
    if (lines.length < linesOfWrite) continue;
    yield Buffer.from(lines.join(''));
    lines = [];
  }
  yield Buffer.from(lines.join(''));
}

function withCheck<Stored extends object>(record: Stored): Stored & { check: string } {
  return { ...record, check: hashJson(record).slice(0, checkLength) };
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
  readonly records: Map<string, Stored>;
  /** Lines that were changed, are not JSON, or repeat an earlier key. */
  readonly spoilt: readonly number[];
}

/**
 * Reads a file of records, even one that is still open for writing; a missing file has none. Every line carries a checksum of its content,
 * so an edited line is not trusted, even if it is still JSON. A half-written last line is left by a killed run, and is not reported.
 */
export async function readRecordLines<Stored extends object>(
  file: string,
  { schema, keyOf }: Pick<RecordKind<Stored>, 'schema' | 'keyOf'>,
): Promise<RecordLines<Stored>> {
  const records = new Map<string, Stored>();
  const spoilt: number[] = [];
  try {
    for await (const { line, bytes, isEnded } of readByteLines(file)) {
      const parsed = isEnded ? parseLine(bytes, line) : parseUnfinishedLine(bytes, line);
      if (parsed.kind === 'empty' || (parsed.kind === 'broken' && !isEnded)) continue;
      const record = parsed.kind === 'value' ? readRecord(parsed.value, schema) : null;
      if (record === null || records.has(keyOf(record))) spoilt.push(line);
      else records.set(keyOf(record), record);
    }
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
  }
  return { records, spoilt };
}
