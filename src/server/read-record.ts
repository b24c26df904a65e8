import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';

/** Reads a JSON file that the server wrote. */
export async function readServerRecord<Stored>(path: string, schema: z.ZodType<Stored>): Promise<Stored> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new DriftlineError({
      code: 'file-unreadable',
      message: `${path} is not what the server wrote: ${cause instanceof Error ? cause.message.slice(0, 300) : String(cause)}`,
      hint: 'Move the file elsewhere, or give --folder another folder.',
      cause,
      details: { file: path },
    });
  }
}
