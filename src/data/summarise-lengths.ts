export interface LengthSummary {
  readonly shortest: number;
  readonly median: number;
  readonly mean: number;
  /** 95 of 100 are at most so long. */
  readonly percentile95: number;
  readonly longest: number;
}

/** Null where there are no lengths. Quantiles are lengths that occur (nearest rank). */
export function summariseLengths(lengths: readonly number[]): LengthSummary | null {
  const sorted = [...lengths].sort((left, right) => left - right);
  const atRank = (share: number): number => sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? 0;
  if (sorted.length === 0) return null;
  return {
    shortest: atRank(0),
    median: atRank(0.5),
    mean: sorted.reduce((sum, length) => sum + length, 0) / sorted.length,
    percentile95: atRank(0.95),
    longest: atRank(1),
  };
}
