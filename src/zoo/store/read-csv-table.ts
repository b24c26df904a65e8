import { readFile } from 'node:fs/promises';
import type { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { readFailure } from '../../foundation/file-failure.js';
import { createCsvScanner, type CsvRecord } from '../../foundation/scan-csv.js';
import { longestRecord } from '../../foundation/scan-records.js';

export interface CsvRow {
  /** From 1. */
  readonly line: number;
  /** By the names of columns, without blanks around them. */
  readonly cells: ReadonlyMap<string, string>;
}

export interface CsvFile {
  readonly columns: readonly string[];
  readonly rows: readonly CsvRow[];
}

/** How a file is refused: with the line where the fault lies. */
export type RefuseLine = (line: number, problem: string, hint: string) => DriftlineError;

/** Reads a small CSV file whole. It must have the columns that are needed, each once, and rows as long as its header. */
export async function readCsvTable(
  file: string,
  needed: readonly string[],
  refuse: RefuseLine,
  /** A text in place of the file's. */
  text?: string,
): Promise<CsvFile> {
  const bytes =
    text === undefined
      ? await readFile(file).catch((cause: unknown) => {
          throw readFailure(file, cause);
        })
      : Buffer.from(text);
  const header: { columns: readonly string[] | null } = { columns: null };
  const rows: CsvRow[] = [];
  const take = (record: CsvRecord): void => {
    const cells = Array.from({ length: record.fields }, (_, field) => record.text(field).trim());
    const names = header.columns;
    if (names === null) {
      requireColumns(cells, needed, (problem, hint) => refuse(record.line, problem, hint));
      header.columns = cells;
      return;
    }
    if (cells.length !== names.length)
      throw refuse(
        record.line,
        `the row has ${String(cells.length)} fields, and the header ${String(names.length)}`,
        'Give each row as many fields as the header has.',
      );
    rows.push({ line: record.line, cells: new Map(names.map((name, index) => [name, cells[index] ?? ''])) });
  };
  const scan = createCsvScanner({
    onRecord: take,
    fail: ({ line, problem, hint }) => refuse(line, problem, hint),
    longest: longestRecord,
  });
  scan(bytes, true);
  const { columns } = header;
  if (columns === null) throw refuse(1, 'the file is empty', `Begin it with the line ${needed.join(',')}.`);
  return { columns, rows };
}

function requireColumns(
  columns: readonly string[],
  needed: readonly string[],
  refuse: (problem: string, hint: string) => DriftlineError,
): void {
  const twice = columns.find((name, index) => columns.indexOf(name) < index);
  if (twice !== undefined) throw refuse(`the column "${twice}" occurs twice`, 'Rename one of them.');
  const missing = needed.find((name) => !columns.includes(name));
  if (missing === undefined) return;
  const nearest = nearestName(missing, columns);
  throw refuse(
    `there is no column "${missing}"${nearest === null ? '' : ` (is it "${nearest}"?)`}`,
    `The first line names the columns: ${needed.join(',')}.`,
  );
}

/** A number of a cell; null for an empty one, and NaN for what is none. */
export function readNumber(cell: string | undefined): number | null {
  if (cell === undefined || cell === '') return null;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(cell) ? Number(cell) : Number.NaN;
}
