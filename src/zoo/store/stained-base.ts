import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { isMissing, readFailure } from '../../foundation/file-failure.js';
import { hashFile } from '../../foundation/hash-file.js';
import { readOwnJson } from '../../foundation/read-own-json.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { identifyModelFiles } from '../../models/embedded/identify-model-folder.js';
import type { ModelReference, WrittenModel } from '../../models/model-reference.js';
import { findOrganismFolder } from '../../organism/organism-folder.js';
import { zooFault } from './zoo-fault.js';
import type { BuiltOrganism } from './zoo-manifest.js';

const recordFile = 'stain.json';

const recordSchema = z.object({
  format: z.literal(1),
  /** What was fine-tuned. */
  model: z.string(),
  /** Identity of what came of that: of the model, its rows and its recipe. */
  training: z.string(),
  /** SHA-256 of the other files, by their names. */
  files: z.record(z.string(), z.string()),
});

/** What a stained base is, and that it is whole. */
export interface StainedBase {
  readonly training: string;
  /** As every model folder has one. */
  readonly identity: string;
}

/** The folder of an organism's base that was fine-tuned before its entries are. */
export function locateStainedBase(folder: string, organism: string): string {
  return join(folder, 'bases', organism);
}

/** It as a model. */
export function nameStainedBase(folder: string, organism: string): WrittenModel {
  return { base: resolve(locateStainedBase(folder, organism)) };
}

/** The model that the entries of an organism were made from. */
export function nameBuiltBase(
  folder: string,
  organism: string,
  { model, stain }: Pick<BuiltOrganism, 'model' | 'stain'>,
): WrittenModel {
  return stain === undefined ? model : nameStainedBase(folder, organism);
}

/** Notes what a base is, as the last of its files. */
export async function writeStainRecord(
  base: string,
  { model, training }: { readonly model: string; readonly training: string },
): Promise<void> {
  const files = Object.fromEntries(await hashFiles(base));
  await writeFileAtomically(
    join(base, recordFile),
    `${JSON.stringify({ format: 1, model, training, files }, null, 1)}\n`,
  );
}

/** Reads a base that was made. Null where there is none; one whose files are others than were written is refused. */
export async function readStainedBase(organism: string, base: string): Promise<StainedBase | null> {
  const files = await hashFiles(base).catch((cause: unknown) => {
    if (isMissing(cause)) return null;
    throw readFailure(base, cause);
  });
  if (files === null) return null;
  const record = await readOwnJson(join(base, recordFile), recordSchema);
  const identity = identifyModelFiles(files);
  if (
    record === null ||
    // What stands beside the files of a model, such as a cache, changes nothing; a file that a model is read from does.
    identity !== identifyModelFiles(new Map(Object.entries(record.files))) ||
    Object.entries(record.files).some(([name, hash]) => files.get(name) !== hash)
  )
    throw changedBase(organism, base);
  return { training: record.training, identity };
}

/** Refuses a base that is no longer what entries were trained on and compared with. */
export async function requireUnchangedBase(
  folder: string,
  organism: string,
  built: Pick<BuiltOrganism, 'identity' | 'stain'>,
  mustBeThere: boolean,
): Promise<void> {
  if (built.stain === undefined) return;
  const base = locateStainedBase(folder, organism);
  const found = await readStainedBase(organism, base);
  if (found === null) {
    if (!mustBeThere) return;
    throw zooFault(`the base of ${organism} is missing: ${base}`, 'Build the zoo again: what is there is kept.', {
      organism,
      base,
    });
  }
  if (found.identity !== built.identity) throw changedBase(organism, base);
}

function changedBase(organism: string, base: string): Error {
  return zooFault(
    `the base of ${organism} was changed since it was made: ${base}`,
    `Restore it, or remove ${base} and build again: it is then made again.`,
    { organism, base },
  );
}

/** SHA-256 of the files that make up a base. */
async function hashFiles(base: string): Promise<Map<string, string>> {
  const entries = await readdir(base, { withFileTypes: true });
  const names = entries.flatMap((entry) => (entry.isFile() && entry.name !== recordFile ? [entry.name] : [])).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await hashFile(join(base, name))] as const)));
}

/** Where the files of an organism, or of a model folder, lie; null for what is neither. */
export async function findModelFolder(reference: ModelReference): Promise<string | null> {
  if (reference.provider === 'organism') return findOrganismFolder(reference.name);
  return reference.provider === 'folder' ? reference.folder : null;
}
