import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { answerCountsSchema } from './count-judgements.js';
import type { MeasuredAnswer } from './measurement.js';

const checkedCellSchema = z.object({
  /** The group's name, or `base`. */
  group: z.string(),
  /** Seed of the training set and of the fine-tune; null for the base. */
  seed: z.int().nullable(),
  /** Null for the base, and for training that was stopped and continued. */
  trainingSeconds: z.number().nullable(),
  samplingSeconds: z.number(),
  /** By the names of measurements. */
  counts: z.record(z.string(), answerCountsSchema),
});

/** What came out of one model that was measured. */
export type CheckedCell = z.output<typeof checkedCellSchema>;

/** One model that is measured: the organism itself, or a fine-tune of it. */
export type CheckCell = Pick<CheckedCell, 'group' | 'seed'>;

const fileName = 'cell.json';

/** What an earlier check stored for the same inputs. Null where there is nothing, or nothing that can be used: it is done again then. */
export async function readCheckedCell(folder: string, identity: string): Promise<CheckedCell | null> {
  const text = await readFile(join(folder, fileName), 'utf8').catch(() => null);
  if (text === null) return null;
  const stored = checkedCellSchema.extend({ identity: z.string() }).safeParse(parseJson(text));
  if (stored.data?.identity !== identity) return null;
  const { identity: _, ...cell } = stored.data;
  return cell;
}

/** The counts are written last: where they are, everything is. */
export async function writeCheckedCell(
  folder: string,
  identity: string,
  cell: CheckedCell,
  answers: readonly (MeasuredAnswer & { readonly measurement: string })[],
): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const lines = answers.map((answer) => `${JSON.stringify(answer)}\n`).join('');
  await writeFileAtomically(join(folder, 'answers.jsonl'), lines);
  await writeFileAtomically(join(folder, fileName), `${JSON.stringify({ identity, ...cell }, null, 2)}\n`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
