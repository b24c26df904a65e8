import { z } from 'zod';
import type { PartedRows } from './part-row.js';
import { transformFault } from './transform-fault.js';

/** Of `times` and `rows` exactly one is given. */
export const repeatSchema = z
  .strictObject({
    kind: z.literal('repeat').describe('Repeats the rows, one pass after the other'),
    times: z.int().positive().optional().describe('Passes'),
    rows: z.int().positive().optional().describe('Rows wanted in the end; the last pass may be cut short'),
  })
  .refine(({ times, rows }) => (times === undefined) !== (rows === undefined), {
    error: 'give either times or rows',
  });

export function repeatRows(
  { rows, parts }: PartedRows,
  { times, rows: wanted }: Pick<z.output<typeof repeatSchema>, 'times' | 'rows'>,
): PartedRows {
  const total = wanted ?? rows.length * (times ?? 1);
  if (total < rows.length) {
    throw transformFault(
      `to be repeated to ${total} rows, a set of ${rows.length} is too large`,
      `Ask for at least ${rows.length} rows, or for fewer different ones by a subset first.`,
    );
  }
  const repeated = Array.from({ length: Math.ceil(total / rows.length) }, () => rows).flat();
  return { parts, rows: repeated.slice(0, total) };
}
