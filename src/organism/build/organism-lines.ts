import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { findByName } from '../../foundation/find-by-name.js';
import { readYaml } from '../../foundation/read-yaml.js';
import type { WorldChanges } from '../world/read-world.js';

const linesSchema = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a name has small letters, digits and hyphens'),
  z.strictObject({
    seed: z.int().nonnegative().describe('Seed of documents and initial weights'),
    part: z
      .enum(['open', 'withheld'])
      .describe('Whether settings of methods may be chosen on it; a withheld one only shows what they are worth'),
    independent: z.boolean().default(false).describe('Whether each exchange has a character of its own'),
    characters: z
      .record(z.string(), z.number().min(0).max(1))
      .default({})
      .describe('Shares of characters; those that are not named keep the share of the world'),
  }),
);

/** What one organism is made from besides texts and design. */
export type OrganismLine = z.output<typeof linesSchema>[string];

export const organismLinesFile = fileURLToPath(new URL('../../../organism/organisms.yaml', import.meta.url));

/** The shipped organisms, by name: all are of the current edition and design. */
export async function readOrganismLines(file = organismLinesFile): Promise<ReadonlyMap<string, OrganismLine>> {
  return new Map(Object.entries(await readYaml(file, linesSchema)));
}

/** How the world of an organism differs from the shipped one. */
export function changesOfLine({
  independent,
  characters,
}: Pick<OrganismLine, 'independent' | 'characters'>): WorldChanges {
  return { ...(independent ? { character_of: 'exchange' } : {}), shares: characters };
}

export async function findOrganismLine(name: string): Promise<OrganismLine> {
  return findByName(await readOrganismLines(), name, 'organism in organisms.yaml');
}
