import type { z } from 'zod';
import { DriftlineError } from './driftline-error.js';
import { knownKeys } from './known-keys.js';
import { nearestName } from './find-by-name.js';

/** Reads settings strictly: an unknown one is an error that names the nearest known one; `source` says whose they are. */
export function parseSettings<Settings>(schema: z.ZodType<Settings>, input: unknown, source: string): Settings {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const place = issue.path.map((step) => `${String(step)}: `).join('');
    if (issue.code !== 'unrecognized_keys') return `${place}${issue.message}`;
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => `${place}unknown setting "${key}"${suggest(key, known)}`).join('; ');
  });
  const [first] = parsed.error.issues;
  const known = knownKeys(schema, first?.code === 'unrecognized_keys' ? first.path : []);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${source}: ${problems.join('; ')}`,
    hint: `Correct the settings; there are ${known.join(', ')}.`,
    cause: parsed.error,
  });
}

function suggest(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === null ? '' : ` (did you mean "${nearest}"?)`;
}
