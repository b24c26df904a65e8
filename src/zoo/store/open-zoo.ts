import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { addedFile, readTruthTable, truthFile, type TruthRow } from './truth-table.js';
import { zooFault } from './zoo-fault.js';
import { manifestFile, readZooManifest, requireEdition, type ZooManifest } from './zoo-manifest.js';

/** A zoo that was built, or whose table somebody sent. */
export interface OpenedZoo {
  readonly folder: string;
  readonly manifest: ZooManifest;
  /** Entries that were built, then those that were added. */
  readonly truths: readonly TruthRow[];
}

/** Opens a folder that `zoo build` made, or one with its tables alone. Throws `zoo-edition-differs` for one of another edition. */
export async function openZoo(folder: string, definition: Pick<ZooDefinition, 'edition' | 'hash'>): Promise<OpenedZoo> {
  const manifest = await readZooManifest(folder);
  if (manifest === null)
    throw zooFault(
      `${folder} has no zoo: there is no ${manifestFile}`,
      'Build one with driftline zoo build, or name the folder of one with --folder.',
      { folder },
    );
  requireEdition(folder, manifest, definition);
  const truths = await readTruthTable(join(folder, truthFile));
  const added = await readAdded(folder);
  const ids = new Set(truths.map(({ entry }) => entry));
  const twice = added.find(({ entry }) => ids.has(entry));
  if (twice !== undefined)
    throw zooFault(`${twice.entry} was added, and is an entry of the zoo as well`, `Rename it in ${addedFile}.`);
  return { folder, manifest, truths: [...truths, ...added] };
}

/** What was measured elsewhere. */
export async function readAdded(folder: string): Promise<TruthRow[]> {
  const file = join(folder, addedFile);
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  return isThere ? readTruthTable(file) : [];
}
