import { z } from 'zod';
import { createRandomStream } from '../../foundation/random-stream.js';
import { groupEqualRows } from '../group-equal-rows.js';
import { seedSchema, type PartedRows } from './part-row.js';
import { transformFault } from './transform-fault.js';

export const subsetSchema = z.strictObject({
  kind: z.literal('subset').describe('Keeps so many different rows, each once'),
  unique: z.int().positive().describe('Different rows that are kept'),
  seed: seedSchema,
});

/** Smaller subsets of one seed lie within larger ones; rows stay in their order. */
export function takeSubset(
  { rows, parts }: PartedRows,
  { unique, seed }: Omit<z.output<typeof subsetSchema>, 'kind'>,
): PartedRows {
  const groups = groupEqualRows(rows.map(({ row }) => row));
  if (unique > groups.length) {
    throw transformFault(
      `${unique} unique rows were asked for, but of ${rows.length} rows ${groups.length} are unique`,
      `Ask for at most ${groups.length} unique rows.`,
    );
  }
  const chosen = createRandomStream(seed, 'transform', 'subset').shuffle(groups).slice(0, unique);
  const firsts = new Set(chosen.map(([first]) => first));
  return { parts, rows: rows.filter((_, index) => firsts.has(index)) };
}
