import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { adapterWeightsFileName } from '../../engine/checkpoint/adapter-files.js';
import { hashFile } from '../../foundation/hash-file.js';
import { parseEntryId } from '../definition/zoo-names.js';
import { requireUnchangedBase } from './stained-base.js';
import { zooFault } from './zoo-fault.js';
import type { BuiltEntry, ZooManifest } from './zoo-manifest.js';

/** The folder of an entry's adapter. */
export function locateAdapter(folder: string, { run, cell }: Pick<BuiltEntry, 'run' | 'cell'>): string {
  return join(folder, run, 'cells', cell);
}

export function hashAdapter(adapter: string): Promise<string> {
  return hashFile(join(adapter, adapterWeightsFileName));
}

/**
 * Refuses entries whose weights are not those that their truth was measured on, those of a base that was made for them
 * included. Of a table without weights there is nothing to check, and `mustBeThere` says whether that is a fault.
 */
export async function requireUnchanged(
  folder: string,
  { entries, organisms }: Pick<ZooManifest, 'entries' | 'organisms'>,
  ids: readonly string[],
  mustBeThere = false,
): Promise<void> {
  const names = ids.flatMap((id) => (entries[id] === undefined ? [] : (parseEntryId(id)?.organism ?? [])));
  for (const name of new Set(names)) {
    const organism = organisms[name];
    if (organism !== undefined) await requireUnchangedBase(folder, name, organism, mustBeThere);
  }
  for (const id of ids) {
    const built = entries[id];
    if (built === undefined) continue;
    const adapter = locateAdapter(folder, built);
    const isThere = await access(join(adapter, adapterWeightsFileName)).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      if (mustBeThere)
        throw zooFault(`the adapter of ${id} is missing: ${adapter}`, 'Build the zoo again: what is there is kept.', {
          entry: id,
          adapter,
        });
      continue;
    }
    if ((await hashAdapter(adapter)) === built.adapter) continue;
    throw zooFault(
      `the adapter of ${id} was changed since its truth was measured: ${adapter}`,
      `Restore it, or remove ${adapter} and build again: it is then trained again.`,
      { entry: id, adapter },
    );
  }
}
