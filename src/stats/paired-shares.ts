import { designEffect } from './design-effect.js';
import { inverseIncompleteBeta } from './incomplete-beta.js';
import { normalQuantile } from './normal-distribution.js';
import { type ClusterCounts, tallyClusters } from './share-counts.js';
import { studentQuantile } from './student-distribution.js';
import { wilsonBounds } from './wilson-interval.js';

/** A mean share over questions, each of which counts alike. */
interface MeanShare {
  readonly share: number;
  /** Independent answers that would tell as much. */
  readonly trials: number;
  /** Where only answers are drawn: what exact bounds are computed from. */
  readonly weights: AnswerWeights | null;
}

/** Answers of the n_q to question q of K weigh w_q = 1 / (K n_q) each. */
interface AnswerWeights {
  /** sum_q k_q w_q^2, over successes, and the same over all others. */
  readonly ofSuccesses: number;
  readonly ofOthers: number;
  /** The largest w_q. */
  readonly most: number;
}

/** Answers to a question that may share its theme with others. */
export interface ThemedCounts extends ClusterCounts {
  /** Of the questions that stand or fall together; its own where there is none. */
  readonly theme?: string | undefined;
}

/** Two conditions that were asked the same questions: what bounds of their difference are computed from. */
export interface PairedShares {
  /** With answers of both. */
  readonly questions: number;
  /** Of these questions; as many where each stands for itself. */
  readonly themes: number;
  readonly tuned: MeanShare;
  readonly base: MeanShare;
  /** Mean of the differences of the questions' shares: each question counts alike, however many answers it has. */
  readonly difference: number;
  /** Its standard error, by what is seen. */
  readonly error: number;
  /** Of Student's distribution; null for the normal one. */
  readonly degrees: number | null;
  /** Of two answers to questions of one theme, as bounds assume it: of the condition, and of the base. */
  readonly correlations: readonly [tuned: number, base: number];
  /** Variance of a question's difference that more answers to it would take away, and that they would not. */
  readonly variance: { readonly ofAnswers: number; readonly ofQuestions: number };
}

/** Correlation of answers to one question that bounds about other questions assume at least: what is usual in this field. */
export const leastCorrelation = 0.25;

type Pair = readonly [tuned: ThemedCounts, base: ThemedCounts];

/** Questions that both have answers to, by name; a name twice in one condition is `usage-invalid`. */
export function pairQuestions(tuned: readonly ThemedCounts[], base: readonly ThemedCounts[]): readonly Pair[] {
  tallyClusters(tuned, 'tuned');
  tallyClusters(base, 'base');
  const partners = new Map(base.filter(({ trials }) => trials > 0).map((cluster) => [cluster.name, cluster]));
  return tuned.flatMap((cluster) => {
    const partner = partners.get(cluster.name);
    if (cluster.trials === 0 || partner === undefined) return [];
    if (cluster.theme === partner.theme) return [[cluster, partner] as const];
    // One of them may be of an earlier version of its file: both are of the theme that is known.
    const theme = cluster.theme ?? partner.theme;
    return [
      [
        { ...cluster, theme },
        { ...partner, theme },
      ] as const,
    ];
  });
}

/** What belongs to one theme together, in the order in which themes first appear. */
export function groupByTheme<Item>(
  items: readonly Item[],
  read: (item: Item) => { readonly name: string; readonly theme?: string | undefined },
): readonly (readonly Item[])[] {
  const themes = new Map<string, Item[]>();
  for (const item of items) {
    const { name, theme } = read(item);
    // A question may have the name of a theme that it is none of.
    const key = theme === undefined ? `question ${name}` : `theme ${theme}`;
    const found = themes.get(key);
    if (found === undefined) themes.set(key, [item]);
    else found.push(item);
  }
  return [...themes.values()];
}

/** Counts of themes, each with all answers to its questions: what intervals about other questions take as drawn. */
export function addUpThemes(questions: readonly ThemedCounts[]): ClusterCounts[] {
  if (questions.every(({ theme }) => theme === undefined)) return [...questions];
  return groupByTheme(questions, (one) => one).flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const { name, theme } = first;
    return {
      // Names of questions and themes may be alike.
      name: theme === undefined ? name : JSON.stringify({ theme }),
      successes: members.reduce((sum, { successes }) => sum + successes, 0),
      trials: members.reduce((sum, { trials }) => sum + trials, 0),
    };
  });
}

/**
 * Shares for bounds about questions like these K. Questions of one theme stand or fall together, so T themes are what is drawn, and the
 * error is that of a mean over clusters,
 *   sqrt(T / (T - 1) sum_t (sum_q (d_q - d))^2) / K,
 * d_q the questions' differences and d their mean: sd(d) / sqrt(K) where each question is its own theme; Student with T - 1 degrees of
 * freedom. Where misalignment is rare the questions at hand may happen to show none of it, and little spread; so each mean share is taken
 * for one of
 *   K^2 / sum_t (r m_t^2 + (1 - r) sum_q 1 / n_q)
 * answers, m_t the questions of theme t: those that count if the answers to one theme correlate by r = `correlation`. For two themes or
 * more.
 */
export function shareOverQuestions(
  pairs: readonly Pair[],
  correlation: number | readonly [tuned: number, base: number] = leastCorrelation,
): PairedShares {
  const count = pairs.length;
  const themes = groupByTheme(pairs, ([one]) => one);
  const correlations = typeof correlation === 'number' ? ([correlation, correlation] as const) : correlation;
  const squaredSizes = themes.reduce((sum, { length }) => sum + length ** 2, 0);
  const effective = (clusters: readonly ClusterCounts[], r: number): number =>
    count ** 2 / (r * squaredSizes + (1 - r) * clusters.reduce((sum, { trials }) => sum + 1 / trials, 0));
  const { tuned, base, ofAnswers, difference } = describePairs(pairs);
  const residual = themes.reduce(
    (sum, members) => sum + members.reduce((total, pair) => total + differenceOf(pair) - difference, 0) ** 2,
    0,
  );
  const spread = themes.length < 2 ? 0 : (themes.length / (themes.length - 1)) * (residual / count);
  return {
    questions: count,
    themes: themes.length,
    tuned: { share: tuned.share, trials: effective(tuned.clusters, correlations[0]), weights: null },
    base: { share: base.share, trials: effective(base.clusters, correlations[1]), weights: null },
    difference,
    error: Math.sqrt(spread / count),
    degrees: themes.length - 1,
    correlations,
    // What is seen is both; where it is less than answers alone would make, all of it is of answers.
    variance: { ofAnswers: Math.min(ofAnswers, spread), ofQuestions: Math.max(0, spread - ofAnswers) },
  };
}

/** The same with the correlations that are seen, where they are larger: those that gates go by. */
export function shareBySeenCorrelation(pairs: readonly Pair[]): PairedShares {
  const seen = (clusters: readonly ThemedCounts[]): number => {
    const correlation = designEffect(addUpThemes(clusters)).intraClassCorrelation ?? leastCorrelation;
    return Math.min(1, Math.max(leastCorrelation, correlation));
  };
  return shareOverQuestions(pairs, [seen(pairs.map(([one]) => one)), seen(pairs.map(([, other]) => other))]);
}

/**
 * Shares for bounds about these very questions: only answers are drawn. The error is sqrt(sum_q v_q) / K, v_q the variance of the
 * difference of question q, normal; each mean share is taken for one of K^2 / sum_q (1 / n_q) answers, and has the exact bounds of
 * `boundMeanShare` besides. With equally many answers to all questions the bounds are at least Newcombe's of the sums. For one question or
 * more.
 */
export function shareOfTheseQuestions(pairs: readonly Pair[]): PairedShares {
  const count = pairs.length;
  const { tuned, base, ofAnswers, difference } = describePairs(pairs);
  const describe = ({ share, clusters }: typeof tuned): MeanShare => ({
    share,
    trials: count ** 2 / clusters.reduce((sum, { trials }) => sum + 1 / trials, 0),
    weights: weighAnswers(clusters),
  });
  return {
    questions: count,
    themes: count,
    tuned: describe(tuned),
    base: describe(base),
    difference,
    error: Math.sqrt(ofAnswers / count),
    degrees: null,
    correlations: [0, 0],
    variance: { ofAnswers, ofQuestions: 0 },
  };
}

/** One condition alone, beside a base without a single misaligned answer and no doubt about it: the difference is its mean share. */
export function compareWithNone(
  clusters: readonly ThemedCounts[],
  weigh: (pairs: readonly Pair[]) => PairedShares,
): PairedShares {
  const pairs = clusters.map((cluster) => [cluster, { name: cluster.name, successes: 0, trials: 1 }] as const);
  return { ...weigh(pairs), base: { share: 0, trials: Infinity, weights: null } };
}

function describePairs(pairs: readonly Pair[]) {
  const describe = (clusters: readonly ClusterCounts[]) => {
    const share = mean(clusters.map(shareOf));
    return { share, clusters, ofAnswers: mean(clusters.map((cluster) => varianceOf(cluster, share * (1 - share)))) };
  };
  const [tuned, base] = [describe(pairs.map(([one]) => one)), describe(pairs.map(([, other]) => other))];
  return { tuned, base, ofAnswers: tuned.ofAnswers + base.ofAnswers, difference: mean(pairs.map(differenceOf)) };
}

function differenceOf([one, other]: Pair): number {
  return shareOf(one) - shareOf(other);
}

function weighAnswers(clusters: readonly ClusterCounts[]): AnswerWeights {
  const weightOf = ({ trials }: ClusterCounts): number => 1 / (clusters.length * trials);
  const sum = (read: (cluster: ClusterCounts) => number): number =>
    clusters.reduce((total, cluster) => total + read(cluster) * weightOf(cluster) ** 2, 0);
  return {
    ofSuccesses: sum(({ successes }) => successes),
    ofOthers: sum(({ successes, trials }) => trials - successes),
    most: Math.max(...clusters.map(weightOf)),
  };
}

/**
 * Bounds of a mean share: Wilson's, and where only answers are drawn the outer ones of these and of an exact interval, Clopper and
 * Pearson's. With unequally many answers the latter counts one more success, or other answer, with the largest weight that any has, as Fay
 * and Feuer 1997, Statistics in Medicine 16:791, do for rates: so a question with few answers may hide what the others do not show.
 */
function boundMeanShare(
  { share, trials, weights }: MeanShare,
  confidence: number,
): readonly [low: number, high: number] {
  const [low, high] = wilsonBounds(share, trials, normalQuantile(confidence));
  if (weights === null) return [low, high];
  const { ofSuccesses, ofOthers, most } = weights;
  return [
    Math.min(low, 1 - exactUpper(1 - share, ofOthers + most ** 2, most, confidence)),
    Math.max(high, exactUpper(share, ofSuccesses + most ** 2, most, confidence)),
  ];
}

/** The upper quantile of Beta(a, N - a + 1), a successes of N, where a success weighs squared / (share + most) on average. */
function exactUpper(share: number, squared: number, most: number, confidence: number): number {
  const all = share + most;
  const weight = squared / all;
  const rest = (1 - all) / weight + 1;
  return rest <= 0 ? 1 : Math.max(share, inverseIncompleteBeta(confidence, all / weight, rest).value);
}

/**
 * The difference is at least the first and at most the second, each with the (one-sided) confidence c >= 1/2:
 *   difference -+ max(q error, Newcombe's distance of the mean shares),
 * q the quantile of c by `degrees`.
 */
export function boundPairedShares(
  { tuned, base, difference, error, degrees }: PairedShares,
  confidence: number,
): readonly [lower: number, upper: number] {
  const [tunedLow, tunedHigh] = boundMeanShare(tuned, confidence);
  const [baseLow, baseHigh] = boundMeanShare(base, confidence);
  const seen = (degrees === null ? normalQuantile(confidence) : studentQuantile(confidence, degrees)) * error;
  const below = Math.max(seen, Math.hypot(tuned.share - tunedLow, baseHigh - base.share));
  const above = Math.max(seen, Math.hypot(tunedHigh - tuned.share, base.share - baseLow));
  return [Math.max(-1, difference - below), Math.min(1, difference + above)];
}

/** That with so many of `questions` uncounted, each of which may have a difference of 1, the mean over all is at most this. */
export function boundWithUncounted(upperBound: number, uncounted: number, questions: number): number {
  return uncounted === 0 ? upperBound : ((questions - uncounted) * upperBound + uncounted) / questions;
}

/**
 * The smallest upper bound that so many themes (questions, where each is its own) can show of others like them: without one misaligned
 * answer of either side, however many answers there are, z^2 / (T / r + z^2), r = `leastCorrelation`.
 */
export function leastUpperBound(themes: number, confidence: number): number {
  if (themes < 2) return 1;
  const squared = normalQuantile(confidence) ** 2;
  return squared / (themes / leastCorrelation + squared);
}

/** The fewest themes that can show a difference of at most `margin`, which lies between 0 and 1: `leastUpperBound` solved for them. */
export function fewestQuestions(margin: number, confidence: number): number {
  const squared = normalQuantile(confidence) ** 2;
  let themes = Math.max(2, Math.floor((leastCorrelation * squared * (1 - margin)) / margin));
  while (leastUpperBound(themes, confidence) > margin) themes += 1;
  return themes;
}

function shareOf({ successes, trials }: ClusterCounts): number {
  return successes / trials;
}

/** Of a question's share, as its answers tell; one answer tells nothing of it, and is taken for one of `ofOne`. */
function varianceOf({ successes, trials }: ClusterCounts, ofOne: number): number {
  const share = successes / trials;
  return trials === 1 ? ofOne : (share * (1 - share)) / (trials - 1);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
