import { readFile } from 'node:fs/promises';
import type { z } from 'zod';

/**
 * A JSON file that driftline wrote, such as what the folder of a training knows of its job. Null where there is none,
 * or what is there is not ours: what it says is then found out anew.
 */
export async function readOwnJson<Stored>(file: string, schema: z.ZodType<Stored>): Promise<Stored | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
