import { join } from 'node:path';
import { z } from 'zod';
import { readOwnJson } from '../../foundation/read-own-json.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';

const recordFile = 'tinker-run.json';

const recordSchema = z.object({
  v: z.literal(1),
  /** SHA-256 of all that decides what comes out. */
  mark: z.string(),
  /** As the service calls it. */
  base: z.string(),
  host: z.string(),
  sdk: z.string(),
  /** What the update is scaled by. */
  scale: z.number(),
  state: z.enum(['begun', 'finished']),
  steps: z.int().nonnegative(),
  /** The last state that it goes on from; null before the first. */
  saved: z.object({ step: z.int().positive(), path: z.string() }).nullable(),
  /** Steps whose models are kept beside the last. */
  kept: z.array(z.int()),
  /** Weights that the service answers with, or that were fetched, by their steps; the last step's are the result. */
  weights: z.array(z.object({ step: z.int().positive(), path: z.string() })),
  /** Tokens that were trained on up to that state, and steps behind a state that were lost and done again: both are paid. */
  paid: z.object({ tokens: z.int().nonnegative(), lost_steps: z.int().nonnegative() }),
});

/** What the folder of a cell knows of its fine-tune at Tinker; no key. */
export type TinkerRunRecord = z.output<typeof recordSchema>;

/** Null where there is none that can be read: the fine-tune then begins anew. */
export function readTinkerRun(folder: string): Promise<TinkerRunRecord | null> {
  return readOwnJson(join(folder, recordFile), recordSchema);
}

export async function writeTinkerRun(folder: string, record: TinkerRunRecord): Promise<void> {
  await writeFileAtomically(join(folder, recordFile), `${JSON.stringify(record, null, 2)}\n`);
}
