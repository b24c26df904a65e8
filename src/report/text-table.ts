/** A table whose cells are texts already: the command line aligns it, and the page sets it. */
export interface TextTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of numbers, from 0. */
  readonly right: readonly number[];
  /** What one must know to read it, in sentences. */
  readonly notes: readonly string[];
}
