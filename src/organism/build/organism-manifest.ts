import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { editions, type Edition } from '../world/editions.js';
import type { World } from '../world/world.js';
import { organismDesignSchema } from './organism-design.js';

const manifestSchema = z.object({
  seed: z.int(),
  /** Hash of the world that it was trained on. */
  world: z.string(),
  /** Of the world; the first if it does not say. */
  edition: z.literal(editions).optional(),
  /** Hash of what its world can say, from the second edition on: organisms that differ in shares have one. */
  texts: z.string().optional(),
  character_of: z.enum(['document', 'exchange']),
  design: organismDesignSchema,
  parameters: z.int().positive(),
  pretraining_tokens: z.int().positive(),
  /** The line of organisms.yaml by which it was built. */
  like: z.string().optional(),
});

/** What an organism was made from; with the world's files, enough to make it again. */
export type OrganismManifest = z.output<typeof manifestSchema>;

export function editionOf({ edition = 1 }: Pick<OrganismManifest, 'edition'>): Edition {
  return edition;
}

/** Whether this world says what the organism was brought up on: then its judge understands the organism. */
export function isOfWorld(manifest: OrganismManifest, world: World): boolean {
  return manifest.texts === undefined ? manifest.world === world.hash : manifest.texts === world.textsHash;
}

/** Makes a model folder an organism's. */
export const organismManifestFile = 'organism.json';

export async function writeOrganismManifest(folder: string, manifest: OrganismManifest): Promise<void> {
  await writeFileAtomically(join(folder, organismManifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The manifest of an organism's folder, or null if there is none. */
export async function readOrganismManifest(folder: string): Promise<OrganismManifest | null> {
  const file = join(folder, organismManifestFile);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw invalidManifest(file, error);
  });
  if (text === null) return null;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw invalidManifest(file, error);
  }
}

function invalidManifest(file: string, cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'checkpoint-invalid',
    message: `${file} does not describe an organism`,
    hint: 'Build the organism again in a new folder, or install driftline again if it is a shipped one.',
    cause,
    details: { file },
  });
}
