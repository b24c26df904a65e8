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
  readonly aligned: RowScore;
  readonly coherent: RowScore;
  /** Whether an equal row, in all but columns that number rows, has been read before. */
  readonly isRepeated: boolean;
}

/** What a file of results turned out to be. */
export interface ResultFileForm {
  /** Whether a column names the model. */
  readonly hasModels: boolean;
  readonly rows: number;
  /** Rows to which later ones were compared, where the file has more than can be remembered; else null. */
  readonly comparedRows: number | null;
}

/** Takes the records of one format, and says at the end what they were. */
export interface ResultRecords<Fields extends readonly unknown[]> {
  readonly take: (...record: Fields) => void;
  readonly finish: () => ResultFileForm;
}
