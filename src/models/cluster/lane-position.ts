import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readOwnJson } from '../../foundation/read-own-json.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';

const positionSchema = z.object({
  v: z.literal(1),
  /** As the nodes call it. */
  storage: z.string(),
  /** Whole files of answers from which all is taken, but for those that are named. */
  files: z.int().nonnegative(),
  /** Of these, the ones that hold answers that nobody has taken yet. */
  again: z.array(z.int().nonnegative()),
});

/** How far the answers of a lane are taken, as the run folder knows it. */
export type LanePosition = z.output<typeof positionSchema>;

const place = (folder: string, lane: string): string => join(folder, 'cluster-lanes', `${lane}.json`);

/** Null where there is none that can be read: then all answers that are there are read. */
export function readLanePosition(folder: string, lane: string): Promise<LanePosition | null> {
  return readOwnJson(place(folder, lane), positionSchema);
}

export async function writeLanePosition(folder: string, lane: string, position: LanePosition): Promise<void> {
  await mkdir(dirname(place(folder, lane)), { recursive: true });
  await writeFileAtomically(place(folder, lane), `${JSON.stringify(position)}\n`);
}
