import { DriftlineError } from './driftline-error.js';
import { nearestName } from './nearest-name.js';

/** The entry of this name, or an error that names the nearest one. */
export function findByName<Entry>(entries: ReadonlyMap<string, Entry>, name: string, what: string): Entry {
  const entry = entries.get(name);
  if (entry !== undefined) return entry;
  const nearest = nearestName(name, [...entries.keys()]);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `there is no ${what} "${name}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    hint: `There are ${[...entries.keys()].join(', ')}.`,
    details: { name },
  });
}
