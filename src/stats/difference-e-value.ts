import { DriftlineError } from '../foundation/driftline-error.js';
import { groupByTheme, pairQuestions, type ThemedCounts } from './paired-shares.js';
import type { ClusterCounts } from './share-counts.js';

/** Parts of the largest bet that can never lose more than there is. */
const bets = Array.from({ length: 20 }, (_, index) => (index + 0.5) / 20);

/** The e-value with this logarithm, at most 1e300: computed numbers end near 1.8e308, and a smaller e-value is one, too. */
export function eValueOfLog(log: number): number {
  return Math.min(1e300, Math.exp(log));
}

/**
 * An e-value for: of questions like these, the share of `tuned` is at most `margin` above that of `base`. With d_q = share of tuned less
 * share of base, from -1 to 1, over the questions that both have answers to, it is the mean over a fixed grid of l in (0, 1 / (1 + margin))
 * of
 *   prod_t (1 + l sum_q (d_q - margin) / m),
 * a factor for each theme t, whose questions stand or fall together, and m the most questions that any theme has: d_q - margin where each
 * question is its own theme. No factor is negative, and where themes are drawn independently and the claim is true, each expects to be at
 * most 1, and so does the mean of their products: it reaches 1 / a with a probability of at most a (Markov), for any
 * number of questions and answers. 0 to 1e300; 1 without any question. Waudby-Smith and Ramdas 2024, JRSS B 86:1
 * (betting on bounded means); for e-values, Vovk and Wang 2021, Annals of Statistics 49:1736.
 */
export function eValueOfQuestions(
  tuned: readonly ThemedCounts[],
  base: readonly ThemedCounts[],
  margin: number,
): number {
  requireMargin(margin);
  const themes = groupByTheme(pairQuestions(tuned, base), ([one]) => one);
  const most = Math.max(1, ...themes.map(({ length }) => length));
  const gains = themes.map((members) =>
    members.reduce(
      (sum, [one, other]) => sum + (one.successes / one.trials - other.successes / other.trials - margin) / most,
      0,
    ),
  );
  const log = logMean(bets.map((bet) => gains.reduce((sum, gain) => sum + Math.log1p((bet / (1 + margin)) * gain), 0)));
  return eValueOfLog(log);
}

/** Shares between which the mean share of the base is looked for: steps of a fiftieth, from a hundredth of a point on. */
const steps = [0, ...Array.from({ length: 466 }, (_, index) => 0.0001 * 1.02 ** index).filter((share) => share < 1), 1];

/**
 * The same claim of these very questions, each of which counts alike: only answers are drawn, all independently. For a number s, claim
 * that the mean share of base is at least s, and that of tuned at most t = s + margin. With k_q of n_q answers misaligned, and the smallest
 * n_q over n_q as part r_q, against the second stands, for any l in (0, 1 / t),
 *   E(t) = prod_q (1 + r_q l (1 - t))^k_q (1 - r_q l t)^(n_q - k_q),
 * whose expectation prod_q (1 + r_q l (p_q - t))^n_q is at most exp(l min n (sum_q p_q - K t)), which is at most 1; against the first
 * likewise F(s), with misaligned and other answers exchanged. Both are means over a grid of bets. Where the claim is true both of its
 * parts are, for s the true mean share of base, and E(s + margin) F(s) expects to be at most 1. So does its smallest value over all s:
 * here, as E falls and F rises with s, the smallest over steps of E at the upper and F at the lower end.
 * It is for one look at the end, for r_q knows of all that was kept; `driftEProcess` may be looked at as answers come.
 */
export function eValueOfTheseQuestions(
  tuned: readonly ClusterCounts[],
  base: readonly ClusterCounts[],
  margin: number,
): number {
  requireMargin(margin);
  const pairs = pairQuestions(tuned, base);
  if (pairs.length === 0) return 1;
  const own = pairs.map(([one]) => one);
  const others = pairs.map(([, { name, successes, trials }]) => ({ name, successes: trials - successes, trials }));
  const logs = steps.slice(0, -1).map((low, index) => {
    const high = steps[index + 1] ?? 1;
    // Of the base's answers that are not misaligned at most 1 - low is claimed.
    return logAgainst(own, high + margin) + logAgainst(others, 1 - low);
  });
  return eValueOfLog(Math.min(...logs));
}

/** Logarithm of the mean over bets against: the mean share over questions is at most `share`, which is above 0. */
function logAgainst(clusters: readonly ClusterCounts[], share: number): number {
  const fewest = Math.min(...clusters.map(({ trials }) => trials));
  return logMean(
    bets.map((bet) =>
      clusters.reduce((sum, { successes, trials }) => {
        const stake = (bet * fewest) / (share * trials);
        return sum + successes * Math.log1p(stake * (1 - share)) + (trials - successes) * Math.log1p(-stake * share);
      }, 0),
    ),
  );
}

function logMean(logs: readonly number[]): number {
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}

function requireMargin(margin: number): void {
  if (margin >= 0 && margin < 1) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${String(margin)} is not a margin`,
    hint: 'Give a share from 0 to below 1: 0.02 for two points.',
  });
}
