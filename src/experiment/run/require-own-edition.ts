import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { countRun, inputOfRun } from '../../analysis/count-run.js';
import { findRunState, isWhole } from '../../analysis/run-state.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { resolveModelReference } from '../../models/model-reference.js';
import { editionRetired, organismsOfFirstEdition } from '../../organism/world/first-edition.js';
import { listRunFolders } from '../../runs/earlier-runs.js';
import { readRun } from '../../runs/read-run.js';
import { nameRun } from '../../runs/run-folder.js';
import { locateManifest, readStoredRun, type RunManifest } from '../../runs/run-manifest.js';
import type { ResolvedPlan } from '../plan/resolved-plan.js';

/**
 * Refuses to begin the run of a plan anew where one is there that was begun with organisms of the first edition, and is not finished: whoever
 * runs the plan means to continue that, and organisms of these names are others today. Nothing is written. A run that is finished is left as
 * it is, and one of today's organisms goes into a folder of its own.
 */
export async function requireOwnEdition(
  runs: string,
  plan: Pick<ResolvedPlan, 'name' | 'hash' | 'bases'>,
): Promise<void> {
  if (await isThere(locateManifest(join(runs, nameRun(plan))))) return;
  for (const folder of await listRunFolders(runs, plan.name)) {
    const found = await findOrganism(folder, plan);
    if (found === null || !(await isUnfinished(folder))) continue;
    throw editionRetired(
      `${folder} is not finished, and was begun with ${found} of the first edition, which this version does not have`,
      {
        wanted: 'continues it',
        instead: "it is read, reported and judged again; to begin with today's organisms, give another folder of runs",
        details: { folder, model: found },
      },
    );
  }
}

/** The organism of the first edition that the run has under a name of the plan; null if there is none. */
async function findOrganism(folder: string, { bases }: Pick<ResolvedPlan, 'bases'>): Promise<string | null> {
  const { manifest } = (await readStoredRun(folder).catch(withoutRun)) ?? {};
  if (manifest === undefined) return null;
  const wanted = new Map([...bases.values()].map(({ reference, identity }) => [reference.text, identity]));
  for (const base of manifest.bases) {
    const first = organismsOfFirstEdition.get(base.identity);
    const today = wanted.get(nameToday(manifest, base.name)) ?? bases.get(base.name)?.identity;
    if (first !== undefined && today !== undefined && today !== base.identity) return first;
  }
  return null;
}

/** What the model of a base is called today, as `organism:independent` is another name now. */
function nameToday({ models }: RunManifest, base: string): string {
  const written = models[base] ?? '';
  try {
    return resolveModelReference(written).text;
  } catch (cause) {
    if (DriftlineError.isInstance(cause)) return written;
    throw cause;
  }
}

async function isUnfinished(folder: string): Promise<boolean> {
  const run = await readRun(folder).catch(withoutRun);
  if (run === null) return false;
  const input = inputOfRun(run);
  return !isWhole(findRunState(input, countRun(input)));
}

/** Null for what cannot be read: it keeps nobody from running a plan. */
function withoutRun(cause: unknown): null {
  if (DriftlineError.isInstance(cause)) return null;
  throw cause;
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
