import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { hashJson } from '../foundation/content-hash.js';
import { writeFailure } from '../foundation/file-failure.js';
import type { IndexedLines, TaggedLine } from './record-table.js';

/** Where the lines of a large file of records stand, in a file beside it, so that whoever opens it next need not read it all. */
export interface RecordIndexWriter {
  /** Names what the file held when the index was begun: another one where something was lost or changed since. */
  readonly generation: string;
  readonly add: (line: TaggedLine) => Promise<void>;
  /** Says that it is about the file as that is now. */
  readonly seal: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What an index says of a file of records that has only grown since. */
export interface RecordIndex {
  /** As many of them as are to be trusted; those that follow in the file must be read. */
  readonly lines: IndexedLines;
  readonly generation: string;
}

/** Begins the file; the number is raised when anything in it changes. */
const magic = Buffer.from('dl-idx1\n');
/** The magic, size and date of the file of records when it was closed (zeros while it is open), and the generation. */
const headBytes = 40;
const generationPlace = 24;
/** Start (8 bytes), tag of the key (4), tag of the input (4). */
const entryBytes = 16;
const entriesOfWrite = 4096;

export function locateIndex(file: string): string {
  return file.replace(/(\.jsonl)?$/, '.index');
}

/** Goes on with an index that has `count` lines, or begins one: of the same generation where nothing but the order of lines is another. */
export async function openRecordIndexWriter(
  file: string,
  { count, generation: given }: { readonly count: number; readonly generation: string | null },
): Promise<RecordIndexWriter> {
  const path = locateIndex(file);
  const generation = given ?? (await nameGeneration(file));
  let handle: FileHandle;
  const failed = (cause: unknown): never => {
    throw writeFailure(path, cause);
  };
  try {
    handle = await open(path, count === 0 ? 'w' : 'r+');
    const head = Buffer.alloc(headBytes);
    magic.copy(head);
    head.write(generation, generationPlace, 'latin1');
    await handle.write(head, 0, headBytes, 0);
    await handle.truncate(headBytes + count * entryBytes);
  } catch (cause) {
    return failed(cause);
  }
  let waiting = Buffer.allocUnsafe(entriesOfWrite * entryBytes);
  let filled = 0;
  let end = headBytes + count * entryBytes;
  const flush = async (): Promise<void> => {
    const [bytes, at] = [waiting.subarray(0, filled), end];
    if (filled === 0) return;
    end += filled;
    filled = 0;
    waiting = Buffer.allocUnsafe(entriesOfWrite * entryBytes);
    await handle.write(bytes, 0, bytes.length, at).catch(failed);
  };
  return {
    generation,
    add: async ({ start, tag, inputTag }) => {
      waiting.writeDoubleLE(start, filled);
      waiting.writeUInt32LE(tag, filled + 8);
      waiting.writeUInt32LE(inputTag, filled + 12);
      filled += entryBytes;
      if (filled === waiting.length) await flush();
    },
    seal: async () => {
      await flush();
      const { size, mtimeMs } = await stat(file);
      const head = Buffer.alloc(16);
      head.writeDoubleLE(size, 0);
      head.writeDoubleLE(mtimeMs, 8);
      await handle.write(head, 0, head.length, magic.length).catch(failed);
    },
    close: () => handle.close(),
  };
}

/** A file that was written anew has another inode, and one that was edited another date. */
async function nameGeneration(file: string): Promise<string> {
  const { ino, size, mtimeMs } = await stat(file);
  return hashJson({ file, ino, size, mtimeMs }).slice(0, headBytes - generationPlace);
}

/**
 * Null where there is none, or the file was changed since it was closed. After a kill the file may have grown: then the
 * index is right as far as it goes, and its reader looks whether lines stand where it says. The last line is not among
 * them: where it ends is not known.
 */
export async function readRecordIndex(file: string): Promise<RecordIndex | null> {
  const bytes = await readFile(locateIndex(file)).catch(() => null);
  const now = await stat(file).catch(() => null);
  if (bytes === null || now === null || bytes.length < headBytes || !magic.equals(bytes.subarray(0, magic.length)))
    return null;
  const closed = { size: bytes.readDoubleLE(8), mtimeMs: bytes.readDoubleLE(16) };
  if (closed.mtimeMs !== 0 && (closed.size !== now.size || closed.mtimeMs !== now.mtimeMs)) return null;
  // All at once: one by one, millions of lines take half a minute. Eight bytes have to begin at a multiple of eight.
  const entries = Uint8Array.from(bytes.subarray(headBytes)).buffer;
  const whole = Math.floor(entries.byteLength / entryBytes);
  const [places, tags] = [new Float64Array(entries, 0, 2 * whole), new Uint32Array(entries, 0, 4 * whole)];
  let ended = whole;
  while (ended > 0 && (places[2 * (ended - 1)] ?? 0) >= now.size) ended -= 1;
  const count = Math.max(0, ended - 1);
  const lines = {
    ...{ starts: new Float64Array(count), tags: new Uint32Array(count), inputTags: new Uint32Array(count) },
    end: count === 0 ? 0 : (places[2 * count] ?? 0),
  };
  for (let number = 0; number < count; number += 1) {
    lines.starts[number] = places[2 * number] ?? 0;
    lines.tags[number] = tags[4 * number + 2] ?? 0;
    lines.inputTags[number] = tags[4 * number + 3] ?? 0;
  }
  return { lines, generation: bytes.toString('latin1', generationPlace, headBytes) };
}
