import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { readOwnJson } from '../../foundation/read-own-json.js';

const recordFile = 'cluster.json';

const recordSchema = z.object({
  v: z.literal(1),
  /** SHA-256 of all that decides what comes out. */
  mark: z.string(),
  job: z.string(),
  address: z.string(),
  storage: z.string(),
  state: z.enum(['begun', 'finished']),
  steps: z.int().nonnegative(),
  kept: z.array(z.int()),
  /** Folder on the cluster of a model that was trained whole: its weights are there alone. Absent for adapters. */
  weights: z.string().optional(),
});

/** What the folder of a cell knows of its job on a cluster; neither key nor token. */
export type ClusterCellRecord = z.output<typeof recordSchema>;

/** Null where there is none that can be read: the job is then looked for on the cluster. */
export function readClusterCell(folder: string): Promise<ClusterCellRecord | null> {
  return readOwnJson(join(folder, recordFile), recordSchema);
}

export async function writeClusterCell(folder: string, record: ClusterCellRecord): Promise<void> {
  await writeFileAtomically(join(folder, recordFile), `${JSON.stringify(record)}\n`);
}
