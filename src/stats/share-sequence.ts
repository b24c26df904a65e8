import { requireConfidence } from './estimate.js';
import { requireShareCounts, type ShareCounts } from './share-counts.js';

/**
 * A confidence sequence for a share: of intervals that are computed again after every look at answers that come in, all hold the share
 * at once with this confidence, so that whoever stops when they have seen enough is still right that often. It has all shares s with
 *   M(s) = prod_t q_t(x_t) / (s^successes (1 - s)^(trials - successes)) < 1 / (1 - confidence),
 * q_t the prediction (successes so far + 1/2) / (trials so far + 1): a mixture of likelihood ratios with the prior Beta(1/2, 1/2).
 *
 * What it is about: answers come in rounds, each of which asks every one of some fixed questions once, and is looked at as a whole. The share is
 * the expected number of successes over the expected number of trials in a round: that of these questions, asked equally often, however
 * much they differ, not of other questions like them. An answer that does not count as a trial leaves M as it is. M then expects to fall or
 * stay with each round: its factor has the mean prod_q (1 + d_q), the d_q of the questions adding up to 0 where s is the share, which is at
 * most 1. By Ville's inequality it ever reaches 1 / (1 - confidence) with probability 1 - confidence at most. Robbins 1970, Annals
 * of Mathematical Statistics 41:1397; Ville 1939, Étude critique de la notion de collectif; for the bound of the product, Hoeffding
 * 1956, Annals of Mathematical Statistics 27:713.
 */
export function shareSequence(counts: ShareCounts, confidence = 0.95): readonly [low: number, high: number] {
  requireShareCounts(counts);
  requireConfidence(confidence);
  const { successes, trials } = counts;
  if (trials === 0) return [0, 1];
  const failures = trials - successes;
  const mixture = logMixture(successes, failures) + Math.log(1 - confidence);
  const isInside = (share: number): boolean => mixture < logLikelihood(successes, failures, share);
  const search = (end: number): number => {
    let [inside, outside] = [successes / trials, end];
    if (inside === end) return end;
    while (true) {
      const middle = (inside + outside) / 2;
      if (middle === inside || middle === outside) return outside;
      if (isInside(middle)) inside = middle;
      else outside = middle;
    }
  };
  return [search(0), search(1)];
}

/** Of the answers one after the other: their order makes no difference. */
function logMixture(successes: number, failures: number): number {
  let sum = 0;
  for (let count = 0; count < successes; count += 1) sum += Math.log((count + 0.5) / (count + 1));
  // After `successes` others.
  for (let count = 0; count < failures; count += 1) sum += Math.log((count + 0.5) / (successes + count + 1));
  return sum;
}

function logLikelihood(successes: number, failures: number, share: number): number {
  const ofSuccesses = successes === 0 ? 0 : successes * Math.log(share);
  return ofSuccesses + (failures === 0 ? 0 : failures * Math.log1p(-share));
}
