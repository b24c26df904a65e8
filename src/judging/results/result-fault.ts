import { DriftlineError } from '../../foundation/driftline-error.js';

/** Where a row is found: by its line in an editor, and by its number, from 1, among the rows under the header. */
export interface RowPlace {
  readonly file: string;
  readonly line: number;
  /** Null where no row has been read: in a header, or where rows cannot be told apart. */
  readonly row: number | null;
}

/** `answers.csv:12 (row 7)`; where every line is a row, the line says it all. */
export function describePlace({ file, line, row }: RowPlace): string {
  return `${file}:${String(line)}${row === null || row === line ? '' : ` (row ${String(row)})`}`;
}

export function resultFault(place: RowPlace, problem: string, hint: string): DriftlineError {
  return new DriftlineError({
    code: 'results-invalid',
    message: `${describePlace(place)}: ${problem}`,
    hint,
    details: { ...place },
  });
}
