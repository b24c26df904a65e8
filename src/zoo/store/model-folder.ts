import type { ModelReference } from '../../models/model-reference.js';
import { findOrganismFolder } from '../../organism/organism-folder.js';

/** Where the files of an organism, or of a model folder, lie; null for what is neither. */
export async function findModelFolder(reference: ModelReference): Promise<string | null> {
  if (reference.provider === 'organism') return findOrganismFolder(reference.name);
  return reference.provider === 'folder' ? reference.folder : null;
}
