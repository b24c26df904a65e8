import type { z } from 'zod';
import { readRecord } from '../experiment/run/record-file.js';
import { isMissing } from '../foundation/is-missing.js';
import { parseLine, parseUnfinishedLine } from '../foundation/read-json-lines.js';
import { readByteLines } from '../foundation/read-byte-lines.js';

export interface RecordLines<Stored> {
  readonly records: readonly Stored[];
  /** Lines that are not as they were written, or not JSON; a half-written last line is none. */
  readonly spoilt: readonly number[];
}

/** All records of a file that nobody need have closed, of each key the first. A file that is not there has none. */
export async function readRecordLines<Stored extends object>(
  file: string,
  schema: z.ZodType<Stored>,
  keyOf: (record: Stored) => string,
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
  return { records: [...records.values()], spoilt };
}
