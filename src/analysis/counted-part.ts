/** So many of so many. */
export interface CountedPart {
  readonly successes: number;
  readonly trials: number;
}
