import { DriftlineError } from '../../foundation/driftline-error.js';
import { nameWrittenModel, resolveModelReference, type WrittenModel } from '../../models/model-reference.js';
import { editionOf, readOrganismManifest } from '../../organism/build/organism-manifest.js';
import { findOrganismFolder } from '../../organism/organism-folder.js';
import { currentEdition, worldFolders, type Edition } from '../../organism/world/editions.js';
import { readWorld } from '../../organism/world/read-world.js';
import type { World } from '../../organism/world/world.js';
import { locateFolders } from './plan-models.js';

/**
 * The world whose questions, training sets and judge fit these models: of the edition in which the organisms among them
 * were brought up, or the current one where there are none. `locate` says where a path leads, `source` what is wrong where
 * editions differ.
 */
export async function readWorldOfBases(
  written: readonly WrittenModel[],
  locate: (path: string) => string,
  source: string,
): Promise<World> {
  const found = new Map<Edition, string>();
  for (const model of written) {
    const edition = await findEdition(model, locate);
    if (edition !== null && !found.has(edition)) found.set(edition, nameWrittenModel(model));
  }
  const [first, second] = [...found];
  if (first !== undefined && second !== undefined)
    throw new DriftlineError({
      code: 'configuration-invalid',
      message: `${source}: ${first[1]} was brought up in edition ${String(first[0])} of the organism's world, ${second[1]} in edition ${String(second[0])}`,
      hint: 'Their questions and training sets differ: write a plan for each edition.',
    });
  return readWorld(worldFolders[first?.[0] ?? currentEdition]);
}

/**
 * The edition of the world that an organism was brought up in, or what is made of one. Null for what is no organism, and for
 * what cannot be found: whoever opens it says why.
 */
export async function findEdition(written: WrittenModel, locate: (path: string) => string): Promise<Edition | null> {
  try {
    const reference = locateFolders(resolveModelReference(written), locate);
    const whole = reference.provider === 'adapted' ? reference.base : reference;
    const folder =
      whole.provider === 'organism'
        ? await findOrganismFolder(whole.name)
        : whole.provider === 'folder'
          ? whole.folder
          : null;
    const manifest = folder === null ? null : await readOrganismManifest(folder);
    return manifest === null ? null : editionOf(manifest);
  } catch (cause) {
    if (DriftlineError.isInstance(cause)) return null;
    throw cause;
  }
}
