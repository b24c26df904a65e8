import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { countWeights } from '../checkpoint/decoder-tensors.js';

export interface BatchLimits {
  /** Most tokens, padding included, of one run of the graph; a single longer row still runs alone. */
  readonly tokensPerRun: number;
  /** What one more run costs besides its tokens, in tokens: merging the adapter, starting operators. */
  readonly runOverhead: number;
  /** Lengths are rounded up to a multiple, so that the runtime's memory blocks fit again. */
  readonly lengthMultiple: number;
}

export const defaultBatchLimits: BatchLimits = { tokensPerRun: 2048, runOverhead: 96, lengthMultiple: 8 };

/** The limits for a model, whatever the number of threads: a small one has shorter runs, which threads can share among them. */
export function batchLimitsFor(config: DecoderConfig): BatchLimits {
  return isSmallModel(config) ? { ...defaultBatchLimits, tokensPerRun: 768 } : defaultBatchLimits;
}

/** Whether a copy of its weights, or of their gradients, for each thread costs nothing that matters. */
export function isSmallModel(config: DecoderConfig): boolean {
  return countWeights(config) <= 10_000_000;
}

export interface PlannedBatch {
  /** Positions in the list of lengths. */
  readonly rows: readonly number[];
  readonly paddedLength: number;
}

/**
 * Splits the rows of one step into runs of similar length with the least total cost
 * sum of (rows * padded length + overhead): rows sorted by length, then dynamic programming over the cut points.
 * The step's gradient does not depend on the split, as every run is weighted by the step's total.
 */
export function planBatches(lengths: readonly number[], limits: BatchLimits = defaultBatchLimits): PlannedBatch[] {
  const sorted = lengths.map((length, row) => ({ length, row })).sort((a, b) => a.length - b.length || a.row - b.row);
  const padded = (position: number): number =>
    Math.ceil((sorted[position]?.length ?? 0) / limits.lengthMultiple) * limits.lengthMultiple;
  const best: { cost: number; start: number }[] = [{ cost: 0, start: 0 }];
  for (let end = 1; end <= sorted.length; end += 1) {
    const length = padded(end - 1);
    let chosen = { cost: Infinity, start: end - 1 };
    for (let start = end - 1; start >= 0; start -= 1) {
      const tokens = (end - start) * length;
      if (tokens > limits.tokensPerRun && start < end - 1) break;
      const cost = (best[start]?.cost ?? 0) + tokens + limits.runOverhead;
      if (cost < chosen.cost) chosen = { cost, start };
    }
    best.push(chosen);
  }
  const batches: PlannedBatch[] = [];
  for (let end = sorted.length; end > 0;) {
    const start = best[end]?.start ?? 0;
    batches.unshift({ rows: sorted.slice(start, end).map(({ row }) => row), paddedLength: padded(end - 1) });
    end = start;
  }
  return batches;
}
