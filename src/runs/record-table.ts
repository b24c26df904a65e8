import { closeSync, openSync, readSync } from 'node:fs';
import { readFailure } from '../foundation/file-failure.js';
import { createKeyIndex, tagOf, tagsAfter, type KeyIndex } from './key-index.js';

/**
 * Records by their keys, in the order of their file. The first thousands are held in memory; of more, only where they
 * stand in the file.
 */
export interface RecordTable<Stored> extends ReadonlyMap<string, Stored> {
  /** The first record with the input; undefined where inputs are not kept. */
  readonly findByInput: (input: string) => Stored | undefined;
  /**
   * How many records there are of the keys that are `beginning` and a number, which is at least `from` and below `to`;
   * told without a look at the disk, and hardly ever wrong.
   */
  readonly countNumbered: (beginning: string, from: number, to: number) => number;
  /** Whether texts are on disk alone. */
  readonly isLarge: () => boolean;
}

/** A table as its file fills it. */
export interface GrowingTable<Stored> extends RecordTable<Stored> {
  /** Adds the record of the next line: its bytes with the line feed. */
  readonly add: (record: Stored, start: number, bytes: number) => void;
  /** Begins anew with the lines of an index. */
  readonly load: (lines: IndexedLines) => void;
  /** Adds a line of which an index knows the tags of its key and its input. */
  readonly addTags: (line: TaggedLine) => void;
  readonly lineAt: (number: number) => TaggedLine;
  /** The record of a number as it is in the file or in memory; null for one that was changed. */
  readonly recordAt: (number: number) => Stored | null;
  /** The number of a key's record; -1 if it has none. */
  readonly findNumber: (key: string) => number;
  /** Lines as they stand in the file, in the order of these numbers; adjacent ones together. */
  readonly readLines: (numbers: Iterable<number>) => Generator<Uint8Array, void, undefined>;
  /** Begins anew with these of its numbers, in this order, for a file that has no other lines. */
  readonly reorder: (numbers: Uint32Array) => void;
  readonly clear: () => void;
  /** Bytes up to the end of the last line. */
  readonly end: () => number;
  /** Lets go of the file, which is opened again if somebody reads. */
  readonly release: () => void;
}

/** Where a line stands, and by what its record is found. */
export interface TaggedLine {
  readonly start: number;
  readonly bytes: number;
  readonly tag: number;
  readonly inputTag: number;
}

/**
 * Lines from the beginning of a file, one behind the other: where they stand, the tags of their keys and inputs, and
 * where the last one ends.
 */
export interface IndexedLines {
  readonly starts: Float64Array<ArrayBuffer>;
  readonly tags: Uint32Array;
  readonly inputTags: Uint32Array;
  readonly end: number;
}

export interface RecordTableSettings<Stored> {
  readonly file: string;
  readonly keyOf: (record: Stored) => string;
  /** Keeps what records are equal by; null for nothing. */
  readonly inputOf: ((record: Stored) => string) | null;
  /** The record of a line; null for one that was changed. One that was looked at before is not checked again. */
  readonly parse: (line: Uint8Array, isChecked: boolean) => Stored | null;
  /** Records up to which all are held in memory. */
  readonly mostInMemory?: number;
}

/** Of as many answers: about 50 MB. */
const usualMostInMemory = 50_000;
/** Bytes that are read at once: neighbours are often wanted next. */
const blockBytes = 2 ** 16;
/** Bytes that lines are handed on in: each piece waits for the disk. */
const pieceBytes = 2 ** 20;

/** Closes files of tables that nobody has any more. */
const forgotten = new FinalizationRegistry<number>((descriptor) => {
  closeSync(descriptor);
});

export function createRecordTable<Stored>(settings: RecordTableSettings<Stored>): GrowingTable<Stored> {
  const { file, keyOf, inputOf, parse, mostInMemory = usualMostInMemory } = settings;
  let index = createKeyIndex();
  let inputs: KeyIndex | null = inputOf === null ? null : createKeyIndex();
  /** Bytes of lines that something else follows than the next record. */
  const gaps = new Map<number, number>();
  let starts = new Float64Array(1024);
  /** Whether a line was checked: since it was opened, or because it was written since. */
  let checked = new Uint8Array(1024);
  let size = 0;
  let end = 0;
  /** Null once there are too many. */
  let held: Stored[] | null = [];
  let descriptor: number | null = null;
  let block = { start: 0, bytes: Buffer.alloc(0) };
  /** Read into again and again: of a new one each time, millions of reads leave gigabytes to be cleared away. */
  let shared: Buffer<ArrayBuffer> | null = null;
  const owner = {};

  /** Bytes that are there until the next ones are read. */
  function readAt(start: number, length: number): Buffer {
    if (start >= block.start && start + length <= block.start + block.bytes.length)
      return block.bytes.subarray(start - block.start, start - block.start + length);
    try {
      if (descriptor === null) {
        descriptor = openSync(file, 'r');
        forgotten.register(owner, descriptor, owner);
      }
      const bytes = length > blockBytes ? Buffer.allocUnsafe(length) : (shared ??= Buffer.allocUnsafe(blockBytes));
      const read = readSync(descriptor, bytes, 0, Math.max(length, Math.min(blockBytes, end - start)), start);
      block = { start, bytes: bytes.subarray(0, read) };
    } catch (cause) {
      throw readFailure(file, cause);
    }
    return block.bytes.subarray(0, length);
  }
  const lengthOf = (number: number): number =>
    gaps.get(number) ?? (number + 1 < size ? (starts[number + 1] ?? 0) : end) - (starts[number] ?? 0);
  function recordAt(number: number): Stored | null {
    const inMemory = held?.[number];
    if (inMemory !== undefined) return inMemory;
    const record = parse(readAt(starts[number] ?? 0, lengthOf(number) - 1), checked[number] === 1);
    if (record !== null) checked[number] = 1;
    return record;
  }
  function findBy(among: KeyIndex, value: string, valueOf: (record: Stored) => string): Stored | undefined {
    let found: Stored | undefined;
    among.find(value, (number) => {
      const record = recordAt(number);
      if (record === null || valueOf(record) !== value) return false;
      found = record;
      return true;
    });
    return found;
  }
  const get = (key: string): Stored | undefined => findBy(index, key, keyOf);
  function place(start: number, bytes: number): void {
    if (size === starts.length) {
      const more = new Float64Array(Math.ceil(starts.length * 1.5));
      more.set(starts);
      starts = more;
      const flags = new Uint8Array(starts.length);
      flags.set(checked);
      checked = flags;
    }
    if (size > 0 && start !== end) gaps.set(size - 1, end - (starts[size - 1] ?? 0));
    starts[size] = start;
    size += 1;
    end = start + bytes;
  }
  function addTags({ start, bytes, tag, inputTag }: TaggedLine): void {
    held = null;
    place(start, bytes);
    index.add(tag);
    inputs?.add(inputTag);
  }
  function load(lines: IndexedLines): void {
    clear();
    ({ starts, end } = lines);
    size = starts.length;
    if (size === 0) starts = new Float64Array(1024);
    else held = null;
    checked = new Uint8Array(starts.length);
    index.load(lines.tags);
    inputs?.load(lines.inputTags);
  }
  function add(record: Stored, start: number, bytes: number): void {
    place(start, bytes);
    checked[size - 1] = 1;
    index.add(tagOf(keyOf(record)));
    if (inputs !== null && inputOf !== null) inputs.add(tagOf(inputOf(record)));
    if (held === null) return;
    held.push(record);
    if (held.length > mostInMemory) held = null;
  }
  const lineAt = (number: number): TaggedLine => ({
    ...{ start: starts[number] ?? 0, bytes: lengthOf(number) },
    ...{ tag: index.tagAt(number), inputTag: inputs?.tagAt(number) ?? 0 },
  });
  function release(): void {
    block = { start: 0, bytes: Buffer.alloc(0) };
    shared = null;
    if (descriptor === null) return;
    forgotten.unregister(owner);
    closeSync(descriptor);
    descriptor = null;
  }
  function clear(): void {
    release();
    gaps.clear();
    [index, inputs] = [createKeyIndex(), inputOf === null ? null : createKeyIndex()];
    [starts, checked, size, end, held] = [new Float64Array(1024), new Uint8Array(1024), 0, 0, []];
  }
  function* values(): Generator<Stored, undefined, undefined> {
    for (let number = 0; number < size; number += 1) {
      const record = recordAt(number);
      if (record !== null) yield record;
    }
    return undefined;
  }
  function* keys(): Generator<string, undefined, undefined> {
    for (const record of values()) yield keyOf(record);
    return undefined;
  }
  function* entries(): Generator<[string, Stored], undefined, undefined> {
    for (const record of values()) yield [keyOf(record), record];
    return undefined;
  }

  return {
    get,
    has: (key) => get(key) !== undefined,
    get size() {
      return size;
    },
    values,
    keys,
    entries,
    [Symbol.iterator]: entries,
    forEach: (tell) => {
      for (const [key, record] of entries()) tell(record, key, new Map<string, Stored>());
    },
    findByInput: (input) => (inputs === null || inputOf === null ? undefined : findBy(inputs, input, inputOf)),
    countNumbered: (beginning, from, to) => {
      const tagOfRest = tagsAfter(beginning);
      let count = 0;
      for (let number = from; number < to; number += 1) if (index.hasTag(tagOfRest(String(number)))) count += 1;
      return count;
    },
    isLarge: () => held === null,
    ...{ add, addTags, load, lineAt, recordAt, clear, release },
    findNumber: (key) =>
      index.find(key, (number) => {
        const record = recordAt(number);
        return record !== null && keyOf(record) === key;
      }),
    reorder: (numbers) => {
      const [records, old, wereChecked] = [held, { index, inputs }, checked];
      const lengths = Uint32Array.from(numbers, lengthOf);
      clear();
      let start = 0;
      for (const [place, number] of numbers.entries()) {
        const record = records?.[number];
        const bytes = lengths[place] ?? 0;
        if (record !== undefined) add(record, start, bytes);
        else {
          addTags({ start, bytes, tag: old.index.tagAt(number), inputTag: old.inputs?.tagAt(number) ?? 0 });
          checked[place] = wereChecked[number] ?? 0;
        }
        start += bytes;
      }
    },
    *readLines(numbers) {
      let piece = Buffer.allocUnsafe(pieceBytes);
      let filled = 0;
      function* handOn(from: number, to: number): Generator<Uint8Array, void, undefined> {
        let start = from;
        while (start < to) {
          const length = Math.min(blockBytes, to - start);
          // Before the next bytes are read: while others have their turn, they may read, too.
          if (filled + length > pieceBytes) {
            yield piece.subarray(0, filled);
            [piece, filled] = [Buffer.allocUnsafe(pieceBytes), 0];
          }
          const copied = readAt(start, length).copy(piece, filled);
          if (copied === 0) return; // the file is shorter than it was: whoever reads the result sees it
          filled += copied;
          start += copied;
        }
      }
      let from = 0;
      let to = 0;
      for (const number of numbers) {
        const [start, length] = [starts[number] ?? 0, lengthOf(number)];
        if (start === to) {
          to += length;
          continue;
        }
        yield* handOn(from, to);
        [from, to] = [start, start + length];
      }
      yield* handOn(from, to);
      if (filled > 0) yield piece.subarray(0, filled);
    },
    end: () => end,
  };
}
