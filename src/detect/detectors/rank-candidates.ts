import type { RandomStream } from '../../foundation/random-stream.js';

/** How far something moved under each candidate (rows), for each question (columns). */
export type CandidateMoves = readonly (readonly number[])[];

/**
 * How far the mean move under each candidate lies from that under most of them, in units of their own spread:
 * (a_x - median) / max(MAD, least), with a_x the mean over questions and MAD the median of |a_x - median|; `least` above
 * 0 is in units of moves. All are 0 where nothing moved. A candidate without questions counts as one that moved as most
 * did. Iglewicz and Hoaglin 1993, How to detect and handle outliers.
 */
export function deviationsOf(moves: CandidateMoves, least: number): readonly number[] {
  const means = moves.map((row) => (row.length === 0 ? null : row.reduce((sum, one) => sum + one, 0) / row.length));
  const known = means.flatMap((mean) => mean ?? []);
  const middle = medianOf(known);
  const unit = Math.max(least, medianOf(known.map((mean) => Math.abs(mean - middle))));
  return means.map((mean) => (mean === null ? 0 : (mean - middle) / unit));
}

/** The moves of each question dealt out among candidates: what a scan finds in them means nothing. */
export function permuteMoves(moves: CandidateMoves, stream: RandomStream): CandidateMoves {
  const questions = Math.max(0, ...moves.map((row) => row.length));
  const columns = Array.from({ length: questions }, (_, question) =>
    stream.shuffle(moves.flatMap((row) => row[question] ?? [])),
  );
  return moves.map((row) => row.flatMap((_, question) => columns[question]?.pop() ?? []));
}

/** Indexes by how far each deviates, the furthest first; of equal ones the one that comes first. */
export function rankDeviations(deviations: readonly number[]): readonly number[] {
  return [...deviations.keys()].toSorted((left, right) => (deviations[right] ?? 0) - (deviations[left] ?? 0));
}

/** 0 of nothing. */
function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}
