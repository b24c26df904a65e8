import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';

/** Raised when a folder of an older version could not be continued. */
export const formatVersion = 1;

const claimSchema = z.looseObject({ format: z.int(), hash: z.string() });

/** What plan.json of a run folder holds. */
export type PlanFile = z.output<typeof claimSchema>;

export function locatePlanFile(folder: string): string {
  return join(folder, 'plan.json');
}

/** plan.json says what a folder is. Null where there is none; one that is damaged, or of a newer driftline, is `run-invalid`. */
export async function readPlanFile(folder: string): Promise<PlanFile | null> {
  const file = locatePlanFile(folder);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : null;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw invalidRun(folder, `${file} could not be read`, `Check that you may read it, or move ${folder} away.`, cause);
  });
  if (text === null) return null;
  const claim = claimSchema.safeParse(parseJson(text));
  if (!claim.success) {
    throw invalidRun(folder, `${file} is damaged`, `Restore it, or move ${folder} away to begin again.`);
  }
  if (claim.data.format > formatVersion) {
    throw invalidRun(
      folder,
      `${folder} was written by a newer driftline`,
      'Update driftline, or move the folder away.',
    );
  }
  return claim.data;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function invalidRun(folder: string, message: string, hint: string, cause?: unknown): DriftlineError {
  return new DriftlineError({ code: 'run-invalid', message, hint, cause, details: { folder } });
}
