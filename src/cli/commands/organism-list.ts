import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { nameModelFolder } from '../../models/model-reference.js';
import { readOrganismLines, type OrganismLine } from '../../organism/build/organism-lines.js';
import { editionOf, readOrganismManifest } from '../../organism/build/organism-manifest.js';
import { findOrganismFolder, listOrganismNames } from '../../organism/organism-folder.js';
import type { Edition } from '../../organism/world/editions.js';
import type { CommandAction } from '../command.js';
import type { organismListDefinition } from '../definitions/organism.js';
import { formatTable } from '../format-table.js';

export const organismList: CommandAction<typeof organismListDefinition> = {
  run: async (context, { arguments: { folder: parent } }) => {
    const names = await listOrganismNames(parent);
    if (parent !== undefined && names.length === 0) throw noOrganisms(parent);
    const lines = await readOrganismLines();
    const organisms = await Promise.all(names.map((name) => describeOrganism(name, parent, lines)));
    if (context.json) {
      context.printJson({ organisms });
      return;
    }
    const millions = (count: number | null): string => (count === null ? '?' : (count / 1e6).toFixed(1));
    const rows = organisms.map(({ model, edition, part, seed, characterOf, parameters, pretrainingTokens, bytes }) => [
      model,
      String(edition ?? '?'),
      part ?? '',
      String(seed ?? '?'),
      characterOf === null ? '?' : characterOf === 'exchange' ? 'independent' : 'shared',
      millions(parameters),
      millions(pretrainingTokens),
      millions(bytes),
    ]);
    const header = ['model', 'edition', 'part', 'seed', 'characters', 'M parameters', 'M tokens', 'MB'];
    for (const line of formatTable(header, rows, { right: [1, 3, 5, 6, 7] })) context.print(line);
    if (organisms.some(({ part }) => part !== null))
      context.notify('Methods may be chosen on open organisms; withheld ones only show what a choice is worth.');
    context.notify('Characters are shared by a whole document, or independent: drawn for each exchange (the control).');
  },
};

async function describeOrganism(
  name: string,
  parent: string | undefined,
  lines: ReadonlyMap<string, OrganismLine>,
): Promise<{
  readonly model: string;
  readonly edition: Edition | null;
  /** Whether methods may be chosen on it; null if organisms.yaml does not have it. */
  readonly part: OrganismLine['part'] | null;
  readonly seed: number | null;
  readonly characterOf: 'document' | 'exchange' | null;
  readonly parameters: number | null;
  readonly pretrainingTokens: number | null;
  readonly bytes: number | null;
  readonly folder: string;
}> {
  const folder = parent === undefined ? await findOrganismFolder(name) : join(parent, name);
  const manifest = await readOrganismManifest(folder);
  const weights = await stat(join(folder, 'model.safetensors')).catch(() => null);
  return {
    model: parent === undefined ? `organism:${name}` : nameModelFolder(folder),
    edition: manifest === null ? null : editionOf(manifest),
    part: lines.get(manifest?.like ?? '')?.part ?? null,
    seed: manifest?.seed ?? null,
    characterOf: manifest?.character_of ?? null,
    parameters: manifest?.parameters ?? null,
    pretrainingTokens: manifest?.pretraining_tokens ?? null,
    bytes: weights?.size ?? null,
    folder,
  };
}

function noOrganisms(folder: string): DriftlineError {
  return new DriftlineError({
    code: 'model-unknown',
    message: `there are no organisms in ${folder}`,
    hint: 'Name a folder whose subfolders are organisms, or build one with driftline organism build.',
    details: { folder },
  });
}
