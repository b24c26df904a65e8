import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { isMissing } from '../../foundation/is-missing.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { spendingSchema, type SpendingEntry } from './spending-entry.js';

export function locateSpending(folder: string): string {
  return join(folder, 'spending.json');
}

/** What was paid for a run folder; nothing where there is no such file. One that is damaged is `run-invalid`: nobody may count from nothing then. */
export async function readSpending(folder: string): Promise<readonly SpendingEntry[]> {
  const file = locateSpending(folder);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw damaged(file, 'could not be read', cause);
  }
  try {
    return spendingSchema.parse(JSON.parse(text)).entries;
  } catch (cause) {
    throw damaged(file, 'is damaged', cause);
  }
}

export async function writeSpending(folder: string, entries: Iterable<SpendingEntry>): Promise<void> {
  const content = { format: 1, currency: 'USD', entries: [...entries] };
  await writeFileAtomically(locateSpending(folder), `${JSON.stringify(content, null, 2)}\n`);
}

function damaged(file: string, problem: string, cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'run-invalid',
    message: `${file} ${problem}`,
    hint: 'Restore it. If what was paid so far need not count, move it away: counting then begins at nothing.',
    cause,
    details: { file },
  });
}
