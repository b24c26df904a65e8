import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { tinyPlan } from '../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

/** Writes the tiny plan with changes into a folder of its own. */
export async function writePlan(changes: object = {}): Promise<{ readonly file: string; readonly runs: string }> {
  const folder = await makeTemporaryFolder();
  const file = join(folder, 'plan.yaml');
  await writeFile(file, stringify({ ...tinyPlan, ...changes }));
  return { file, runs: join(folder, 'runs') };
}
