import { gzipSync } from 'node:zlib';
import { canonicalJson, hashJson } from '../../foundation/content-hash.js';

/** Digits of a line's hash that stand in it. */
const checkDigits = 16;

/** A line of a file that driftline and its jobs share: canonical JSON with a check over all else of it. */
export function writeCheckedLine(value: Readonly<Record<string, unknown>>): string {
  return `${canonicalJson({ ...value, check: hashJson(value).slice(0, checkDigits) })}\n`;
}

/** What a line says, without its check; null for one that is cut off or damaged. */
export function readCheckedLine(line: string): Readonly<Record<string, unknown>> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || !('check' in parsed)) return null;
  const { check, ...value } = parsed;
  return check === hashJson(value).slice(0, checkDigits) ? value : null;
}

/** Lines with a last one that says how many there are, packed: cut off, they are as if not there. */
export function packClosedLines(values: Iterable<Readonly<Record<string, unknown>>>): Uint8Array {
  const lines = Array.from(values, writeCheckedLine);
  // Equal lines make equal bytes on all machines: zlib writes no date.
  return gzipSync([...lines, writeCheckedLine({ lines: lines.length })].join(''));
}
