import type { ClusterCounts } from './share-counts.js';
import { tallyClusters } from './tally-clusters.js';

/** Counts of the questions that all conditions have answers to, in one order of names. */
export interface MatchedQuestions {
  /** By condition, then question. */
  readonly conditions: readonly (readonly ClusterCounts[])[];
  /** Names of questions that some condition has no answers to, in order: they are left out. */
  readonly unmatched: readonly string[];
}

/** Matches the questions of several conditions by name; a name twice in one condition is `usage-invalid`. */
export function matchQuestions(conditions: readonly (readonly ClusterCounts[])[]): MatchedQuestions {
  const byName = conditions.map((questions) => {
    // For its checks alone.
    tallyClusters(questions);
    return new Map(questions.filter(({ trials }) => trials > 0).map((question) => [question.name, question]));
  });
  const names = [...new Set(conditions.flat().map(({ name }) => name))].sort();
  const matched = names.filter((name) => byName.every((questions) => questions.has(name)));
  return {
    // Every condition has them: that is what matched means.
    conditions: byName.map((questions) => matched.map((name) => questions.get(name)!)),
    unmatched: names.filter((name) => !matched.includes(name)),
  };
}
