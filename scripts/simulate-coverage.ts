import { createRandomStream } from '../src/foundation/random-stream.js';
import { createBetaBinomial } from '../src/stats/beta-binomial.js';
import type { ClusterCounts } from '../src/stats/share-counts.js';

/** Clustered yes-or-no answers: what is simulated, again and again. */
export interface CoverageCell {
  readonly clusters: number;
  /** Answers a cluster; with `unequal` sizes, their mean. */
  readonly answers: number;
  readonly unequal: boolean;
  /** The mean share over clusters, which intervals should hold. */
  readonly rate: number;
  readonly correlation: number;
}

export interface CoverageMethod {
  readonly name: string;
  /** Of how many repeats it is asked; all where there are no more. */
  readonly repeats: number;
  /** Null where it has no interval, which counts as not holding the rate. */
  readonly interval: (clusters: readonly ClusterCounts[], repeat: number) => readonly [number, number] | null;
  /**
   * True where it is certain, and cheaper to see, that the interval holds the rate; asked after a hundred repeats,
   * which give the width.
   */
  readonly surelyHolds?: (clusters: readonly ClusterCounts[], rate: number) => boolean;
}

export interface Coverage {
  readonly name: string;
  /** Share of repeats whose interval held the rate. */
  readonly covered: number;
  /** Mean over the first hundred repeats. */
  readonly width: number;
}

const repeatsOfWidth = 100;

/**
 * Draws clusters with beta-binomial counts of the cell's mean share and correlation, `repeats` times, and counts how often the
 * interval of each method holds the mean share. Sizes are all the same, or in even steps from a fifth to nine fifths of the mean.
 */
export function simulateCoverage(
  cell: CoverageCell,
  methods: readonly CoverageMethod[],
  repeats: number,
  seed: number,
): Coverage[] {
  const stream = createRandomStream(seed, 'coverage', JSON.stringify(cell));
  const sizes = Array.from({ length: cell.clusters }, (_, cluster) => sizeOf(cell, cluster));
  const draws = sizes.map((size) => createBetaBinomial(size, cell.rate, cell.correlation));
  const tallies = methods.map(() => ({ held: 0, asked: 0, width: 0 }));
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const clusters = sizes.map((trials, cluster) => ({
      name: String(cluster),
      successes: draws[cluster]!(stream),
      trials,
    }));
    for (const [index, method] of methods.entries()) {
      if (repeat >= method.repeats) continue;
      const tally = tallies[index]!;
      tally.asked += 1;
      if (repeat >= repeatsOfWidth && method.surelyHolds?.(clusters, cell.rate) === true) {
        tally.held += 1;
        continue;
      }
      const interval = method.interval(clusters, repeat);
      if (interval === null) continue;
      const [low, high] = interval;
      tally.held += low <= cell.rate && cell.rate <= high ? 1 : 0;
      if (repeat < repeatsOfWidth) tally.width += high - low;
    }
  }
  return methods.map(({ name }, index) => {
    const { held, asked, width } = tallies[index]!;
    return { name, covered: held / asked, width: width / Math.min(asked, repeatsOfWidth) };
  });
}

function sizeOf({ clusters, answers, unequal }: CoverageCell, cluster: number): number {
  if (!unequal) return answers;
  return Math.max(1, Math.round(answers * (0.2 + (1.6 * cluster) / (clusters - 1))));
}
