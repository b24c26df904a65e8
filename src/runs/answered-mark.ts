import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFailure } from '../foundation/file-failure.js';
import { readOwnJson } from '../foundation/read-own-json.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';

const markFile = 'answered.json';
const markSchema = z.object({
  v: z.literal(1),
  /** Hash of what its models were asked, and who judged. */
  asked: z.string(),
  /** Of the run's records: with another one, something may be missing. */
  generation: z.string(),
});

/** Marks a cell of a large run whose answers are all stored and judged: a run that goes on need not look each of them up. */
export type AnsweredMark = Omit<z.output<typeof markSchema>, 'v'>;

/** Makes the folder where nothing was trained in it: that of a base, or of a model that existed already. */
export async function writeAnsweredMark(folder: string, mark: AnsweredMark): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  await writeFileAtomically(join(folder, markFile), `${JSON.stringify({ v: 1, ...mark })}\n`);
}

export async function isAnswered(folder: string, { asked, generation }: AnsweredMark): Promise<boolean> {
  const mark = await readOwnJson(join(folder, markFile), markSchema);
  return mark?.asked === asked && mark.generation === generation;
}
