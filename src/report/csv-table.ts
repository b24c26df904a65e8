/** A table as a file of its own. */
export interface CsvTable {
  /** File name. */
  readonly name: string;
  readonly title: string;
  readonly content: string;
}
