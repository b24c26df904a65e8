import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { hashJson } from '../../foundation/content-hash.js';
import { readYaml } from '../../foundation/read-yaml.js';
import { currentEdition } from '../../organism/world/editions.js';
import { kindsSchema, type Kinds } from './kinds.js';
import { panelSchema, type Panel } from './panel.js';
import { sizesSchema, type Sizes } from './sizes.js';

/** The zoo of the shipped organisms; `src/zoo/definition` and `dist/zoo/definition` lie equally deep in the package. */
export const shippedDefinition = fileURLToPath(new URL(`../../../zoo/${String(currentEdition)}`, import.meta.url));

const page = 'docs/zoo.md';

/** What a zoo is: its kinds of fine-tunes, what they are asked, and how much is built. */
export interface ZooDefinition {
  readonly folder: string;
  readonly edition: number;
  readonly kinds: Kinds;
  readonly panel: Panel;
  readonly sizes: Sizes;
  /** Of what decides entries, their truth and their split: results of equal hashes can be compared. */
  readonly hash: string;
}

/** Reads the three files of a zoo, strictly: those that come with driftline if no folder is given. */
export async function readZooDefinition(folder: string = shippedDefinition): Promise<ZooDefinition> {
  const kinds = await readYaml(join(folder, 'kinds.yaml'), kindsSchema, page);
  const panel = await readYaml(join(folder, 'panel.yaml'), panelSchema, page);
  const sizes = await readYaml(join(folder, 'sizes.yaml'), sizesSchema, page);
  const editions = new Set([kinds.edition, panel.edition, sizes.edition]);
  if (editions.size > 1)
    throw invalid(
      folder,
      `its files are of the editions ${[...editions].join(', ')}`,
      'Take all three of one edition.',
    );
  const { reference } = panel;
  if (reference !== undefined && kinds.kinds[reference] === undefined)
    throw invalid(folder, `panel.yaml: reference: there is no kind ${reference}`, 'Name a kind of kinds.yaml.');
  for (const [size, { kinds: wanted = [], doses = [], recipes = [] }] of Object.entries(sizes.sizes))
    for (const [known, names] of [
      [kinds.kinds, wanted],
      [kinds.doses, doses],
      [kinds.recipes, recipes],
    ] as const) {
      const unknown = names.find((name) => !Object.hasOwn(known, name));
      if (unknown !== undefined)
        throw invalid(folder, `sizes.yaml: ${size}: kinds.yaml has nothing called ${unknown}`, 'Correct one of both.');
    }
  return { folder, edition: kinds.edition, kinds, panel, sizes, hash: hashJson({ kinds, panel }) };
}

function invalid(folder: string, problem: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'configuration-invalid', message: `${folder}: ${problem}`, hint });
}
