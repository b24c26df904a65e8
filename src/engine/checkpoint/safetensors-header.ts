import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { describeFirstProblem } from '../../foundation/explain-issue.js';

const quote = 0x22;
const backslash = 0x5c;

/**
 * The first key that occurs twice in one object of a valid JSON text, or null. `JSON.parse` silently keeps the last of
 * two equal keys, other parsers the first: a file that relies on it means different things to different readers.
 */
function findDuplicateKey(json: string): string | null {
  /** Keys seen so far in each open object; null for an open array. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(null);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(json, at);
      if (isFollowedByColon(json, end)) {
        const key: unknown = JSON.parse(json.slice(at, end));
        const keys = open.at(-1);
        if (typeof key === 'string' && keys) {
          if (keys.has(key)) return key;
          keys.add(key);
        }
      }
      at = end - 1;
    }
  }
  return null;
}

/** The position after the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== quote) at += json.charCodeAt(at) === backslash ? 2 : 1;
  return at + 1;
}

function isFollowedByColon(json: string, position: number): boolean {
  let at = position;
  while (at < json.length && ' \t\n\r'.includes(json.charAt(at))) at++;
  return json[at] === ':';
}

/** Element sizes in bits of every type the safetensors format knows. */
const bitsPerElement = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

type SafetensorsType = keyof typeof bitsPerElement;

/** Whether a damaged file belongs to a model folder or to an adapter folder. */
export type DamageCode = 'checkpoint-invalid' | 'adapter-invalid';

interface SafetensorsEntry {
  readonly type: SafetensorsType;
  readonly shape: readonly number[];
  /** First byte of the data, counted from the start of the file. */
  readonly start: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/** Bytes of the length that precedes the header. */
export const headerLengthBytes = 8;
/** The limit of the reference implementation: a longer header is an attack or noise. */
const longestHeader = 100_000_000;

const wholeNumber = z.number().int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(wholeNumber),
  data_offsets: z.tuple([wholeNumber, wholeNumber]),
});
const metadataSchema = z.record(z.string(), z.string());

interface FileFacts {
  readonly path: string;
  readonly fileBytes: number;
  readonly damage: DamageCode;
}

/** Reads the length of the header from the first eight bytes and checks that the file can hold it. */
export function parseHeaderLength(firstBytes: Uint8Array, file: FileFacts): number {
  if (file.fileBytes < headerLengthBytes || firstBytes.length < headerLengthBytes) {
    throw damaged(file, `it has ${file.fileBytes} bytes, too few for a safetensors file`);
  }
  const length = new DataView(firstBytes.buffer, firstBytes.byteOffset, headerLengthBytes).getBigUint64(0, true);
  if (length > BigInt(longestHeader)) {
    throw damaged(file, `it announces a header of ${length} bytes; the limit is ${longestHeader}`);
  }
  if (length > BigInt(file.fileBytes - headerLengthBytes)) {
    throw damaged(file, `it announces a header of ${length} bytes, and the file has ${file.fileBytes} bytes in all`);
  }
  return Number(length);
}

/**
 * Parses the JSON header and checks everything it claims: the tensors must tile the rest of the file exactly, without
 * overlap, gap or remainder, and every length must follow from shape and type.
 */
export function parseHeader(headerBytes: Uint8Array, file: FileFacts): SafetensorsHeader {
  const members = parseMembers(headerBytes, file);
  let metadata: Record<string, string> = {};
  const entries = new Map<string, SafetensorsEntry>();
  const dataStart = headerLengthBytes + headerBytes.length;
  for (const [name, value] of members) {
    if (name === '__metadata__') {
      const parsed = metadataSchema.safeParse(value);
      if (!parsed.success) throw damaged(file, '__metadata__ is not an object of strings');
      metadata = parsed.data;
    } else {
      entries.set(name, parseEntry(name, value, dataStart, file));
    }
  }
  checkTiling(entries, dataStart, file);
  return { metadata, entries };
}

function parseMembers(headerBytes: Uint8Array, file: FileFacts): [string, unknown][] {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(headerBytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw damaged(file, 'its header is not valid JSON', cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw damaged(file, 'its header is not a JSON object');
  }
  const twice = findDuplicateKey(text);
  if (twice !== null) throw damaged(file, `its header has the key ${JSON.stringify(twice)} twice`);
  return Object.entries(header);
}

function parseEntry(name: string, value: unknown, dataStart: number, file: FileFacts): SafetensorsEntry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) throw damaged(file, `tensor ${name}: ${describeFirstProblem(parsed.error, entrySchema)}`);
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  if (!isSafetensorsType(dtype)) throw damaged(file, `tensor ${name} has the unknown type ${JSON.stringify(dtype)}`);
  const [start, end] = offsets;
  const dataBytes = file.fileBytes - dataStart;
  if (end < start) throw damaged(file, `tensor ${name} ends (${end}) before it starts (${start})`);
  if (end > dataBytes) {
    throw damaged(file, `tensor ${name} ends at byte ${end} of the data, and the file has only ${dataBytes} of them`);
  }
  const bits = shape.reduce((product, size) => product * size, bitsPerElement[dtype]);
  if (bits !== (end - start) * 8) {
    throw damaged(file, `tensor ${name} (${dtype} [${shape.join(', ')}]) takes ${bits / 8} bytes, not ${end - start}`);
  }
  return { type: dtype, shape, start: dataStart + start, byteLength: end - start };
}

function isSafetensorsType(text: string): text is SafetensorsType {
  return Object.hasOwn(bitsPerElement, text);
}

function checkTiling(entries: ReadonlyMap<string, SafetensorsEntry>, dataStart: number, file: FileFacts): void {
  const inFileOrder = [...entries].sort(
    ([, left], [, right]) => left.start - right.start || left.byteLength - right.byteLength,
  );
  let end = dataStart;
  let previous = 'the header';
  for (const [name, entry] of inFileOrder) {
    if (entry.start < end) throw damaged(file, `tensor ${name} overlaps ${previous}`);
    if (entry.start > end) throw damaged(file, `${entry.start - end} bytes before tensor ${name} belong to no tensor`);
    end = entry.start + entry.byteLength;
    previous = `tensor ${name}`;
  }
  if (end !== file.fileBytes)
    throw damaged(file, `${file.fileBytes - end} bytes after ${previous} belong to no tensor`);
}

function damaged(file: FileFacts, problem: string, cause?: unknown): DriftlineError {
  return new DriftlineError({
    code: file.damage,
    message: `${file.path} is damaged: ${problem}`,
    hint: 'Download or copy the file again, and compare its size and hash with the source.',
    cause,
    details: { file: file.path },
  });
}
