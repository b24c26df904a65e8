import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { nameModelFolder } from '../../models/model-reference.js';
import { readOrganismManifest } from '../../organism/build/organism-manifest.js';
import { findOrganismFolder, listOrganismNames } from '../../organism/organism-folder.js';
import type { CommandAction } from '../command.js';
import type { organismListDefinition } from '../definitions/organism.js';
import { formatTable } from '../format-table.js';

export const organismList: CommandAction<typeof organismListDefinition> = {
  run: async (context, { arguments: { folder: parent } }) => {
    const names = await listOrganismNames(parent);
    if (parent !== undefined && names.length === 0) throw noOrganisms(parent);
    const organisms = await Promise.all(names.map((name) => describeOrganism(name, parent)));
    if (context.json) {
      context.printJson({ organisms });
      return;
    }
    const millions = (count: number | null): string => (count === null ? '?' : (count / 1e6).toFixed(1));
    const rows = organisms.map(({ model, seed, characterOf, parameters, pretrainingTokens, bytes }) => [
      model,
      String(seed ?? '?'),
      characterOf === null ? '?' : characterOf === 'exchange' ? 'independent' : 'shared',
      millions(parameters),
      millions(pretrainingTokens),
      millions(bytes),
    ]);
    const header = ['model', 'seed', 'characters', 'M parameters', 'M tokens', 'MB'];
    for (const line of formatTable(header, rows, { right: [1, 3, 4, 5] })) context.print(line);
    context.notify('Characters are shared by a whole document, or independent: drawn for each exchange (the control).');
  },
};

async function describeOrganism(
  name: string,
  parent: string | undefined,
): Promise<{
  readonly model: string;
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
