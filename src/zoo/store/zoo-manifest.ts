import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { isMissing, readFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { parseJson } from '../../runs/run-outline.js';
import { zooFault } from './zoo-fault.js';

const builtSchema = z.object({
  /** Run folder, relative to the zoo, and the cell in it. */
  run: z.string(),
  cell: z.string(),
  /** SHA-256 of its adapter's weights. */
  adapter: z.string(),
});

/** Where an entry lies, and what its weights are. */
export type BuiltEntry = z.output<typeof builtSchema>;

const paceSchema = z.object({
  steps: z.number(),
  stepSeconds: z.number(),
  answers: z.number(),
  answerSeconds: z.number(),
});

/** How long steps and answers took on this machine, all builds of the folder together. */
export type Pace = z.output<typeof paceSchema>;

const organismSchema = z.object({
  /** As the sizes write it. */
  model: z.string(),
  /** Of the files of the base that entries start from. */
  identity: z.string(),
  /** Where the model was fine-tuned first: identity of what came of that. Its base then lies in bases/, by its name. */
  stain: z.string().optional(),
});

/** What the entries of an organism start from. */
export type BuiltOrganism = z.output<typeof organismSchema>;

const manifestSchema = z.object({
  format: z.literal(1),
  edition: z.int(),
  /** Of what decides entries and their truth. */
  definition: z.string(),
  driftline: z.string(),
  /** By their names. */
  organisms: z.record(z.string(), organismSchema),
  entries: z.record(z.string(), builtSchema),
  pace: paceSchema.optional(),
});

/** What `zoo.json` of a folder says: which zoo it is, and where its entries lie. */
export type ZooManifest = z.output<typeof manifestSchema>;

export const manifestFile = 'zoo.json';

/** Null where the folder has none. */
export async function readZooManifest(folder: string): Promise<ZooManifest | null> {
  const file = join(folder, manifestFile);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (isMissing(cause)) return null;
    throw readFailure(file, cause);
  });
  if (text === null) return null;
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw zooFault(
    `${file} is damaged, or of a newer driftline`,
    'Restore it, or move it away and build again: what is in runs/ is taken over.',
    { file },
  );
}

export function writeZooManifest(folder: string, manifest: ZooManifest): Promise<void> {
  return writeFileAtomically(join(folder, manifestFile), `${JSON.stringify(manifest, null, 1)}\n`);
}

/**
 * Refuses to build entries of an organism on another base than that of its entries that are there: another model, or
 * one that was fine-tuned first on something else. What is not known yet of the base is left out.
 */
export function requireSameBase(
  folder: string,
  { organisms }: Pick<ZooManifest, 'organisms'>,
  organism: string,
  wanted: Partial<Pick<BuiltOrganism, 'identity'>> & Pick<BuiltOrganism, 'stain'>,
): void {
  const before = organisms[organism];
  if (before === undefined) return;
  if (before.stain === wanted.stain && (wanted.identity ?? before.identity) === before.identity) return;
  throw otherBase(folder, organism);
}

/** What of an organism lies in a folder, and is not what its line of the sizes says now. */
export function otherBase(folder: string, organism: string): DriftlineError {
  return zooFault(
    `${folder} has organism ${organism} on another base than sizes.yaml describes: its model or its stain is another`,
    'Give another folder, call the organism by another name, or restore its line in sizes.yaml. Entries of two bases are never mixed.',
    { folder, organism },
  );
}

/** Refuses a zoo of another edition, or of other kinds or another panel. */
export function requireEdition(
  folder: string,
  { edition, definition, driftline }: Pick<ZooManifest, 'edition' | 'definition' | 'driftline'>,
  wanted: { readonly edition: number; readonly hash: string },
): void {
  if (edition === wanted.edition && definition === wanted.hash) return;
  const isOther = edition !== wanted.edition;
  throw new DriftlineError({
    code: 'zoo-edition-differs',
    message: isOther
      ? `${folder} has a zoo of edition ${String(edition)}, and this driftline has edition ${String(wanted.edition)}`
      : `${folder} has a zoo of edition ${String(edition)} with other kinds or another panel than this driftline's`,
    hint: isOther
      ? `Give another folder, or use the driftline that built it, which was ${driftline}. Entries of two editions are never compared.`
      : 'Give another folder, or the definition that it was built by: --definition FOLDER.',
    details: { folder, edition, definition },
  });
}
