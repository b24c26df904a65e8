import { basename, resolve } from 'node:path';
import { hashContent } from '../foundation/content-hash.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { resolveModelReference } from '../models/model-reference.js';
import { findOrganismFolder } from '../organism/organism-folder.js';

export interface LocatedOrganism {
  /** The model's canonical name: `organism:1` or `./folder`. */
  readonly model: string;
  readonly folder: string;
  /** Unique to this organism, for a folder of its own. */
  readonly folderName: string;
}

/** Finds an organism by what was typed: `1`, `organism:1`, or a model folder such as `./organisms/7`. */
export async function locateOrganism(typed: string): Promise<LocatedOrganism> {
  const reference = resolveModelReference(/^[a-z0-9-]+$/.test(typed) ? `organism:${typed}` : typed);
  switch (reference.provider) {
    case 'organism':
      return { model: reference.text, folder: await findOrganismFolder(reference.name), folderName: reference.name };
    case 'folder': {
      const { text, folder } = reference;
      const path = resolve(folder);
      return { model: text, folder, folderName: `${basename(path)}-${hashContent(path).slice(0, 8)}` };
    }
    default:
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${reference.text} is not an organism`,
        hint: 'Use a name that driftline organism list shows, or a folder that driftline organism build made.',
        details: { model: reference.text },
      });
  }
}
