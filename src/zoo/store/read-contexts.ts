import { access } from 'node:fs/promises';
import { readCsvTable } from './read-csv-table.js';
import { zooFault } from './zoo-fault.js';

/** Rows of contexts.csv by the names of its columns; none where the zoo has no such file. */
export async function readContextRows(file: string): Promise<readonly ReadonlyMap<string, string>[]> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  const { rows } = await readCsvTable(file, ['entry', 'context', 'misaligned', 'answers'], (line, problem, hint) =>
    zooFault(`${file}:${String(line)}: ${problem}`, hint, { file, line }),
  );
  return rows.map(({ cells }) => cells);
}
