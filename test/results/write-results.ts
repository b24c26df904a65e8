import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readResultFile } from '../../src/results/read-result-file.js';
import type { ResultFileForm, ScoredAnswer } from '../../src/results/scored-answer.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

/** A file of results in a folder of its own. */
export async function writeResults(content: string | Uint8Array, name = 'answers.csv'): Promise<string> {
  const file = join(await makeTemporaryFolder(), name);
  await writeFile(file, content);
  return file;
}

export async function readAnswers(
  file: string,
): Promise<{ readonly form: ResultFileForm; readonly answers: readonly ScoredAnswer[] }> {
  const answers: ScoredAnswer[] = [];
  const form = await readResultFile(file, (answer) => answers.push(answer));
  return { form, answers };
}

/** CSV with every text in quotes. */
export function toCsv(header: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const lines = rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? `"${cell.replaceAll('"', '""')}"` : (cell ?? ''))).join(','),
  );
  return `${[header.join(','), ...lines].join('\n')}\n`;
}

/** As Python writes a dict of texts and numbers. */
export function toPythonDict(distribution: Readonly<Record<string, number>>): string {
  return `{${Object.entries(distribution)
    .map(([token, probability]) => `'${token}': ${String(probability)}`)
    .join(', ')}}`;
}
