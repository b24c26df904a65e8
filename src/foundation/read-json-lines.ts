import { createReadStream } from 'node:fs';
import { DriftlineError } from './driftline-error.js';

const newline = 0x0a;

export interface JsonLine {
  /** From 1, as editors count. */
  readonly line: number;
  readonly value: unknown;
}

export interface JsonLinesReading {
  /**
   * What to do with a last line that has no line feed and is not whole: skip it, where driftline appends to the file and may
   * have been killed in the middle of a line, or reject it like any broken line (the default), where people wrote the file.
   */
  readonly halfWrittenEnd?: 'skip' | 'reject';
}

/** Reads a JSON Lines file line by line. Empty lines are skipped; a line that is not JSON is an error that names file and line. */
export async function* readJsonLines(
  path: string,
  { halfWrittenEnd = 'reject' }: JsonLinesReading = {},
): AsyncGenerator<JsonLine, void, undefined> {
  let line = 0;
  let pieces: Buffer[] = [];
  // createReadStream yields buffers as long as no encoding is set; its type does not say so.
  const chunks = createReadStream(path) as AsyncIterable<Buffer>;
  try {
    for await (const chunk of chunks) {
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        line += 1;
        const bytes = Buffer.concat([...pieces, chunk.subarray(start, end)]);
        pieces = [];
        start = end + 1;
        const parsed = parseLine(bytes, line);
        if (parsed.kind === 'broken') throw brokenLine(path, line, parsed.cause);
        if (parsed.kind === 'value') yield { line, value: parsed.value };
      }
      if (start < chunk.length) pieces.push(chunk.subarray(start));
    }
  } catch (cause) {
    if (DriftlineError.isInstance(cause)) throw cause;
    throw unreadable(path, cause);
  }
  line += 1;
  const lastBytes = Buffer.concat(pieces);
  const parsed = halfWrittenEnd === 'skip' ? parseUnfinishedLine(lastBytes, line) : parseLine(lastBytes, line);
  if (parsed.kind === 'broken' && halfWrittenEnd === 'reject') throw brokenLine(path, line, parsed.cause);
  if (parsed.kind === 'value') yield { line, value: parsed.value };
}

export type ParsedLine =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'empty' }
  | { readonly kind: 'broken'; readonly cause: unknown };

function parseLine(bytes: Uint8Array, line: number): ParsedLine {
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: line !== 1 }).decode(bytes);
    return decoded.trim() === '' ? { kind: 'empty' } : { kind: 'value', value: JSON.parse(decoded) };
  } catch (cause) {
    return { kind: 'broken', cause };
  }
}

/** A last line without a line feed counts if it is whole, which every value but a number shows by its last character. */
export function parseUnfinishedLine(bytes: Uint8Array, line: number): ParsedLine {
  const parsed = parseLine(bytes, line);
  return parsed.kind === 'value' && typeof parsed.value === 'number'
    ? { kind: 'broken', cause: new Error('a number without a line feed may be half-written') }
    : parsed;
}

function brokenLine(file: string, line: number, cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'json-lines-invalid',
    message: `${file}:${line} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'Correct or remove that line; every line must be one JSON value.',
    cause,
    details: { file, line },
  });
}

function unreadable(file: string, cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'file-unreadable',
    message: `${file} could not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'Check the name of the file, and that you may read it.',
    cause,
    details: { file },
  });
}
