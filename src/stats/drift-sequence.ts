import { DriftlineError } from '../foundation/driftline-error.js';
import { requireNumber } from '../foundation/require-arguments.js';
import { eValueOfLog } from './difference-e-value.js';
import { requireConfidence } from './estimate.js';
import { requireShareCounts, type ShareCounts } from './share-counts.js';

/** Bets, as parts of the largest one that can never lose more than there is, and how much is laid on each. */
type Bets = readonly (readonly [part: number, weight: number])[];

const spread = (count: number, least: number, most: number): number[] =>
  Array.from({ length: count }, (_, index) => least * (most / least) ** (index / (count - 1)));

/**
 * Bets that a share is above the claimed one. A part b stands for the share t + b (1 - t), so these are shares from
 * rare to nearly all, evenly on a logarithmic scale. A fifth is not bet: where a claim fails by one of the two shares
 * alone, the other costs no more than that.
 */
const upward: Bets = [[0, 0.2], ...spread(40, 0.004, 0.95).map((part) => [part, 0.02] as const)];

/**
 * Bets that it is below. A part b stands for the share s (1 - b), 1 for none at all: what a base usually is, so most is
 * laid on it.
 */
const downward: Bets = [[0, 0.2], ...spread(20, 0.01, 0.95).map((part) => [part, 0.02] as const), [1, 0.4]];

/**
 * An e-process against: the share of `tuned` is at most `margin` above that of `base`, -1 < margin < 1. It may be
 * looked at after every round and asking may stop at any of them: with no drift above the margin it ever reaches 1 / a
 * with a probability of at most a (Ville). 0.04 to 1e300, without a unit: what is not bet is never lost, so that a late
 * change is still found. 1 where nothing was counted. With k of n kept answers misaligned, it is the least over s of
 *   E(s + margin) F(s), E(t) = sum_b w_b (1 + b (1 - t) / t)^k (1 - b)^(n - k) of tuned,
 * and F(s) the same of base with misaligned and other answers exchanged, at 1 - s: E bets against "tuned is at most t",
 * F against "base is at least s". Weights add up to 1 and are laid on upward bets (none 0.2, 40 from 0.004 to 0.95) in
 * E, and on downward ones (none 0.2, 20 from 0.01 to 0.95, everything 0.4) in F. Logarithms of both are convex in s, so
 * that the least value is found, not the least of a grid.
 *
 * Answers come in rounds, of one model and in one context each, that are looked at as a whole. A round asks each of
 * some fixed questions once, or draws questions or wordings anew and with replacement; which model and which context
 * comes next may depend on all that was seen. The share is the expected number of misaligned over that of kept answers
 * in a round: asked equally often, a question counts as often as its answers are kept. So a fine-tune that changes only
 * what is kept may change this share.
 *
 * Why: if question q is kept with probability a_q and then misaligned with p_q, the factor of a round of tuned expects
 *   prod_q (1 + a_q b (p_q - t) / t) <= exp(b / t sum_q a_q (p_q - t)) <= 1
 * where its share is at most t, however questions and counts differ; that of base likewise. If the claim is true, both
 * of its parts are at s, the share of base, so E F is a supermartingale there, and its least value over s is never
 * above it. This needs independent answers: wordings that are drawn are drawn for both models apart. One draw for both
 * would add a covariance to the expectation, above 0 where tuned is misaligned in just the wordings in which base is
 * not. Wordings that are used up, so that later rounds have what earlier ones left over, are no such rounds; let a
 * round ask all of them.
 *
 * A sum of such values over contexts with weights that add up to 1 is an e-process, too; `adjustEValues` has the single
 * contexts. For bets against a mean: Waudby-Smith and Ramdas 2024, JRSS B 86:1; Ville 1939, Étude critique de la
 * notion de collectif; a least value over a composite claim: Ramdas, Ruf, Larsson and Koolen 2022, IJAR 141:83.
 */
export function driftEProcess(tuned: ShareCounts, base: ShareCounts, margin: number): number {
  requireShareCounts(tuned, 'tuned');
  requireShareCounts(base, 'base');
  requireNumber(margin, 'margin');
  if (!(margin > -1 && margin < 1))
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${String(margin)} is not a margin`,
      hint: 'Give a difference of shares between -1 and 1: 0.02 for two points, 0 for any drift.',
    });
  return eValueOfLog(prepareEvidence(tuned, base)(margin));
}

/**
 * A confidence sequence for the drift, the share of `tuned` less that of `base`, -1 to 1: with this confidence all
 * intervals of all looks contain it at once. They hold every margin that neither `driftEProcess` of tuned against base
 * nor, with the sign changed, of base against tuned shows to be wrong: both are below 2 / (1 - confidence).
 * Assumptions, rounds and what the shares are: as there. It is -1 to 1 without answers, and holds the difference that
 * was seen.
 */
export function driftSequence(
  tuned: ShareCounts,
  base: ShareCounts,
  confidence = 0.95,
): readonly [low: number, high: number] {
  requireShareCounts(tuned, 'tuned');
  requireShareCounts(base, 'base');
  requireConfidence(confidence);
  const limit = Math.log(2 / (1 - confidence));
  return [findLow(tuned, base, limit), -findLow(base, tuned, limit)];
}

/**
 * The lowest difference against which the evidence is below `limit`, or 1e-10 less; the evidence falls as margins grow.
 */
function findLow(one: ShareCounts, other: ShareCounts, limit: number): number {
  const evidenceAt = prepareEvidence(one, other);
  // Where one has no answers, any share is as good as seen.
  const shares = [one, other].map(({ successes, trials }) => (trials === 0 ? null : successes / trials));
  let inside = (shares[0] ?? shares[1] ?? 0) - (shares[1] ?? shares[0] ?? 0);
  let outside = -1;
  while (inside - outside > 1e-10) {
    const middle = (inside + outside) / 2;
    if (evidenceAt(middle) < limit) inside = middle;
    else outside = middle;
  }
  return outside;
}

/** The logarithm of the e-process of these counts, by the margin. */
function prepareEvidence(tuned: ShareCounts, base: ShareCounts): (margin: number) => number {
  const ofTuned = betAbove(tuned, upward);
  // That the share is below is that of all other answers being above.
  const ofBase = betAbove({ successes: base.trials - base.successes, trials: base.trials }, downward);
  const guess = (tuned.successes + base.successes) / Math.max(1, tuned.trials + base.trials);
  return (margin) => {
    const evidenceAt = (share: number) => {
      const [one, other] = [ofTuned(share + margin), ofBase(1 - share)];
      return { log: one.log + other.log, slope: one.slope - other.slope, curve: one.curve + other.curve };
    };
    let [low, high] = [Math.max(0, -margin), Math.min(1, 1 - margin)];
    const [atLow, atHigh] = [evidenceAt(low), evidenceAt(high)];
    if (atLow.slope >= 0) return atLow.log;
    if (atHigh.slope <= 0) return atHigh.log;
    let share = guess;
    for (let step = 0; ; step += 1) {
      // Newton's steps, and halving where they leave the bracket, or converge to an end of it slowly.
      if (!(share > low && share < high) || step % 4 === 3) share = (low + high) / 2;
      const { log, slope, curve } = evidenceAt(share);
      // A convex function lies above its tangents: no share in between has less than this.
      const open = Math.abs(slope) * (slope > 0 ? share - low : high - share);
      if (open < 1e-11 || share === low || share === high) return log - open;
      if (slope > 0) high = share;
      else low = share;
      share -= slope / curve;
    }
  };
}

/** A function of a share, with its first and second derivative. */
interface Evidence {
  readonly log: number;
  readonly slope: number;
  readonly curve: number;
}

/** The logarithm of what bets against "the share is at most so much" have come to, by that share. */
function betAbove({ successes, trials }: ShareCounts, bets: Bets): (share: number) => Evidence {
  const failures = trials - successes;
  const parts = Float64Array.from(bets, ([part]) => part);
  const known = bets.map(([part, weight]) => Math.log(weight) + (failures === 0 ? 0 : failures * Math.log1p(-part)));
  const logs = new Float64Array(parts.length);
  return (given) => {
    // At 0 every success would be worth infinitely much.
    const share = Math.min(1, Math.max(1e-100, given));
    let most = -Infinity;
    for (let bet = 0; bet < parts.length; bet += 1) {
      const log = known[bet]! + successes * Math.log(1 - parts[bet]! + parts[bet]! / share);
      logs[bet] = log;
      if (log > most) most = log;
    }
    let [sum, first, second] = [0, 0, 0];
    for (let bet = 0; bet < parts.length; bet += 1) {
      const mass = Math.exp(logs[bet]! - most);
      const part = parts[bet]!;
      const bent = (1 - part) / (share + part * (1 - share));
      const slope = successes * (bent - 1 / share);
      sum += mass;
      first += mass * slope;
      second += mass * (slope ** 2 + successes * (1 / share ** 2 - bent ** 2));
    }
    const slope = first / sum;
    return { log: most + Math.log(sum), slope, curve: second / sum - slope ** 2 };
  };
}
