import { auroc, type ScoredItem } from './auroc.js';
import { requireResamples } from './bootstrap-clusters.js';
import { percentileInterval, sortDistribution } from './bootstrap-distribution.js';
import { type Estimate, requireConfidence } from './estimate.js';
import { createResamplingStream } from './resampling-stream.js';

/** An item with a score and the kind that it is of. */
export interface ScoredItemOfKind extends ScoredItem {
  readonly cluster: string;
}

export interface BootstrapAurocOptions {
  readonly seed: number;
  /** Default 2000. */
  readonly resamples?: number;
  /** Default 0.95. */
  readonly confidence?: number;
}

/**
 * The area under the ROC curve with an interval that says what other kinds of items would give: kinds are drawn with replacement, all items
 * of a kind together, and the interval goes from the quantile (1 - confidence) / 2 of the areas to the quantile (1 + confidence) / 2. With
 * U_cd the wins of positives of kind c over negatives of kind d (ties half), a resample that has kind c w_c times has the area
 *   sum w_c w_d U_cd / (sum w_c P_c sum w_d N_d).
 * Resamples without a positive or a negative item have none, and are left out. Where resampling shows no spread, as where all scores
 * separate, the interval is that of `auroc` over kinds, and `method` says so. Efron 1979, Annals of Statistics 7:1; for clusters Field
 * and Welsh 2007, JRSS B 69:369.
 */
export function bootstrapAuroc(items: readonly ScoredItemOfKind[], options: BootstrapAurocOptions): Estimate {
  const { seed, resamples = 2000, confidence = 0.95 } = options;
  requireConfidence(confidence);
  requireResamples(resamples);
  const whole = auroc(items, { confidence, unit: 'kind' });
  if (whole.interval === null) return whole;
  const { kinds, positives, negatives, wins } = countWins(items);
  const stream = createResamplingStream(seed, 'bootstrap-auroc');
  const drawn = new Uint32Array(kinds);
  const areas: number[] = [];
  for (let resample = 0; resample < resamples; resample += 1) {
    stream.fill(drawn, kinds);
    let [won, drawnPositives, drawnNegatives] = [0, 0, 0];
    for (const one of drawn) {
      drawnPositives += positives[one]!;
      drawnNegatives += negatives[one]!;
      for (const other of drawn) won += wins[one * kinds + other]!;
    }
    if (drawnPositives > 0 && drawnNegatives > 0) areas.push(won / (drawnPositives * drawnNegatives));
  }
  const interval =
    areas.length === 0 ? null : percentileInterval(sortDistribution(Float64Array.from(areas), null), confidence);
  if (interval === null || interval[0] >= interval[1])
    return { ...whole, method: `${whole.method}; resampling kinds shows no spread` };
  return { ...whole, interval, method: 'bootstrap of kinds, percentiles', resamples, seed };
}

interface Wins {
  readonly kinds: number;
  /** Items of each kind. */
  readonly positives: Float64Array;
  readonly negatives: Float64Array;
  /** Row by row: wins of positives of a kind over negatives of another. */
  readonly wins: Float64Array;
}

function countWins(items: readonly ScoredItemOfKind[]): Wins {
  const places = new Map<string, number>();
  for (const { cluster } of items) if (!places.has(cluster)) places.set(cluster, places.size);
  const kinds = places.size;
  const placeOf = ({ cluster }: ScoredItemOfKind): number => places.get(cluster)!;
  const [positives, negatives] = [new Float64Array(kinds), new Float64Array(kinds)];
  const wins = new Float64Array(kinds * kinds);
  const low = items.filter(({ isPositive }) => !isPositive);
  for (const item of low) negatives[placeOf(item)]! += 1;
  for (const item of items) {
    if (!item.isPositive) continue;
    const row = placeOf(item);
    positives[row]! += 1;
    for (const other of low) {
      const place = row * kinds + placeOf(other);
      if (item.score > other.score) wins[place]! += 1;
      else if (item.score === other.score) wins[place]! += 0.5;
    }
  }
  return { kinds, positives, negatives, wins };
}
