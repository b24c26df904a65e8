import { z } from 'zod';
import { createRandomStream } from '../../foundation/random-stream.js';
import { seedSchema, type PartedRows } from './part-row.js';

export const shuffleSchema = z.strictObject({
  kind: z.literal('shuffle').describe('Puts the rows into a random order'),
  seed: seedSchema,
});

export function shuffleRows(
  { rows, parts }: PartedRows,
  { seed }: Omit<z.output<typeof shuffleSchema>, 'kind'>,
): PartedRows {
  return { parts, rows: createRandomStream(seed, 'transform', 'shuffle').shuffle(rows) };
}
