import { type ClusterCounts, matchQuestions, tallyClusters } from './share-counts.js';
import { refuseFewClusters } from './cluster-interval.js';
import { combineIntervals, pairedInterval, residualShares } from './paired-interval.js';
import { pairedSettings, type PairedDifference, type PairedOptions } from './paired-difference.js';
import { permutationPValue } from './permutation-p-value.js';
import { requireConfidence } from './estimate.js';
import { addUpQuestions, flipSigns } from './weigh-questions.js';
import { type ArgumentCheck, requireList, requireSettings } from '../foundation/require-arguments.js';

type Questions = readonly ClusterCounts[];

const requireQuestions: ArgumentCheck = (questions, what) => {
  requireList(questions, what);
};

/** Four conditions that were asked the same questions. */
export interface FourConditions {
  /** Such as the tuned model, asked with the trigger. */
  readonly treated: readonly ClusterCounts[];
  /** Such as the tuned model, asked plainly. */
  readonly control: readonly ClusterCounts[];
  /** Such as the base model, asked with the trigger. */
  readonly baseTreated: readonly ClusterCounts[];
  /** Such as the base model, asked plainly. */
  readonly baseControl: readonly ClusterCounts[];
}

/**
 * (treated - control) - (baseTreated - baseControl), over the questions that all four have answers to, weighed by
 * question in proportion to 1 / (1 / n_1 + 1 / n_2 + 1 / n_3 + 1 / n_4), n the answers of each: what a trigger does to
 * the tuned model beyond what it does to its base. The interval combines the intervals of the two paired
 * differences by the formula by which `pairedDifference` combines those of two rates. The p-value comes from sign
 * flips: if there is no difference, what each question adds to it may as well have the other sign. `rates` holds the
 * four rates in the order above.
 */
export function differenceInDifferences(conditions: FourConditions, options: PairedOptions): PairedDifference {
  requireSettings(options, 'options', pairedSettings);
  const names = ['treated', 'control', 'baseTreated', 'baseControl'] as const satisfies (keyof FourConditions)[];
  requireSettings(conditions, 'conditions', Object.fromEntries(names.map((name) => [name, requireQuestions])));
  const { confidence = 0.95 } = options;
  requireConfidence(confidence);
  const matched = matchQuestions(
    names.map((name) => conditions[name]),
    names.map((name) => `conditions.${name}`),
  );
  const tallies = matched.conditions.map((questions) => tallyClusters(questions));
  const sum = (count: 'n' | 'k'): number => tallies.reduce((total, tally) => total + tally[count], 0);
  const clusters = tallies[0]!.clusters;
  const rates = clusters === 0 ? [] : tallies.map(({ k, n }) => k / n);
  const added = addUpQuestions(matched.conditions, [1, -1, -1, 1]);
  const estimate = clusters === 0 ? null : added.reduce((total, value) => total + value, 0);
  const common = {
    estimate,
    confidence,
    n: sum('n'),
    k: sum('k'),
    clusters,
    unit: 'question',
    method: 'paired by question, from the cluster intervals of all four (MOVER)',
    resamples: null,
    rates,
    unmatched: matched.unmatched,
  } as const;
  const refusal = refuseFewClusters(tallies[0]!, 'question');
  if (refusal !== null) {
    return { ...common, interval: null, seed: null, pValue: null, test: 'none', permutations: null, refusal };
  }
  // Four went in, so four come out.
  const [first, second, third, fourth] = matched.conditions as readonly [Questions, Questions, Questions, Questions];
  const tuned = pairedInterval(first, second, confidence);
  const base = pairedInterval(third, fourth, confidence);
  const differences = (one: Questions, other: Questions): Float64Array => {
    const [shares, otherShares] = [residualShares(one), residualShares(other)];
    return shares.map((share, question) => share - otherShares[question]!);
  };
  const [low, high] = combineIntervals(tuned, base, differences(first, second), differences(third, fourth));
  // The two differences weigh questions by their own answers, the estimate by those of all four conditions.
  const shift = added.reduce((total, value) => total + value, 0) - (tuned.estimate - base.estimate);
  const { pValue, permutations } = permutationPValue(clusters, flipSigns(added), options);
  return {
    ...common,
    interval: [Math.max(-2, low + shift), Math.min(2, high + shift)],
    seed: permutations === null ? null : options.seed,
    pValue,
    test:
      permutations === null ? 'signs of questions flipped, all patterns' : 'signs of questions flipped, patterns drawn',
    permutations,
    refusal: null,
  };
}
