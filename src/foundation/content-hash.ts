import { createHash } from 'node:crypto';
import { DriftlineError } from './driftline-error.js';

/** SHA-256 in hexadecimal; of a string, its UTF-8 bytes. */
export function hashContent(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** `hashContent` of the pieces joined, without joining them. */
export function hashPieces(pieces: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/** SHA-256 of the canonical JSON: the same for equal values, whatever the order of their keys. */
export function hashJson(value: unknown): string {
  return hashContent(canonicalJson(value));
}

/**
 * JSON without white space, keys in the order of their UTF-16 code units (RFC 8785). Properties that are undefined are left out;
 * what JSON cannot hold (NaN, functions, class instances such as Date or Map) is refused rather than changed silently.
 */
export function canonicalJson(value: unknown): string {
  return writeCanonically(value, '$');
}

function writeCanonically(value: unknown, place: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notJson(value, place);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    // Array.from visits the holes of sparse arrays, which map would skip.
    return `[${Array.from(value, (item: unknown, index) => writeCanonically(item, `${place}[${index}]`)).join(',')}]`;
  }
  if (!isPlainObject(value)) throw notJson(value, place);
  const properties = Object.entries(value)
    .filter(([, property]) => property !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, property]) => `${JSON.stringify(key)}:${writeCanonically(property, `${place}.${key}`)}`);
  return `{${properties.join(',')}}`;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function notJson(value: unknown, place: string): DriftlineError {
  const kind = typeof value === 'object' ? (value?.constructor.name ?? 'object') : typeof value;
  return new DriftlineError({
    code: 'usage-invalid',
    message: `the value at ${place} is not JSON: ${typeof value === 'number' ? String(value) : kind}`,
    hint: 'Hash only null, booleans, finite numbers, strings, arrays and plain objects.',
    details: { place },
  });
}
