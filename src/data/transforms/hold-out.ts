import { z } from 'zod';
import { createRandomStream } from '../../foundation/random-stream.js';
import { groupEqualRows } from '../group-equal-rows.js';
import { seedSchema, type PartedRows } from './part-row.js';
import { transformFault } from './transform-fault.js';

export const holdOutSchema = z.strictObject({
  kind: z.literal('hold-out').describe('Splits off a test part'),
  share: z.number().min(0).max(1).describe('Share of the rows that make up the test part, at most'),
  keep: z
    .enum(['training', 'test'])
    .default('training')
    .describe('Which part is kept; with the same seed the two make up the whole'),
  seed: seedSchema,
});

/** Rows with equal questions stay together, so that nothing of the test part is trained on; rows stay in their order. */
export function holdOut(
  { rows, parts }: PartedRows,
  { share, keep, seed }: Omit<z.output<typeof holdOutSchema>, 'kind'>,
): PartedRows {
  const groups = groupEqualRows(
    rows.map(({ row }) => row),
    'question',
  );
  const wanted = Math.round(share * rows.length);
  const held = new Set<number>();
  for (const group of createRandomStream(seed, 'transform', 'hold-out').shuffle(groups))
    if (held.size + group.length <= wanted) for (const index of group) held.add(index);
  const kept = rows.filter((_, index) => held.has(index) === (keep === 'test'));
  if (kept.length > 0) return { parts, rows: kept };
  throw transformFault(
    `a share of ${share} of ${rows.length} rows with ${groups.length} different questions leaves no ${keep} part`,
    'Rows with equal questions stay together. Give another share.',
  );
}
