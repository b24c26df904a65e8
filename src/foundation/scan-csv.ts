import { isUtf8 } from 'node:buffer';
import type { RecordScanner } from './scan-records.js';

/** One record of a CSV file: a view that holds only until the next. */
export interface CsvRecord {
  /** On which it begins, from 1. */
  readonly line: number;
  readonly fields: number;
  /** A field as text: without its quotes, and of doubled quotes one. */
  readonly text: (field: number) => string;
  /** Where a field lies in `bytes()`, without its quotes. */
  readonly start: (field: number) => number;
  readonly end: (field: number) => number;
  readonly bytes: () => Buffer;
}

interface CsvFault {
  readonly line: number;
  readonly problem: string;
  readonly hint: string;
}

interface CsvScannerSettings {
  readonly onRecord: (record: CsvRecord) => void;
  /** The error for what is not CSV. */
  readonly fail: (fault: CsvFault) => Error;
  /** Bytes that a record may have. */
  readonly longest: number;
}

const [quote, comma, lineFeed, carriageReturn] = [0x22, 0x2c, 0x0a, 0x0d];
const byteOrderMark = [0xef, 0xbb, 0xbf] as const;

/**
 * Reads CSV as RFC 4180 has it, in UTF-8: quoted fields may hold commas, line feeds and doubled quotes; lines end with LF, CR LF or CR,
 * also in turns; a quote inside a field without quotes is a character like any other; empty lines are skipped, and a byte order
 * mark is, too. What follows a closing quote must be a comma or the end of the line.
 */
export function createCsvScanner({ onRecord, fail, longest }: CsvScannerSettings): RecordScanner {
  let bytes: Buffer = Buffer.alloc(0);
  let line = 1;
  let fields = 0;
  let isAtStart = true;
  let starts = new Int32Array(64);
  let ends = new Int32Array(64);
  let doubled = new Int32Array(64);
  const record = {
    line,
    fields,
    start: (field: number) => starts[field] ?? 0,
    end: (field: number) => ends[field] ?? 0,
    bytes: () => bytes,
    text: (field: number): string => {
      const text = bytes.toString('utf8', starts[field], ends[field]);
      return doubled[field] === 1 ? text.replaceAll('""', '"') : text;
    },
  };

  function addField(start: number, end: number, hasDoubled: boolean): void {
    if (fields === starts.length) {
      [starts, ends, doubled] = [doubleLength(starts), doubleLength(ends), doubleLength(doubled)];
    }
    starts[fields] = start;
    ends[fields] = end;
    doubled[fields] = hasDoubled ? 1 : 0;
    fields += 1;
  }

  /** Where the record that begins at `from` and its line end; -1 where more bytes are needed to know. */
  function readRecord(from: number, isLast: boolean): number {
    const { length } = bytes;
    let at = from;
    let linesWithin = 0;
    fields = 0;
    for (;;) {
      if (bytes[at] === quote) {
        const start = at + 1;
        let hasDoubled = false;
        at = bytes.indexOf(quote, start);
        while (at !== -1 && bytes[at + 1] === quote) {
          hasDoubled = true;
          at = bytes.indexOf(quote, at + 2);
        }
        // A quote at the very end of what is here may be the first of two.
        if (at === -1 || (at + 1 === length && !isLast)) {
          if (!isLast) return -1;
          throw fail({
            line: line + linesWithin,
            problem: 'a quote is opened and never closed',
            hint: 'Close it, or double it if it is meant as a character.',
          });
        }
        linesWithin += countLineEnds(bytes, start, at);
        addField(start, at, hasDoubled);
        at += 1;
      } else {
        const start = at;
        while (at < length) {
          const byte = bytes[at];
          if (byte === comma || byte === lineFeed || byte === carriageReturn) break;
          at += 1;
        }
        addField(start, at, false);
      }
      if (at === length) {
        if (!isLast) return -1;
        break;
      }
      const byte = bytes[at];
      at += 1;
      if (byte === comma) continue;
      if (byte === lineFeed) break;
      if (byte === carriageReturn) {
        if (at === length && !isLast) return -1;
        if (bytes[at] === lineFeed) at += 1;
        break;
      }
      throw fail({
        line: line + linesWithin,
        problem: 'something stands between a closing quote and the comma after it',
        hint: 'Double the quotes that are meant as characters.',
      });
    }
    record.line = line;
    record.fields = fields;
    line += linesWithin + 1;
    return at;
  }

  return (given, isLast) => {
    bytes = given;
    let at = 0;
    if (isAtStart && (isLast || bytes.length >= byteOrderMark.length)) {
      if (byteOrderMark.every((byte, index) => bytes[index] === byte)) at = byteOrderMark.length;
      isAtStart = false;
    }
    // Records end with ASCII, so that no character is cut in two.
    const lastEnd = Math.max(bytes.lastIndexOf(lineFeed), bytes.lastIndexOf(carriageReturn)) + 1;
    const isSound = isUtf8(bytes.subarray(0, isLast ? bytes.length : lastEnd));
    while (at < bytes.length) {
      const next = readRecord(at, isLast);
      if (next === -1) break;
      if (!isSound && !isUtf8(bytes.subarray(at, next)))
        throw fail({ line: record.line, problem: 'the text is not UTF-8', hint: 'Save the file as UTF-8.' });
      // A line without anything is no record; one quoted field without anything is.
      if (fields > 1 || ends[0] !== starts[0] || bytes[at] === quote) onRecord(record);
      at = next;
    }
    if (bytes.length - at > longest)
      throw fail({
        line,
        problem: `no end of the row within ${String(longest / 2 ** 20)} MiB`,
        hint: 'A quote is opened there, or soon after, and not closed.',
      });
    return at;
  };
}

function doubleLength(old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(2 * old.length);
  grown.set(old);
  return grown;
}

/** Line feeds, carriage returns, and pairs of both, each once. */
function countLineEnds(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === lineFeed || (byte === carriageReturn && bytes[at + 1] !== lineFeed)) count += 1;
  }
  return count;
}
