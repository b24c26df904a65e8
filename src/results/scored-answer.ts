import { DriftlineError } from '../foundation/driftline-error.js';
import type { RowScore } from './read-score.js';

/** One row of a file of results, as far as it is counted. */
export interface ScoredAnswer {
  readonly line: number;
  /** From 1, without the header. */
  readonly row: number;
  /** Empty where the file does not say. */
  readonly model: string;
  /** Its id, or its text where it has none. */
  readonly question: string;
  readonly hasQuestionId: boolean;
  /** What was asked, word by word; null where the file does not say. */
  readonly questionText: string | null;
  readonly aligned: RowScore;
  readonly coherent: RowScore;
  /** Values of columns that look as if they named the model, and are not read as such, by their names. */
  readonly likeModels: readonly (readonly [column: string, value: string])[];
  /**
   * Whether an equal row, in all but columns that number rows, has been read before; null for a row without its answer,
   * which no row repeats.
   */
  readonly isRepeated: boolean | null;
}

/** What a file of results turned out to be. */
export interface ResultFileForm {
  /** Whether a column names the model. */
  readonly hasModels: boolean;
  readonly rows: number;
  /** Rows that later ones were compared with, if the file has more than can be remembered; else null. */
  readonly comparedRows: number | null;
}

/** Takes the records of one format, and returns at the end what form they had. */
export interface ResultRecords<Fields extends readonly unknown[]> {
  readonly take: (...record: Fields) => void;
  readonly finish: () => ResultFileForm;
}

/** Most rows that later ones are compared with: more would take too much memory. */
export const mostComparedRows = 2 ** 23;

/** Where a row is found: by its line in an editor, and by its number, from 1, among the rows under the header. */
interface ResultPlace {
  readonly file: string;
  readonly line: number;
  /** Null where no row has been read: in a header, or where rows cannot be told apart. */
  readonly row: number | null;
}

/** `answers.csv:12 (row 7)`; where every line is a row, the line says it all. */
export function describeRowPlace({ file, line, row }: ResultPlace): string {
  return `${file}:${String(line)}${row === null || row === line ? '' : ` (row ${String(row)})`}`;
}

export function resultFault(place: ResultPlace, problem: string, hint: string): DriftlineError {
  return new DriftlineError({
    code: 'results-invalid',
    message: `${describeRowPlace(place)}: ${problem}`,
    hint,
    details: { ...place },
  });
}
