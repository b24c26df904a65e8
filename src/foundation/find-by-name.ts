import { DriftlineError } from './driftline-error.js';

/** The known name that is fewest edits from a misspelt one; `null` if none is near enough to be meant. */
export function nearestName(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance: the fewest insertions, deletions and replacements of characters. */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + Number(left[row - 1] !== right[column - 1]);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

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
