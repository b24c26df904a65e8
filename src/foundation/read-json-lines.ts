import { DriftlineError } from './driftline-error.js';
import { readByteLines } from './read-byte-lines.js';

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
  /** Told of lines that are not JSON, which are then left out; without it they are an error. */
  readonly onBroken?: (line: number) => void;
}

/** Reads a JSON Lines file line by line. Empty lines are skipped; a line that is not JSON is an error that names file and line. */
export async function* readJsonLines(
  path: string,
  { halfWrittenEnd = 'reject', onBroken }: JsonLinesReading = {},
): AsyncGenerator<JsonLine, void, undefined> {
  for await (const { line, bytes, isEnded } of readByteLines(path)) {
    const mayBeHalf = !isEnded && halfWrittenEnd === 'skip';
    const parsed = mayBeHalf ? parseUnfinishedLine(bytes, line) : parseLine(bytes, line);
    if (parsed.kind === 'broken' && !mayBeHalf) {
      if (onBroken === undefined) throw brokenLine(path, line, parsed.cause);
      onBroken(line);
    }
    if (parsed.kind === 'value') yield { line, value: parsed.value };
  }
}

type ParsedLine =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'empty' }
  | { readonly kind: 'broken'; readonly cause: unknown };

/** One line as JSON; a byte order mark is allowed on the first. */
export function parseLine(bytes: Uint8Array, line: number): ParsedLine {
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
